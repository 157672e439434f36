"""Pools of models: how far many places may be loaded, by the formula and by a simulation.

The formula is about one line before all places. Behind a balancer every server has a line of its
own, which is what `spread` is about.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from random import Random

from benchmarks.fleet import figures as known
from benchmarks.fleet.erlang import load_for
from benchmarks.fleet.table import number, percent, table

SIZES = (1, 2, 4, 8, 16, 32, 64)
CALLS = 100_000
FEWER_CALLS = 20_000
"""Where a rough figure does."""


@dataclass(frozen=True, slots=True)
class Line:
    """What became of calls."""

    late: float
    """Share of those that waited longer than they should."""
    refused: float
    """Share of those that found the queue full."""


def simulate(
    places: int,
    load: float,
    *,
    wait: float,
    call: float,
    calls: int = CALLS,
    alike: bool = False,
    queue: int | None = None,
    seed: int = 0,
) -> Line:
    """Let calls come at random, and wait in one line for the first place.

    Args:
        places: Calls that are worked on at a time.
        load: Calls that come, of those that the places can do.
        wait: A longer wait is late; in the unit of `call`.
        call: How long a call takes on average.
        calls: How many.
        alike: Each takes as long as the next; otherwise exponentially distributed.
        queue: Calls that may wait; one more is refused. None: any number.
        seed: Of chance.
    """
    chance = Random(seed)
    free = [0.0] * places
    begins: deque[float] = deque()
    now, late, refused = 0.0, 0, 0
    for _ in range(calls):
        now += chance.expovariate(places * load / call)
        while begins and begins[0] <= now:
            begins.popleft()
        if queue is not None and len(begins) >= queue:
            refused += 1
            continue
        begin = max(now, free[0])
        if begin > now:
            begins.append(begin)
            late += begin - now > wait
        heapq.heapreplace(free, begin + (call if alike else chance.expovariate(1 / call)))
    return Line(late / calls, refused / calls)


def spread(
    servers: int,
    places: int,
    load: float,
    *,
    choices: int,
    wait: float,
    call: float,
    calls: int = FEWER_CALLS,
    seed: int = 0,
) -> float:
    """Return the share of calls that are late where each server has a line of its own.

    Args:
        servers: How many.
        places: Those of each.
        load: See `simulate`.
        choices: Of so many servers, taken at random, a call goes to the one that has fewest; 1 is
            chance alone.
        wait: See `simulate`.
        call: See `simulate`.
        calls: See `simulate`.
        seed: See `simulate`.
    """
    chance = Random(seed)
    free = [[0.0] * places for _ in range(servers)]
    ends: list[list[float]] = [[] for _ in range(servers)]
    now, late = 0.0, 0

    def busy(server: int) -> int:
        while ends[server] and ends[server][0] <= now:
            heapq.heappop(ends[server])
        return len(ends[server])

    for _ in range(calls):
        now += chance.expovariate(servers * places * load / call)
        server = min((chance.randrange(servers) for _ in range(choices)), key=busy)
        begin = max(now, free[server][0])
        late += begin - now > wait
        end = begin + chance.expovariate(1 / call)
        heapq.heapreplace(free[server], end)
        heapq.heappush(ends[server], end)
    return late / calls


def pools() -> str:
    """Make the table of pools."""
    wait, call = known.WAIT.value, known.CALL.value
    rows = []
    for places in SIZES:
        load = load_for(places, wait, call)
        random = simulate(places, load, wait=wait, call=call, seed=places)
        alike = simulate(
            places, load, wait=wait, call=call, calls=FEWER_CALLS, alike=True, seed=places
        )
        calls = load * places / (call / 1000)
        rows.append(
            [
                str(places),
                percent(load),
                number(calls * known.TURN_EVERY.value / known.BEGUN.value),
                percent(random.late),
                percent(alike.late),
            ]
        )
    head = [
        "places in one pool",
        "load they may have",
        "sessions they carry",
        f"late, of {CALLS:,} simulated calls",
        "late, if all calls take as long",
    ]
    return table(head, rows)


def spreads() -> str:
    """Make the table of ways to divide 64 places."""
    load, wait, call = known.LOAD.value, known.WAIT.value, known.CALL.value
    whole = simulate(64, load, wait=wait, call=call, calls=FEWER_CALLS, seed=1)
    rows = [["one line before 64 places", percent(whole.late)]]
    for servers, places, choices, how in (
        (8, 8, 2, "8 servers of 8, the less busy of two"),
        (8, 8, 1, "8 servers of 8, any"),
        (64, 1, 2, "64 servers of 1, the less busy of two"),
        (64, 1, 1, "64 servers of 1, any; as engines in 64 gateways"),
    ):
        late = spread(servers, places, load, choices=choices, wait=wait, call=call, seed=1)
        rows.append([how, percent(late)])
    return table([f"64 places, {percent(load)} load", "calls late"], rows)


def overload() -> str:
    """Make the table of what a bounded queue does."""
    wait, call, queue = known.WAIT.value, known.CALL.value, int(known.QUEUE.value)
    rows = []
    for load in (0.5, 0.7, 0.9, 1.1, 1.5):
        open_end = simulate(8, load, wait=wait, call=call, calls=FEWER_CALLS, seed=2)
        bound = simulate(8, load, wait=wait, call=call, calls=FEWER_CALLS, queue=queue, seed=2)
        rows.append(
            [percent(load), percent(open_end.late), percent(bound.late), percent(bound.refused)]
        )
    head = [
        "load of 8 places",
        "late, without a bound",
        f"late, {queue} may wait",
        "refused at once",
    ]
    return table(head, rows)
