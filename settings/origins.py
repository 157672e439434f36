"""Origins of web pages, in the one form in which they can be compared (§D.7).

A browser sends a page's origin as scheme, host and port (`https://app.example.com`), without the
scheme's default port and without a path. Settings are written less strictly: equivalent forms are
normalised, and what no browser sends is rejected.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from settings.localisation import _

ANY_ORIGIN = "*"
"""Stands for every origin; valid in the settings only."""
OPAQUE_ORIGIN = "null"
"""What browsers send for pages without an origin, such as files."""

_FORM = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>\d{0,5}))?",
    re.ASCII | re.IGNORECASE,
)
_BELOW_LOCALHOST = re.compile(r"([a-z0-9_-]+\.)+localhost")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NOT_OF_PAGES = ("ws", "wss", "file")
"""Schemes that no origin has: a page opens a WebSocket and is not one, and files have no origin."""


def normal_origin(text: str) -> str | None:
    """Return an origin as browsers write it; None: it is none.

    Args:
        text: An origin, as a header or a setting has it.
    """
    if text == OPAQUE_ORIGIN:
        return text
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    scheme, host = found["scheme"].lower(), found["host"].lower()
    port = int(found["port"]) if found["port"] else _DEFAULT_PORTS.get(scheme)
    if scheme in _NOT_OF_PAGES or (port or 0) > 65535:
        return None
    if host.startswith("["):
        try:
            host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
        except ValueError:
            return None
    said = "" if port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{host}{said}"


def is_local(origin: str) -> bool:
    """Return whether a page is this machine's own, so that it may connect unasked (§D.7).

    Desktop shells serve their pages as `tauri://localhost`, `capacitor://localhost`,
    `ionic://localhost`, `https://tauri.localhost` or `http://app.localhost:PORT`. Browsers resolve
    every name below `localhost` to loopback, so no other machine can serve such a page. In schemes
    of their own, only the exact name is trusted: what else stands there is no host name.

    Args:
        origin: As `normal_origin` returns it.
    """
    found = _FORM.fullmatch(origin)
    if found is None:
        return False
    host = found["host"]
    if host == "localhost":
        return True
    if _BELOW_LOCALHOST.fullmatch(host):
        return found["scheme"] in _DEFAULT_PORTS
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(place: str) -> bool:
    """Return whether a place, a host with or without a port, is an IP address and no name."""
    try:
        ipaddress.ip_address(urlsplit(f"//{place}").hostname or "")
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_here(url: str) -> bool:
    """Return whether a URL leads to this machine, and so past every proxy.

    A proxy of the environment is mostly another machine, whose own loopback that would be.
    """
    host = urlsplit(url).hostname or ""
    # Who connects to the address that means "all of this machine's" reaches this machine.
    return is_loopback(host) or host in ("0.0.0.0", "::")


def allowed_origin(written: str) -> str:
    """Return an origin of the settings as browsers write it, or `ANY_ORIGIN`.

    Args:
        written: As the setting has it; a trailing slash is allowed.

    Raises:
        ValueError: No page has that origin, so it would never match.
    """
    if written == ANY_ORIGIN:
        return written
    origin = normal_origin(written.rstrip("/"))
    if origin is None:
        raise ValueError(
            _(
                "{written!r} is nothing that a browser calls an origin; write "
                "https://app.example.com, https://app.example.com:8443, or * for all"
            ).format(written=written)
        )
    return origin
