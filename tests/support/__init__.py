"""Helpers that several tests share: a running server, strict clients, fakes."""
