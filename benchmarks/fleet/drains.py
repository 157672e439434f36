"""What `server.drain_s` saves: the share of sessions that a pod cuts when it is told to end."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import fmean

from benchmarks.fleet import figures as known
from benchmarks.fleet.clients import Talk
from benchmarks.fleet.table import percent, seconds, table

DRAINS_S = (0, 60, 300, 600, 1200, 1800, 3600)
PODS = 300
"""Ends of pods that are tried."""
TALKS: tuple[tuple[str, Talk], ...] = (
    ("1 min", Talk(60)),
    ("5 min", Talk(300)),
    ("15 min", Talk(900)),
    ("5 min, half of them under 2", Talk(300, tail=1.35)),
)


def ends(talk: Talk, pods: int, sessions: int, seed: int = 0) -> list[list[float]]:
    """Return, for each pod that is told to end, when each of its sessions would be over."""
    chance = Random(seed)
    return [talk.left(sessions, chance) for _ in range(pods)]


def cut(left: Sequence[Sequence[float]], drain_s: float) -> float:
    """Return the share of sessions that go on for longer than that."""
    everyone = [one for pod in left for one in pod]
    return sum(one > drain_s for one in everyone) / len(everyone)


def lasts(left: Sequence[Sequence[float]], drain_s: float) -> float:
    """Return the seconds after which a pod has ended, on average."""
    return fmean(min(drain_s, max(pod)) for pod in left)


def drains() -> str:
    """Make the table."""
    found = [ends(talk, PODS, int(known.PLANNED.value)) for _, talk in TALKS]
    rows = []
    for drain_s in DRAINS_S:
        shares = (percent(cut(left, drain_s)) for left in found)
        rows.append([f"{drain_s:,}", *shares, seconds(lasts(found[1], drain_s))])
    head = [
        "`server.drain_s`",
        *(f"conversations of {name}" for name, _ in TALKS),
        "the pod has ended after (5 min)",
    ]
    return table(head, rows)
