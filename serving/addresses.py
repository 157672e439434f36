"""Where clients find the server, as each kind wants to be told it, and where clients are."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from starlette.requests import HTTPConnection

CLIENT = "x-realtime-client"
"""Header by which a worker tells another one the address of a client whose request it passes on."""
ANY_ADDRESS = ("0.0.0.0", "::")
"""Hosts that stand for every address of this machine; nobody can connect to them as written."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The server's addresses for people who are at `place`."""

    place: str
    """Host and port, as a URL has them."""
    path: str
    """`server.ws_path`."""
    secure: bool = False
    """Whether TLS is in front of it."""

    @property
    def websocket(self) -> str:
        """What a client connects to."""
        return f"ws{'s' * self.secure}://{self.place}{self.path}"

    @property
    def page(self) -> str:
        """The page for people with a browser."""
        return f"http{'s' * self.secure}://{self.place}/"

    @property
    def base_url(self) -> str | None:
        """What the `openai` SDK is told as `base_url`; it adds `/realtime`. None: it can't be."""
        base = self.path.removesuffix("/realtime")
        return None if base == self.path else self.page.rstrip("/") + base


def place(host: str, port: int) -> str:
    """Return host and port as a URL on this machine has them.

    Args:
        host: `server.host`.
        port: The TCP port that is bound.
    """
    if host in ANY_ADDRESS or host in ("127.0.0.1", "::1"):
        host = "localhost"
    try:
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    except ValueError:
        pass  # a name
    return f"{host}:{port}"


def client_of(connection: HTTPConnection) -> str:
    """Return the address of a client, for the log."""
    client = connection.client
    if client is not None:
        return f"{client.host}:{client.port}"
    # A Unix socket's peer has none. It is another worker, which knows its client, or a proxy.
    told = connection.headers.get(CLIENT, "")
    return told if told.isprintable() and 0 < len(told) <= 100 else "an unknown client"
