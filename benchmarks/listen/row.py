"""One line of the table: a bar, of how many trials, under which point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.bar import Bar

NEVER = 99_999.0
"""Milliseconds of what did not come."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    point: str
    bar: Bar
    trials: int

    def kept(self) -> dict[str, Any]:
        """Return what a JSON file keeps of it."""
        return {"point": self.point, **asdict(self.bar), "trials": self.trials}


def share(point: str, name: str, hits: Iterable[bool], limit: float, at_least: bool) -> Row:
    """Return the percentage of trials with a property, and its bar."""
    found = list(hits)
    percent = 100 * sum(found) / len(found) if found else NEVER
    return Row(point, Bar(name, round(percent, 1), limit, "%", at_least), len(found))


def most(point: str, name: str, percent: float, hits: Iterable[bool]) -> Row:
    """Return a share that may be so large at most."""
    return share(point, name, hits, percent, at_least=False)


def least(point: str, name: str, percent: float, hits: Iterable[bool]) -> Row:
    """Return a share that must be so large at least."""
    return share(point, name, hits, percent, at_least=True)


def number(point: str, name: str, limit: float, counted: Iterable[int], within: str = "") -> Row:
    """Return the sum of what was counted, and how much it may be; `within` says in how long."""
    found = list(counted)
    return Row(point, Bar(name, sum(found), limit, within), len(found))


def worst(point: str, name: str, limit: float, counted: Iterable[int], within: str = "") -> Row:
    """Return the largest of what was counted, and how much it may be."""
    found = list(counted)
    return Row(point, Bar(name, max(found, default=0), limit, within), len(found))


def middle(point: str, name: str, limit_ms: float, waits: Iterable[float | None]) -> Row:
    """Return the median wait; None: what was waited for did not come."""
    found = [NEVER if wait is None else wait for wait in waits]
    value = round(median(found)) if found else NEVER
    return Row(point, Bar(name, value, limit_ms, "ms"), len(found))
