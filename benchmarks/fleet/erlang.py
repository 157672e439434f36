"""How long calls wait for a place, by Erlang's formula: what many places gain over few.

Calls come at random, take an exponentially distributed time, and wait in one line. `pools` tries
the formula against a simulation.
"""

from __future__ import annotations

import math
from itertools import count


def waiting(places: int, offered: float) -> float:
    """Return the share of calls that wait (Erlang C).

    Args:
        places: Calls that are worked on at a time.
        offered: Calls that come during one call, on average.
    """
    if offered >= places:
        return 1.0
    blocked = 1.0
    for at in range(1, places + 1):
        blocked = offered * blocked / (at + offered * blocked)
    return blocked / (1 - offered / places * (1 - blocked))


def waiting_longer(places: int, offered: float, wait: float, call: float) -> float:
    """Return the share of calls that wait longer than `wait`, where they take `call` each."""
    if offered >= places:
        return 1.0
    return waiting(places, offered) * math.exp(-(places - offered) * wait / call)


def load_for(places: int, wait: float, call: float, share: float = 0.01) -> float:
    """Return the load, 0 to 1, at which no more than `share` of the calls wait longer than that."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if waiting_longer(places, middle * places, wait, call) <= share:
            low = middle
        else:
            high = middle
    return low


def units_for(
    offered: float, places: int, wait: float, call: float, load: float, share: float = 0.01
) -> int:
    """Return how many machines of so many places do.

    Args:
        offered: Calls that come during one call, on average.
        places: Places of a machine.
        wait: The wait that no more than `share` of the calls may exceed, in the unit of `call`.
        call: How long a call takes.
        load: The load, 0 to 1, beyond which nobody plans.
        share: See `wait`.
    """
    least = max(1, math.ceil(offered / (places * load) - 1e-9))
    return next(
        units
        for units in count(least)
        if waiting_longer(units * places, offered, wait, call) <= share
    )
