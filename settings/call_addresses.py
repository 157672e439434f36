"""Addresses of WebRTC calls, checked while they can still be mended.

A wrong one would show much later, and elsewhere: as a call that never connects, in a browser that
cannot say why.
"""

from __future__ import annotations

import ipaddress
import re

from settings.localisation import _

REPLICA = "{replica}"
"""What stands for a replica's name in `server.replica_url`."""

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}", re.I
)
_REPLICA = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9]+(-+[A-Za-z0-9]+|\.[A-Za-z0-9]+)*")
_INTERFACE = re.compile(r"[^\s,/]([^,/\r\n]{0,254}[^\s,/])?")
"""Windows has names of several words."""


def valid_public_host(written: str) -> str:
    """Return an entry of `webrtc.public_hosts`, validated: an address or a host name.

    Raises:
        ValueError: No client could send a datagram there.
    """
    address = _address(written)
    if address is None:
        # Digits and dots alone are an address with a mistake in it, not a name.
        if _HOST_NAME.fullmatch(written) and not re.fullmatch(r"[\d.]+", written):
            return written.lower()
    elif not (address.is_unspecified or address.is_multicast):
        return str(address)
    raise ValueError(
        _(
            "{written} is no host that a client can send to; write the address or the name by "
            "which clients reach this machine, without a port, such as 203.0.113.7 or "
            "voice.example.com"
        ).format(written=repr(written))
    )


def valid_interface(written: str) -> str:
    """Return an entry of `webrtc.interfaces`, validated: an address, or the name of an interface.

    Raises:
        ValueError: No interface has that name or address.
    """
    address = _address(written)
    if address is None:
        if _INTERFACE.fullmatch(written) and not re.fullmatch(r"[\d.]+", written):
            return written
    elif not (address.is_unspecified or address.is_multicast):
        return str(address)
    raise ValueError(
        _(
            "{written} is no network interface; write the name or the address of one, such as "
            "eth0 or 192.168.1.20, or leave the list empty for all of them"
        ).format(written=repr(written))
    )


def valid_replica(written: str | None) -> str | None:
    """Return `server.replica`, validated: it becomes part of call ids.

    Raises:
        ValueError: No host could have the name, so it can stand in no URL.
    """
    if written is not None and not _REPLICA.fullmatch(written):
        raise ValueError(
            _(
                "{written} is no name of a replica; it must be up to 63 letters and digits of "
                "ASCII, with - or . between them, such as voice-0 or 10.0.0.7"
            ).format(written=repr(written))
        )
    return written


def valid_replica_url(written: str | None) -> str | None:
    """Return `server.replica_url`, validated: a URL with `REPLICA` in place of a replica's name.

    Raises:
        ValueError: No replica could be reached by it, or all of them would be the same one.
    """
    if written is None:
        return None
    url = written.rstrip("/")
    form = r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?(/[a-z0-9._~/-]*)?"
    if REPLICA not in url or not re.fullmatch(form, url.replace(REPLICA, "0"), re.ASCII | re.I):
        raise ValueError(
            _(
                "{written} does not say where each replica is; it must be a URL that begins with "
                "http:// or https:// and has {replica} in place of the replica's name, such as "
                "http://{replica}.voice.internal:8000"
            ).format(written=repr(written), replica=REPLICA)
        )
    return url


def _address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(written)
    except ValueError:
        return None
