"""The health check of images: asks `/health` where the server listens, however that was set.

    python -IS serving/process/health_check.py VARIABLE PORT

A flag, a variable, `.env` or a file may have set the port, and the host. So the system is asked
where a process of this container listens. Where it cannot tell, it is at the port that VARIABLE
names, or PORT. The standard library alone, since it runs every few seconds.
"""

from __future__ import annotations

import http.client
import os
import struct
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

PATIENCE_S = 4
_LISTENS = "0A"
_PROC = Path("/proc")


def main() -> None:
    """Exit with status 0 if a server says that it is healthy, else with 1."""
    variable, port = sys.argv[1:]
    usual = "127.0.0.1", int(os.environ.get(variable) or port)
    places = [*listening(_PROC)] or [usual]
    raise SystemExit(0 if any(healthy(host, port) for host, port in places) else 1)


def healthy(host: str, port: int) -> bool:
    """Return whether what listens there says that it is healthy."""
    # Without the proxies of the environment, which are not for this request.
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listening(proc: Path) -> Iterator[tuple[str, int]]:
    """Yield the hosts and TCP ports where processes listen that this one may look into.

    Args:
        proc: Where the system tells of its processes.
    """
    owned = {*_sockets(proc)}
    for table in ("tcp", "tcp6"):
        try:
            rows = (proc / "self" / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for _slot, local, _remote, state, *rest in (row.split() for row in rows):
            if state == _LISTENS and rest[5] in owned:
                address, port = local.split(":")
                yield _host(address), int(port, 16)


def _sockets(proc: Path) -> Iterator[str]:
    """Yield the numbers of the processes' sockets."""
    for link in proc.glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _host(address: str) -> str:
    """Return the address to ask, given the one that is listened at as the system writes it."""
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    host = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    if not host.is_unspecified:
        return str(host)
    return "127.0.0.1" if host.version == 4 else "::1"


if __name__ == "__main__":
    main()
