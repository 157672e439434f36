"""On which addresses of this machine calls arrive, and which ones clients are told.

A server on loopback stays private: it listens on that address alone, and announces no other. One
that serves a network listens on every address of every interface, or on those that
`webrtc.interfaces` names, and announces them, or what `webrtc.public_hosts` says instead.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

_EVERYWHERE = ("", "0.0.0.0", "::", "*")


@dataclass(frozen=True, slots=True)
class Adapter:
    """One address of this machine."""

    interface: str
    address: str


def own_addresses() -> list[Adapter]:
    """Return the addresses of this machine, without link-local ones, which browsers do not use."""
    import ifaddr

    found: list[Adapter] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if not ipaddress.ip_address(text).is_link_local:
                found.append(Adapter(adapter.nice_name, text))
    return found


def listening(host: str, interfaces: Sequence[str], own: Sequence[Adapter]) -> list[str]:
    """Return the addresses to listen on.

    Args:
        host: `server.host`, resolved to a number; empty, `0.0.0.0` or `::` mean everywhere.
        interfaces: `webrtc.interfaces`: names or addresses; empty: all.
        own: The addresses of this machine.

    Returns:
        Addresses, without doubles. Loopback is among them only if it is asked for, or if there is
        nothing else.
    """
    if interfaces:
        wanted = [one.address for one in own if {one.interface, one.address} & set(interfaces)]
        return list(dict.fromkeys(wanted))
    if host not in _EVERYWHERE:
        return [host]
    family = 4 if host == "0.0.0.0" else None
    fitting = [
        one.address
        for one in own
        if family is None or ipaddress.ip_address(one.address).version == family
    ]
    outside = [one for one in fitting if not ipaddress.ip_address(one).is_loopback]
    return list(dict.fromkeys(outside or fitting))


async def resolve(host: str) -> list[str]:
    """Return the addresses of a host, IPv4 first; a number is its own.

    Raises:
        OSError: Nobody knows the host.
    """
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    known = await loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    found = dict.fromkeys(str(info[4][0]) for info in known)
    return sorted(found, key=lambda address: ":" in address)
