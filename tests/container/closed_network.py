"""A network for one container, in which what it sends to others is counted and goes nowhere.

Loopback works, so a client on the same machine can talk to it. All other addresses lead to an
interface with nobody behind it: a library that would report something is noticed by that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NAMESERVER = "192.0.2.53"
"""An address for documentation, RFC 5737: names are asked for where it is counted."""
_OWN, _SOMEBODY = "192.0.2.1/24", "198.51.100.7"
_OUTSIDE, _NOBODY = "outside", "nobody"


@dataclass(frozen=True)
class ClosedNetwork:
    """A network namespace of the kernel's."""

    name: str

    def inside(self, *words: str) -> list[str]:
        """Return how to run a command in it."""
        return ["ip", "netns", "exec", self.name, *words]

    def sent(self) -> int:
        """Return how many packets have been sent to others."""
        file = f"/sys/class/net/{_OUTSIDE}/statistics/tx_packets"
        return int(subprocess.check_output(self.inside("cat", file), text=True))

    def send_one(self) -> None:
        """Send a datagram to somebody, as a library would that reports something."""
        program = (
            "import socket; socket.socket(type=socket.SOCK_DGRAM)"
            f".sendto(b'hello', ('{_SOMEBODY}', 53))"
        )
        subprocess.run(self.inside("python3", "-c", program), check=True)


@contextmanager
def closed_network(name: str) -> Iterator[ClosedNetwork]:
    """Make one, and remove it in the end."""
    network = ClosedNetwork(name)
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        # A cable, of which the other end is in nobody's hands.
        _ip("-n", name, "link", "add", _OUTSIDE, "type", "veth", "peer", "name", _NOBODY)
        for end in (_OUTSIDE, _NOBODY):
            # The kernel's own packets are none of a program's.
            _ip("-n", name, "link", "set", end, "addrgenmode", "none", "arp", "off")
            _ip("-n", name, "link", "set", end, "up")
        _ip("-n", name, "address", "add", _OWN, "dev", _OUTSIDE)
        _ip("-n", name, "route", "add", "default", "dev", _OUTSIDE)
        yield network
    finally:
        _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
