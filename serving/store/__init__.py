"""The store that several servers share, a server of Redis' protocol: what they know of each other.

It is optional, and nobody's life depends on it: while it cannot be reached, each process decides by
what it knows itself.

Other wings may enter by the modules in `__all__`.
"""

__all__ = ["connection", "kept_sessions", "lease_commands", "leases", "link"]
