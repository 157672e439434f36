"""Hosts of MCP servers that clients may name: what the operator writes, and what a URL says.

One reading of a URL serves the check and the connection: were there two, a URL that they read
differently would pass the one and reach another host by the other.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from settings.localisation import _

USUAL_PORTS = {"http": 80, "https": 443}
_LONGEST_HOST = 253
_NAME = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last part of a host by which programs take the whole for an IPv4 address."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name in small letters, or an address as `ipaddress` writes it."""
    port: int
    path: str
    """With the query."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an address and not a name."""
        return address_of(self.host) is not None

    @property
    def origin(self) -> str:
        """Scheme, host and port, which may be shown to anybody: keys are in paths and queries."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == USUAL_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        """The URL, written anew from its parts."""
        return f"{self.origin}{self.path}"


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """An entry of `mcp.allowed_hosts`."""

    scheme: str
    host: str
    port: int
    below: bool = False
    """Whether it stands for all names below the host, and not for the host itself."""

    def has(self, place: Place) -> bool:
        """Return whether a URL that leads to `place` is allowed by this entry."""
        if (place.scheme, place.port) != (self.scheme, self.port):
            return False
        if self.below:
            return not place.is_address and place.host.endswith(f".{self.host}")
        return place.host == self.host


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is; None: it is a name, or nothing at all."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def read_place(url: str) -> Place:
    """Read a URL of an MCP server.

    Raises:
        ValueError: It is none, or has what no such URL needs: credentials, a fragment, characters
            that programs read differently. The message quotes nothing of it.
    """
    if not url:
        raise ValueError(_("it is empty"))
    if not re.fullmatch(r"[!-~]+", url) or re.search(r'[\\"<>^`{|}]', url):
        raise ValueError(_("it has characters that no URL has; write it in ASCII, encoded"))
    parts = urlsplit(url)
    if parts.scheme not in USUAL_PORTS:
        raise ValueError(_("it must begin with https:// or http://"))
    if "@" in parts.netloc:
        raise ValueError(_("it must not hold a user or a password; use authorization or headers"))
    if parts.fragment or url.endswith("#"):
        raise ValueError(_("it must have no fragment (#…)"))
    path = parts.path or "/"
    host, port = _host_and_port(parts)
    return Place(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def read_allowed_host(written: str) -> AllowedHost:
    """Read an entry of `mcp.allowed_hosts`: `[http://](*.)host[:port]`.

    Raises:
        ValueError: It is no such entry.
    """
    scheme, rest = "https", written.strip().lower()
    for named in USUAL_PORTS:
        if rest.startswith(f"{named}://"):
            scheme, rest = named, rest.removeprefix(f"{named}://")
    below = rest.startswith("*.")
    rest = rest.removeprefix("*.")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = _host_and_port(parts)
        whole = not parts.path and not parts.query and not parts.fragment and "@" not in rest
        # `*.com` would be half of the internet, and `*.10.0.0.1` nothing.
        sensible = not below or ("." in host and address_of(host) is None)
    except ValueError:
        whole = sensible = False
    if not whole or not sensible:
        raise ValueError(
            _(
                "{written} is no host of MCP servers; write a name or an address, with its port if "
                "that is not 443, such as mcp.example.com, *.example.com or "
                "http://127.0.0.1:8931"
            ).format(written=repr(written))
        )
    return AllowedHost(scheme, host, port, below)


def _host_and_port(parts: SplitResult) -> tuple[str, int]:
    written = (parts.hostname or "").lower()
    host = written.removesuffix(".")
    address = address_of(host)
    if address is not None:
        if getattr(address, "scope_id", None):
            raise ValueError(_("its address must not name a network interface"))
        host = str(address)
    elif (
        len(host) > _LONGEST_HOST
        or not _NAME.fullmatch(host)
        # An address in a form that only some programs read.
        or _NUMBER.fullmatch(host.rpartition(".")[2])
    ):
        raise ValueError(_("its host is neither a name nor an address"))
    try:
        port = parts.port
    except ValueError:
        raise ValueError(_("its port is no number from 1 to 65535")) from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(_("its port is no number from 1 to 65535"))
    return host, port or USUAL_PORTS[parts.scheme]
