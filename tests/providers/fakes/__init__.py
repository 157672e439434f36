"""Vendors' services on loopback, as they are documented."""
