"""Ports of this machine for servers that cannot be given 0."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a TCP port at which nobody listens at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
