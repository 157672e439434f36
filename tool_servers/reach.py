"""Which addresses a server that a client named may have: the rule, without I/O (SECURITY.md).

A name that is allowed may stand for any address, today's or tomorrow's, so what counts is the
address that is connected to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from settings.mcp_hosts import AllowedHost, Place, address_of

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

METADATA = frozenset(
    ipaddress.ip_address(written)
    for written in (
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
"""Where clouds give their machines keys; one of them is even a public address."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


def entry_for(place: Place, entries: Iterable[AllowedHost]) -> AllowedHost | None:
    """Return the entry of `mcp.allowed_hosts` that allows a URL; an exact one before a wildcard."""
    fitting = [entry for entry in entries if entry.has(place)]
    return min(fitting, key=lambda entry: entry.below, default=None)


def may_connect(address: Address, entry: AllowedHost) -> bool:
    """Return whether a server that `entry` allows may be at `address`.

    Public addresses may always be connected to. Private ones and loopback may if the entry names
    the host itself; link-local ones, and those of `METADATA`, only if the entry is the address.
    """
    if address_of(entry.host) is not None:
        return str(address) == entry.host
    inner = _embedded(address)
    if inner is not None:
        # No server is found by such an address: it is a way to write another one.
        return _is_public(inner)
    if _is_public(address):
        return True
    return not entry.below and _is_own(address)


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not getattr(address, "is_site_local", False)
        and address not in METADATA
    )


def _is_own(address: Address) -> bool:
    """Return whether an address is this machine's, or of a network of one's own."""
    if address.is_loopback:
        return True
    return not (
        address.is_link_local
        or getattr(address, "is_site_local", False)
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or (address.version == 4 and int(address) < 1 << 24)
        or address in METADATA
    )
