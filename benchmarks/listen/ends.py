"""When a turn is over: soon after what is complete, not in the middle of what is not.

All of it under `semantic_vad`, in real time: the verdict of a model takes its time. Waits are those
of the audio, as `audio_end_ms` has them, so that other load does not count; one is by the wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.bar import Bar
from benchmarks.listen.caller import STARTED, STOPPED, calling, words_of
from benchmarks.listen.phrases import (
    COMPLETE,
    NUMBERS,
    UNFINISHED,
    WORDS,
    Line,
    by_turns,
    cut_off,
    grouped,
    line,
)
from benchmarks.listen.row import NEVER, Row, least, middle, most
from benchmarks.listen.servers import at_once
from benchmarks.listen.voices import SEEDS, Split, recorded, voices

POINT = "4 ends of turns"
SESSIONS = 6
PAUSE_MS = 1000
"""How long somebody hesitates who has not finished."""
NUMBER_PAUSE_MS = 700
LONGEST_MS = 8600
"""The ceiling of `low`, and some time for the way."""
UNFINISHED_LIMITS = {"low": 5.0, "auto": 15.0, "high": 30.0}
LATE_MS = 800
"""What an event may come late."""
_BEFORE_MS = 400


@dataclass(frozen=True)
class End:
    """How a turn ended."""

    turns: int
    waited_ms: float | None
    """Audio from the last sound of the voice to the end of the turn; None: it came too late."""
    wall_ms: float | None
    """The same until `speech_stopped` had come."""


async def spoken(url: str, said: Line, eagerness: str, patience_ms: float, seed: int) -> End:
    """Let a user say something, and wait for the end of the turn.

    Args:
        url: A server that is told the words.
        said: What is said.
        eagerness: Of `semantic_vad`.
        patience_ms: How long to wait for the end, from the last sound on.
        seed: Of the room's hiss.
    """
    detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
    async with calling(url, detection, script=words_of(said), seed=seed) as caller:
        await caller.rest(_BEFORE_MS)
        begin, end = caller.say(said)
        await caller.until(lambda: caller.now_ms >= end, said.ms + 1000)
        # A turn that ended within what was said is no end of it.
        await caller.until(lambda: caller.since(end, STOPPED), patience_ms + LATE_MS)
        stops = caller.since(end, STOPPED)
        turns = len(caller.since(begin, STARTED))
        if not stops or stops[0].data["audio_end_ms"] > end + patience_ms:
            return End(turns, None, None)
        return End(turns, stops[0].data["audio_end_ms"] - end, stops[0].at_ms - end)


def _tried(
    url: str, said: Sequence[Line], eagerness: str, patience_ms: float, seed: int
) -> list[End]:
    jobs = [
        partial(spoken, url, one, eagerness, patience_ms, seed + at) for at, one in enumerate(said)
    ]
    return at_once(jobs, SESSIONS)


def complete_lines(split: Split, number: int) -> list[Line]:
    """Return whole sentences, half of them recorded where there are so many."""
    made = [line(voice, text) for voice, text in by_turns(split, COMPLETE, number)]
    taken = [
        Line(one.text, one.samples, one.speaker, words=_evenly(one.text, len(one.samples)))
        for one in recorded(split)
        if one.speaker != "human"  # pieces of a reading, which do not end where they are cut
    ]
    return [*taken[: number // 2], *made][:number]


def _evenly(text: str, samples: int) -> tuple[tuple[str, float], ...]:
    words = text.split()
    return tuple((word, samples / 24 * (at + 1) / len(words)) for at, word in enumerate(words))


def run(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Measure the point.

    Args:
        url: A server that is told the words.
        split: Whose voices.
        scale: Share of the trials.
    """
    seed = SEEDS[split] + 400
    rows = []
    halves = [
        cut_off(voice, text)
        for voice, text in by_turns(split, UNFINISHED, max(2, round(20 * scale)))
    ]
    for eagerness, limit in UNFINISHED_LIMITS.items():
        found = _tried(url, halves, eagerness, PAUSE_MS, seed)
        rows.append(
            most(
                POINT,
                f"unfinished sentences ended within {PAUSE_MS} ms, {eagerness}",
                limit,
                (one.waited_ms is not None or one.turns > 1 for one in found),
            )
        )
    whole = complete_lines(split, max(2, round(24 * scale)))
    by_wall: list[float | None] = []
    waits: dict[str, list[float | None]] = {}
    for eagerness in UNFINISHED_LIMITS:
        ends = _tried(url, whole, eagerness, LONGEST_MS, seed + 100)
        waits[eagerness] = [one.waited_ms for one in ends]
        if eagerness == "auto":
            by_wall = [one.wall_ms for one in ends]
    rows += [
        least(
            POINT,
            "complete ones ended within 450 ms, auto",
            95,
            (_in(450, w) for w in waits["auto"]),
        ),
        middle(POINT, "complete ones: end of the voice → end, median", 350, waits["auto"]),
        middle(POINT, "the same, by the clock on the wall", 450, by_wall),
        _patience(waits["low"], waits["high"]),
    ]
    words = [line(voice, text) for voice, text in by_turns(split, WORDS, max(2, round(24 * scale)))]
    for eagerness in ("auto", "low"):
        ends = _tried(url, words, eagerness, LONGEST_MS, seed + 200)
        rows.append(
            least(
                POINT,
                f"single words ended within 1 s, {eagerness}",
                98,
                (_in(1000, one.waited_ms) for one in ends),
            )
        )
    people = voices(split)
    numbers = [
        grouped(people[at % len(people)], NUMBERS[at % len(NUMBERS)], NUMBER_PAUSE_MS)
        for at in range(max(2, round(12 * scale)))
    ]
    ends = _tried(url, numbers, "auto", LONGEST_MS, seed + 300)
    rows.append(
        least(
            POINT,
            f"numbers with pauses of {NUMBER_PAUSE_MS} ms that are one turn",
            95,
            (one.turns == 1 for one in ends),
        )
    )
    return rows


def _in(ms: float, wait: float | None) -> bool:
    return wait is not None and wait <= ms


def _patience(low: Sequence[float | None], high: Sequence[float | None]) -> Row:
    """Return by how much `low` waits longer than `high` on complete sentences."""
    patient, eager = (
        median(NEVER if wait is None else wait for wait in waits) for waits in (low, high)
    )
    bar = Bar("complete ones: how much longer low waits than high", patient - eager, 50, "ms", True)
    return Row(POINT, bar, len(low))
