"""A fleet of gateways: pods that fill, drain, die and are added, second by second.

A session lives in its pod and ends with it. Where a pod is told to end, it takes no new sessions,
and those that it has go on for as long as it drains; what is left then is cut. Where it is killed,
all are. Their clients come back (`clients`) and find a place elsewhere, or none.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from benchmarks.fleet import figures as known
from benchmarks.fleet.clients import USUAL, Talk, delay_before
from benchmarks.fleet.records import Client, Count, Pod, State

Chooser = Callable[["Fleet"], Pod]


def at_random(fleet: Fleet) -> Pod:
    """Choose as a Kubernetes Service does."""
    return fleet.chance.choice(fleet.listed)


def of_two(fleet: Fleet) -> Pod:
    """Choose as Envoy does: of two at random, the one with fewer sessions."""
    one, other = fleet.chance.choice(fleet.listed), fleet.chance.choice(fleet.listed)
    return one if len(one.sessions) <= len(other.sessions) else other


def fewest(fleet: Fleet) -> Pod:
    """Choose as nginx's `least_conn` and HAProxy's `leastconn` do."""
    return min(fleet.listed, key=lambda pod: len(pod.sessions))


class Fleet:
    """The pods, their clients, and a clock."""

    def __init__(
        self,
        pods: int,
        *,
        sessions: int = 0,
        zones: int = 3,
        start_s: float | None = None,
        room: int | None = None,
        talk: Talk = USUAL,
        choose: Chooser = of_two,
        seed: int = 0,
    ) -> None:
        """Begin with pods that are ready.

        Args:
            pods: How many.
            sessions: Those that are open already, evenly.
            zones: Pods are spread over so many.
            start_s: Seconds from a new pod's creation until it gets sessions. None: on a node that
                is there.
            room: Pods that there are nodes for; further ones wait for one that ends. None: any
                number.
            talk: How long conversations last.
            choose: How the balancer chooses.
            seed: Of chance.
        """
        self.chance = Random(seed)
        self.now = 0.0
        self.counts = Count()
        self.pods: list[Pod] = []
        self.listed: list[Pod] = []
        self.places = int(known.PLACES.value)
        self.start_s = start_seconds() if start_s is None else start_s
        self._talk = talk
        self._choose = choose
        self._zones = zones
        self._room = room
        self._waiting: list[Pod] = []
        self._clients: dict[int, Client] = {}
        self._numbers = count()
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        for _ in range(pods):
            self._ready(self._add())
        for at, left in enumerate(talk.left(sessions, self.chance)):
            client = Client(next(self._numbers), left)
            self._clients[client.number] = client
            self._seat(client, self.pods[at % pods])

    # --- the clock ------------------------------------------------------------------------------

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Do something at a time, in seconds."""
        heapq.heappush(self._due, (when, next(self._order), act))

    def every(self, period: float, act: Callable[[], None], *, first: float = 0.0) -> None:
        """Do something again and again."""

        def again() -> None:
            act()
            self.at(self.now + period, again)

        self.at(first, again)

    def run(self, until: float) -> None:
        """Let time pass until then, in seconds."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = until

    # --- clients --------------------------------------------------------------------------------

    def arrivals(self, rate: Callable[[float], float], until: float) -> None:
        """Let new clients come at random.

        Args:
            rate: How many a second, at a time in seconds; it changes slowly against its inverse.
            until: No more come after that.
        """

        def come() -> None:
            client = Client(next(self._numbers), self._talk.draw(self.chance), came=self.now)
            self._clients[client.number] = client
            self._try(client)
            later()

        def later() -> None:
            when = self.now + self.chance.expovariate(max(rate(self.now), 1e-9))
            if when < until:
                self.at(when, come)

        later()

    def steady(self, sessions: float, until: float) -> None:
        """Let so many come that this many are there, on average."""
        rate = sessions / self._talk.mean_s
        self.arrivals(lambda _now: rate, until)

    @property
    def open_sessions(self) -> int:
        """Sessions in all pods."""
        return sum(len(pod.sessions) for pod in self.pods)

    @property
    def running(self) -> int:
        """Pods that have a node."""
        return len(self.pods) - len(self._waiting)

    def _try(self, client: Client) -> None:
        for _ in range(int(known.TRIES.value)):
            if not self.listed:
                break
            pod = self._choose(self)
            if pod.state is State.READY and len(pod.sessions) < self.places:
                if client.attempt:
                    waited = self.counts.returns if client.was_cut else self.counts.waits
                    waited.append(self.now - client.came)
                client.ends += self.now
                self._seat(client, pod)
                return
            self.counts.full += 1
        self.counts.turned_away += 1
        self.counts.refused += not client.attempt
        self._again(client)

    def _again(self, client: Client) -> None:
        client.attempt += 1
        delay = delay_before(client.attempt, self.chance)
        if delay is None:
            self.counts.gave_up += 1
            self.counts.lost += client.was_cut
            del self._clients[client.number]
        else:
            self.at(self.now + delay, lambda: self._try(client))

    def _seat(self, client: Client, pod: Pod) -> None:
        client.pod, client.attempt, client.was_cut = pod, 0, False
        pod.sessions.add(client.number)
        self.counts.placed += 1
        self.counts.busiest = max(self.counts.busiest, len(pod.sessions))
        self.at(client.ends, lambda: self._hang_up(client, pod))

    def _hang_up(self, client: Client, pod: Pod) -> None:
        # It may have been cut, and be elsewhere.
        if client.pod is pod and client.ends <= self.now:
            pod.sessions.discard(client.number)
            del self._clients[client.number]
            client.pod = None
            self._over(pod)

    def _cut(self, pod: Pod, notice: tuple[float, float]) -> None:
        for number in sorted(pod.sessions):
            client = self._clients[number]
            self.counts.cut += 1
            client.pod = None
            client.ends -= self.now
            client.came, client.was_cut = self.now, True
            when = self.now + self.chance.uniform(*notice)
            self.at(when, lambda client=client: self._again(client))  # type: ignore[misc]
        pod.sessions.clear()

    # --- pods -----------------------------------------------------------------------------------

    def add(self, *, version: int = 0) -> Pod:
        """Start a pod, as soon as there is a node for it."""
        pod = self._add(version)
        self._waiting.append(pod)
        self._schedule()
        return pod

    def drain(self, pod: Pod, drain_s: float) -> None:
        """Tell a pod to end: it is taken off the balancer, drains, and cuts what is left."""
        if pod.state is State.STARTING:
            self._gone(pod)
            return
        pod.state = State.DRAINING
        self._unlist(pod)
        self.at(self.now + known.PRE_STOP.value + drain_s, lambda: self._end(pod))
        self._over(pod)

    def kill(
        self, pod: Pod, *, notice: tuple[float, float] | None = None, known_after: float = 0.0
    ) -> None:
        """Let a pod die.

        Args:
            pod: Which.
            notice: Seconds until its clients know, at least and at most. None: at once, since
                their connections are reset.
            known_after: Seconds until the balancer leaves it out.
        """
        pod.state = State.DEAD
        self._cut(pod, notice or (known.NOTICE.value, known.NOTICE.value))
        self.at(self.now + known_after, lambda: self._unlist(pod))

    def forget(self, pod: Pod) -> None:
        """Take a dead pod off the books, so that another one takes its place."""
        self._gone(pod)

    def ready(self) -> list[Pod]:
        """Return the pods that take sessions."""
        return [pod for pod in self.pods if pod.state is State.READY]

    def wanted(self) -> list[Pod]:
        """Return the pods that count as replicas: all but those that drain."""
        return [pod for pod in self.pods if pod.state is not State.DRAINING]

    def _add(self, version: int = 0) -> Pod:
        there = [sum(pod.zone == at for pod in self.wanted()) for at in range(self._zones)]
        pod = Pod(next(self._numbers), there.index(min(there)), version=version)
        self.pods.append(pod)
        return pod

    def _schedule(self) -> None:
        while self._waiting and (self._room is None or self.running < self._room):
            pod = self._waiting.pop(0)
            self.at(self.now + self.start_s, lambda pod=pod: self._ready(pod))  # type: ignore[misc]

    def _ready(self, pod: Pod) -> None:
        if pod.state is State.STARTING and pod in self.pods:
            pod.state, pod.since = State.READY, self.now
            pod.listed = True
            self.listed.append(pod)

    def _unlist(self, pod: Pod) -> None:
        if pod.listed:
            pod.listed = False
            self.listed.remove(pod)

    def _end(self, pod: Pod) -> None:
        self._cut(pod, (known.NOTICE.value, known.NOTICE.value))
        self._over(pod)

    def _over(self, pod: Pod) -> None:
        if pod.state is State.DRAINING and not pod.sessions and pod in self.pods:
            self._gone(pod)

    def _gone(self, pod: Pod) -> None:
        self._unlist(pod)
        if pod in self._waiting:
            self._waiting.remove(pod)
        if pod in self.pods:
            self.pods.remove(pod)
        self._schedule()


def start_seconds(*, new_node: bool = False) -> float:
    """Return the seconds from a pod's creation until it gets sessions."""
    node = known.NEW_NODE.value if new_node else 0.0
    return node + known.SCHEDULING.value + known.START_S.value + known.PROBES.value
