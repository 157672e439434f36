"""Kubernetes' autoscaler: how many pods it wants, from what Prometheus saw, and how fast it goes.

As `replica_calculator.go` and `horizontal.go` of Kubernetes have it, for the two kinds of metric
that the chart offers: the sessions of each pod (metric type Pods) and their sum (type External).
The first averages over every pod that has the metric, and so over those that drain, whose sessions
get fewer, unless the query leaves them out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.fleet import figures as known
from benchmarks.fleet.deployment import Deployment
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.records import State

Kind = Literal["pods", "pods, draining too", "sum"]
UP_PERIOD_S = 60.0
DOWN_PERIOD_S = 300.0
UP_PODS = 4
"""The chart lets it double the pods, or add this many, in `UP_PERIOD_S`."""


def by_pods(loads: Sequence[float], missing: int, ready: int, replicas: int, target: float) -> int:
    """Return the wish of an autoscaler that averages over pods.

    Args:
        loads: Sessions of each pod that Prometheus saw, also of those that drain.
        missing: Pods that it did not see, and that are not about to end: they start, or are dead.
        ready: Those of `loads` that do not drain.
        replicas: Pods that there should be now.
        target: Sessions of a pod that it aims at.
    """
    if not loads:
        return replicas
    ratio = sum(loads) / len(loads) / target
    if not missing:
        return replicas if _close(ratio) else math.ceil(ratio * ready)
    # Nobody knows how busy they are: whatever makes the smaller change is believed.
    assumed = 0.0 if ratio >= 1 else target
    pods = len(loads) + missing
    cautious = (sum(loads) + missing * assumed) / pods / target
    if _close(cautious) or (ratio < 1) is not (cautious < 1):
        return replicas
    return math.ceil(cautious * pods)


def by_sum(sessions: float, replicas: int, target: float) -> int:
    """Return the wish of an autoscaler that divides a sum by what a pod should have."""
    if _close(sessions / (target * replicas)):
        return replicas
    return math.ceil(sessions / target)


def _close(ratio: float) -> bool:
    return abs(1 - ratio) <= known.TOLERANCE.value + 1e-9


@dataclass(slots=True)
class Pace:
    """How fast the number of pods may change: the chart's `behavior`."""

    wishes: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)

    def allowed(self, now: float, wish: int, replicas: int) -> int:
        """Return how many pods there are to be: up at once, down when nothing more was wished."""
        self.wishes.append((now, wish))
        since = now - known.SCALE_DOWN_AFTER.value
        self.wishes = [one for one in self.wishes if one[0] >= since]
        # Up goes what is wished now; down no lower than the most that was wished lately.
        calm = max(wished for _, wished in self.wishes)
        aim = wish if wish > replicas else min(replicas, calm)
        if aim > replicas:
            begin = replicas - self._changed(now - UP_PERIOD_S, up=True)
            aim = max(replicas, min(aim, max(2 * begin, begin + UP_PODS)))
        elif aim < replicas:
            begin = replicas - self._changed(now - DOWN_PERIOD_S, up=False)
            aim = min(replicas, max(aim, int(begin * (1 - known.SCALE_DOWN.value))))
        if aim != replicas:
            self.changes.append((now, aim - replicas))
        return aim

    def _changed(self, since: float, *, up: bool) -> int:
        return sum(by for when, by in self.changes if when >= since and (by > 0) is up)


class Autoscaler:
    """It looks at a fleet, and says how many pods there are to be."""

    def __init__(
        self,
        fleet: Fleet,
        deployment: Deployment,
        kind: Kind,
        *,
        target: float | None = None,
        least: int = 2,
    ) -> None:
        """Watch over a fleet from now on.

        Args:
            fleet: Which.
            deployment: What adds and ends its pods.
            kind: By which metric.
            target: Sessions of a pod that it aims at. None: the chart's.
            least: Pods that there are at least.
        """
        self._fleet = fleet
        self._deployment = deployment
        self._kind = kind
        self._target = target or known.PLANNED.value
        self._least = least
        self._pace = Pace()
        self._seen: dict[int, int] = {}
        fleet.every(known.SCRAPE.value, self._scrape, first=fleet.now)
        fleet.every(known.SYNC.value, self._look, first=fleet.now + known.SYNC.value / 2)

    def _scrape(self) -> None:
        asked = (State.READY, State.DRAINING)
        self._seen = {
            pod.number: len(pod.sessions) for pod in self._fleet.pods if pod.state in asked
        }

    def _look(self) -> None:
        replicas = self._deployment.replicas
        allowed = self._pace.allowed(self._fleet.now, self._wish(replicas), replicas)
        self._deployment.replicas = max(self._least, allowed)

    def _wish(self, replicas: int) -> int:
        pods = [pod for pod in self._fleet.pods if pod.number in self._seen]
        kept = [pod for pod in pods if pod.state is not State.DRAINING]
        there = len(self._fleet.wanted())
        if self._kind == "sum":
            sessions = sum(self._seen[pod.number] for pod in kept)
            return by_sum(sessions, there, self._target)
        counted = pods if self._kind == "pods, draining too" else kept
        loads = [self._seen[pod.number] for pod in counted]
        return by_pods(loads, there - len(kept), len(kept), replicas, self._target)
