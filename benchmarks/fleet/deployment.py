"""Kubernetes' Deployment: as many pods as there are to be, and the new ones before the old go."""

from __future__ import annotations

import math

from benchmarks.fleet import figures as known
from benchmarks.fleet.gateways import Fleet
from benchmarks.fleet.records import Pod, State

LOOKS_S = 1.0


class Deployment:
    """It adds and ends pods of a fleet, with the chart's settings.

    Attributes:
        replicas: Pods that there are to be. Set it to change that.
        fewest: The lowest number that `replicas` has had.
    """

    def __init__(self, fleet: Fleet, *, drain_s: float) -> None:
        """Take over a fleet.

        Args:
            fleet: Which.
            drain_s: Seconds that a pod drains before it ends.
        """
        self.replicas = len(fleet.pods)
        self.fewest = self.replicas
        self._fleet = fleet
        self._drain_s = drain_s
        self._version = 0
        fleet.every(LOOKS_S, self._look, first=fleet.now)

    def update(self) -> None:
        """Replace all pods by new ones."""
        self._version += 1

    @property
    def updating(self) -> bool:
        """Whether there are old pods, such as drain among them."""
        return any(pod.version != self._version for pod in self._fleet.pods)

    def _look(self) -> None:
        self.fewest = min(self.fewest, self.replicas)
        there = self._fleet.wanted()
        old = [pod for pod in there if pod.version != self._version]
        new = len(there) - len(old)
        if old:
            most = math.ceil(self.replicas * (1 + known.SURGE.value))
            self._add(min(most - len(there), self.replicas - new))
            self._end(old, sum(map(self._available, there)) - self.replicas)
        else:
            self._add(self.replicas - new)
        self._end([pod for pod in there if pod.version == self._version], new - self.replicas)

    def _available(self, pod: Pod) -> bool:
        return pod.state is State.READY and self._fleet.now - pod.since >= known.MIN_READY.value

    def _add(self, count: int) -> None:
        for _ in range(count):
            self._fleet.add(version=self._version)

    def _end(self, pods: list[Pod], count: int) -> None:
        if count <= 0:
            return
        self._fleet.chance.shuffle(pods)
        # Of those that are ready, any; the others go first.
        pods.sort(key=lambda pod: pod.state is State.READY)
        for pod in pods[:count]:
            self._fleet.drain(pod, self._drain_s)
