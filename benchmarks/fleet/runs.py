"""Fleets of the sizes that the page names, run: is there a place for everybody?

Up to 10,000 sessions each one is simulated. A fleet that has as many pods as `sizing` says takes
its usual clients for a quarter of an hour; then one of its pods is killed, and starts again.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet import figures as known
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.sizing import pods_for
from benchmarks.fleet.table import number, percent, seconds, table

SESSIONS = (100, 1_000, 10_000)
KILLED_S = 900.0
LASTS_S = 1020.0


@dataclass(slots=True)
class Run:
    """What became of clients."""

    pods: int
    came: int
    refused: float
    """Share of those who came, and found no place at once."""
    busiest: int
    """Most sessions of a pod, until one was killed."""
    cut: float
    """Share of the sessions, when it was."""
    busiest_then: int
    """Most sessions of a pod after that."""
    back_s: float
    """Seconds after which the last of them was back."""
    lost: int
    """Those of them who gave up."""


def run(sessions: int, seed: int = 6) -> Run:
    """Run a fleet of that size."""
    pods = pods_for(sessions)
    fleet = Fleet(pods, sessions=sessions, seed=seed)
    Deployment(fleet, drain_s=3600)
    counts = fleet.counts
    counts.placed = 0
    fleet.steady(sessions, LASTS_S)
    fleet.run(KILLED_S)
    came, refused, busiest, there = (
        counts.placed + counts.gave_up,
        counts.refused,
        counts.busiest,
        fleet.open_sessions,
    )
    killed = max(fleet.pods, key=lambda pod: len(pod.sessions))
    counts.busiest = 0
    fleet.kill(killed)
    fleet.at(KILLED_S + known.PROBES.value, lambda: fleet.forget(killed))
    fleet.run(LASTS_S)
    return Run(
        pods=pods,
        came=came,
        refused=refused / came,
        busiest=busiest,
        cut=counts.cut / there,
        busiest_then=counts.busiest,
        back_s=max(counts.returns, default=0.0),
        lost=counts.lost,
    )


def runs() -> str:
    """Make the table."""
    rows = []
    for sessions in SESSIONS:
        one = run(sessions)
        rows.append(
            [
                f"{sessions:,}",
                number(one.pods),
                number(one.came),
                percent(one.refused),
                number(one.busiest),
                percent(one.cut),
                seconds(one.back_s),
                number(one.lost),
                number(one.busiest_then),
            ]
        )
    head = [
        "sessions",
        "gateways",
        "clients who came",
        "found no place at once",
        "busiest gateway",
        "one is killed: sessions cut",
        "all are back after",
        "gave up",
        "busiest gateway then",
    ]
    return table(head, rows)
