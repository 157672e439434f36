"""What stands between a client and its gateway, and what it costs: why not Ray.

Measured once: two shared cores, Python 3.11, Ray 2.60, November 2026; an echo of WebSocket
messages, 50 of 1.3 kB a second each way, without TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet import figures as known
from benchmarks.fleet.table import number, table

SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Path:
    """A way that sessions can take."""

    name: str
    least: float
    """CPU of all processes on it, in ms per session-second."""
    most: float
    added: str
    """What it adds to a message's time."""


_LEAST, _MOST = 4.0, 5.4
"""Of uvicorn."""


def _behind(name: str, proxy: known.Figure) -> Path:
    return Path(f"{name}, uvicorn", _LEAST + proxy.value, _MOST + proxy.value, "0.1 ms")


PATHS = (
    Path("uvicorn alone", _LEAST, _MOST, "–"),
    _behind("HAProxy", known.HAPROXY_CPU),
    _behind("Envoy", known.ENVOY_CPU),
    Path("Ray Serve, its HAProxy ingress", 12.0, 14.0, "0.3 ms"),
    Path("Ray Serve, its default proxy", 92.0, 116.0, "3 to 6 ms, 30 at p99"),
)


def paths() -> str:
    """Make the table."""
    rows = [
        [
            path.name,
            f"{number(path.least)} to {number(path.most)}",
            path.added,
            number(SESSIONS * (path.least + path.most) / 2 / 1000 / known.LOAD.value),
        ]
        for path in PATHS
    ]
    head = [
        "sessions go through",
        "CPU, ms per session-second",
        "added, median",
        f"cores for {SESSIONS:,} sessions, the server not counted",
    ]
    return table(head, rows)
