"""More clients than before: does the autoscaler have the pods ready in time?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.fleet import figures as known
from benchmarks.fleet.autoscaler import Autoscaler, Kind
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet, start_seconds
from benchmarks.fleet.table import number, percent, seconds, table

PODS = 15
BEGINS_S = 60.0
LASTS_S = 660.0
FACTORS = (2.0, 3.0)
CROWD_S = 60.0
"""Within which a crowd comes."""
CROWDS = (0.5, 1.0)
"""Of the sessions that there are."""
TARGETS = (50.0, known.PLANNED.value, 85.0)


@dataclass(slots=True)
class Surge:
    """What became of those who came in it."""

    refused: float
    """Share that found no place at once."""
    gave_up: float
    """Share that found none at all."""
    pods: int
    """At its end."""


def surge(
    factor: float,
    *,
    target: float,
    new_nodes: bool,
    crowd: float = 0.0,
    kind: Kind = "pods",
    seed: int = 4,
) -> Surge:
    """Let more clients come than before, for ten minutes.

    Args:
        factor: How many times as many come, from one moment on.
        target: Sessions of a pod that the autoscaler aims at.
        new_nodes: Pods wait for a new node.
        crowd: Besides, so many come within `CROWD_S`, of the sessions that there are.
        kind: The autoscaler.
        seed: Of chance.
    """
    sessions = int(PODS * target)
    fleet = Fleet(PODS, sessions=sessions, start_s=start_seconds(new_node=new_nodes), seed=seed)
    Autoscaler(fleet, Deployment(fleet, drain_s=3600), kind, target=target)
    usual = sessions / (known.CONVERSATION.value * 60)

    def rate(now: float) -> float:
        if now < BEGINS_S:
            return usual
        more = crowd * sessions / CROWD_S if now < BEGINS_S + CROWD_S else 0.0
        return factor * usual + more

    fleet.arrivals(rate, LASTS_S)
    fleet.run(BEGINS_S)
    before = fleet.counts.placed
    fleet.run(LASTS_S)
    came = fleet.counts.placed - before + fleet.counts.gave_up
    return Surge(fleet.counts.refused / came, fleet.counts.gave_up / came, len(fleet.wanted()))


def longest(factor: float, target: float) -> float:
    """Return the seconds until all places are taken, if no pod is added.

    Args:
        factor: How many times as many come.
        target: Sessions of a pod before.
    """
    share = (known.PLACES.value / target - 1) / (factor - 1)
    return -known.CONVERSATION.value * 60 * math.log(1 - share) if share < 1 else math.inf


def surges() -> str:
    """Make the table: of those who came, who found no place at once, and who found none at all."""
    cases = [(factor, 0.0) for factor in FACTORS] + [(1.0, crowd) for crowd in CROWDS]
    times = (start_seconds(), start_seconds(new_node=True))
    rows = []
    for target in TARGETS:
        for new_nodes in (False, True):
            row = [f"{target:.0f}", seconds(times[new_nodes])]
            for factor, crowd in cases:
                one = surge(factor, target=target, new_nodes=new_nodes, crowd=crowd)
                row.append(f"{percent(one.refused)}; {percent(one.gave_up)}")
            rows.append(row)
    head = [
        "sessions a pod before",
        "a new pod takes",
        *(f"{number(factor)} times as many come" for factor in FACTORS),
        *(f"{percent(crowd)} more within a minute" for crowd in CROWDS),
    ]
    return table(head, rows)
