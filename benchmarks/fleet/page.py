"""Writes the tables of `docs/scaling.md`, and the figures in its sentences.

The page says where each belongs, between `<!-- fleet: NAME -->` and `<!-- /fleet -->`; the rest of
it is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benchmarks.fleet import figures as known
from benchmarks.fleet.balance import balance
from benchmarks.fleet.drains import drains
from benchmarks.fleet.erlang import load_for
from benchmarks.fleet.gateways import start_seconds
from benchmarks.fleet.losses import cells, losses
from benchmarks.fleet.paths import paths
from benchmarks.fleet.pools import overload, pools, spreads
from benchmarks.fleet.runs import runs
from benchmarks.fleet.sizing import embedded_cpu, machines, session_cpu, sizes
from benchmarks.fleet.surges import longest, surges
from benchmarks.fleet.table import number, seconds, table
from benchmarks.fleet.updates import updates

PLACE = re.compile(r"(<!-- fleet: (\w+) -->).*?(<!-- /fleet -->)", re.DOTALL)


def inputs() -> str:
    """Make the table of every figure that goes in."""
    rows = [
        [one.what, f"{one.value:,g} {one.unit}".strip(), one.origin.value, one.source or "–"]
        for one in known.all_figures()
    ]
    return table(["figure", "value", "it is", "from"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "machines": machines,
    "sizes": sizes,
    "runs": runs,
    "paths": paths,
    "pools": pools,
    "spreads": spreads,
    "overload": overload,
    "balance": balance,
    "drains": drains,
    "updates": updates,
    "surges": surges,
    "losses": losses,
    "cells": cells,
    "inputs": inputs,
}
_WAIT, _CALL = known.WAIT.value, known.CALL.value
WORDS: dict[str, Callable[[], str]] = {
    "session_cpu": lambda: number(session_cpu()),
    "embedded_cpu": lambda: number(embedded_cpu()),
    "pooled": lambda: number(load_for(8, _WAIT, _CALL) / load_for(1, _WAIT, _CALL)),
    "places_last": lambda: seconds(longest(2, known.PLANNED.value)),
    "new_pod": lambda: seconds(start_seconds()),
    "new_node": lambda: f"{start_seconds(new_node=True):.0f} s",
    "replaced": lambda: seconds(known.NODE_LOST.value + known.EVICTION.value),
}
"""Figures in the middle of a sentence."""


def written(text: str) -> str:
    """Return the page with its tables and figures made anew.

    Raises:
        ValueError: The page names something that nobody makes, or lacks a table.
    """
    named = [found[2] for found in PLACE.finditer(text)]
    if unknown := sorted(set(named) - TABLES.keys() - WORDS.keys()):
        raise ValueError(f"nothing makes {', '.join(unknown)}: see TABLES and WORDS in page.py")
    if absent := sorted(TABLES.keys() - set(named)):
        raise ValueError(
            f"the page has no place for {', '.join(absent)}: "
            f"write <!-- fleet: {absent[0]} --> and <!-- /fleet --> there"
        )

    def make(found: re.Match[str]) -> str:
        name = found[2]
        middle = f"\n{TABLES[name]()}\n" if name in TABLES else WORDS[name]()
        return f"{found[1]}{middle}{found[3]}"

    return PLACE.sub(make, text)
