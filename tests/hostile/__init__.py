"""Clients that mean harm: what they send, and what must hold whatever that is."""
