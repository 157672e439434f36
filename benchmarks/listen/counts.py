"""What of the table is promised on every machine: counts, in two minutes, never times.

For CI. A bar comes here once it is reached with a clear margin, under other load too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.listen.row import Row


@dataclass(frozen=True)
class Part:
    """What is promised of one measurement."""

    scale: float
    """Share of its trials."""
    bars: tuple[str, ...]
    """Names of bars; the others of the measurement are shown and not judged."""


PROMISED: Mapping[str, Part] = {
    "floor": Part(
        0.12,
        (
            "back-channels that stop an answer",
            "back-channels that are answered",
            "single words that must stop it, and do",
            "interruptions that stop it",
        ),
    ),
    "noise": Part(0.1, ("turns in noise: white to brown, fan, hum, keyboard, …",)),
    "transcripts": Part(1.0, ("short answers of people that are answered",)),
    "quiet": Part(
        0.2, ("sentences heard at -53 dBFS", "beginnings lost at -30 dBFS, with 300 ms of prefix")
    ),
    "files": Part(1.0, ("of 6 turns in one append, those found", "files that get an answer")),
}
"""Name of a measurement → what is promised of it."""


def broken(rows: Iterable[Row]) -> list[str]:
    """Return the promises that are not kept, in words; one that was not measured is not kept."""
    found = {row.bar.name: row.bar for row in rows}
    promised = [name for part in PROMISED.values() for name in part.bars]
    return [
        str(found[name]) if name in found else f"{name}: it was not measured"
        for name in promised
        if name not in found or not found[name].met
    ]
