"""Who takes the floor: back-channels, interruptions and coughs while the server is speaking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.listen.caller import CREATED, DELTA, DONE, STARTED, Caller, calling, words_of
from benchmarks.listen.mouth import MOUTH
from benchmarks.listen.phrases import (
    BACK_CHANNELS,
    COMMANDS,
    INTERRUPTIONS,
    STORY,
    Line,
    lines,
)
from benchmarks.listen.row import Row, least, middle, most, number
from benchmarks.listen.servers import at_once
from benchmarks.listen.sound import Samples
from benchmarks.listen.voices import SEEDS, Split

SESSIONS = 6
POINT = "1 interruptions"
_BEFORE_MS, _AFTER_MS, _ANSWER_MS = 1500, 2500, 4000
_LATEST_MS = 8000
"""How long a stop that must come is waited for: it is late where the machine is busy."""
SMALL = 0.25
"""A smaller share of the trials does without Chinese, whose voice takes long to load."""
DETECTIONS: tuple[dict[str, Any], ...] = ({"type": "server_vad"}, {"type": "semantic_vad"})


@dataclass(frozen=True)
class Outcome:
    """What came of a sound during an answer."""

    stopped_ms: float | None
    """From the beginning of the sound until the answer stopped; None: it went on."""
    answered: bool
    """Whether another response was heard."""

    @property
    def stopped(self) -> bool:
        """Whether the answer stopped."""
        return self.stopped_ms is not None

    @property
    def dead(self) -> bool:
        """Whether the answer stopped and nothing came instead."""
        return self.stopped and not self.answered


def stop_after(caller: Caller, begin_ms: float) -> float | None:
    """Return how long after a moment the client was made to stop; None: it was not."""
    for event in caller.since(begin_ms, STARTED, DONE):
        if event.type == STARTED or event.data["response"]["status"] == "cancelled":
            return event.at_ms - begin_ms
    return None


def answered_since(caller: Caller, begin_ms: float) -> bool:
    """Return whether anything is heard of a response that was begun since then."""
    begun = {one.data["response"]["id"] for one in caller.since(begin_ms, CREATED)}
    return any(one.data["response_id"] in begun for one in caller.since(begin_ms, DELTA))


async def during_answer(
    url: str, sound: Samples | Line, patience_ms: float, detection: dict[str, Any], seed: int
) -> Outcome:
    """Let a user make a sound while the server speaks, and see whether that stops.

    Raises:
        AssertionError: The server sent an error.
    """
    script = words_of(sound) if isinstance(sound, Line) else {}
    async with calling(url, detection, script=script, say="As you like.", seed=seed) as caller:
        await caller.answer(STORY)
        await caller.rest(_BEFORE_MS)
        begin, end = caller.say(sound)
        await caller.until(lambda: stop_after(caller, begin) is not None, end - begin + patience_ms)
        stopped = stop_after(caller, begin)
        if stopped is not None:
            await caller.until(lambda: answered_since(caller, begin), _ANSWER_MS)
        return Outcome(stopped, answered_since(caller, begin))


def outcomes(
    url: str, sounds: Sequence[Samples | Line], patience_ms: float, seed: int
) -> list[Outcome]:
    """Try sounds, each under one of the two kinds of turn detection."""
    return at_once(
        [
            partial(during_answer, url, sound, patience_ms, DETECTIONS[at % 2], seed + at)
            for at, sound in enumerate(sounds)
        ],
        SESSIONS,
    )


def noises_of_mouths(split: Split, each: int) -> list[Samples]:
    """Return so many coughs, laughs, throats cleared, smacks and sighs."""
    seed = SEEDS[split]
    return [make(seed + at) for at in range(each) for make in MOUTH.values()]


def run(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Measure the point.

    Args:
        url: A server that is told the words.
        split: Whose voices.
        scale: Share of the trials.
    """
    trials = [max(3, round(count * scale)) for count in (40, 24, 24)]
    back_channels, commands, sentences = (
        lines(split, {"en": said["en"]} if scale < SMALL else said, many)
        for said, many in zip((BACK_CHANNELS, COMMANDS, INTERRUPTIONS), trials, strict=True)
    )
    mouths = noises_of_mouths(split, max(1, round(6 * scale)))
    seed = SEEDS[split] + 100
    meant_to_go_on = outcomes(url, [*back_channels, *mouths], _AFTER_MS, seed)
    meant_to_stop = outcomes(url, [*commands, *sentences], _LATEST_MS, seed + 200)
    heard, noisy = meant_to_go_on[: trials[0]], meant_to_go_on[trials[0] :]
    commanded, interrupted = meant_to_stop[: trials[1]], meant_to_stop[trials[1] :]
    return [
        most(POINT, "back-channels that stop an answer", 10, (one.stopped for one in heard)),
        number(POINT, "back-channels that are answered", 0, (one.answered for one in heard)),
        least(POINT, "single words that must stop it, and do", 100, (o.stopped for o in commanded)),
        least(POINT, "interruptions that stop it", 100, (one.stopped for one in interrupted)),
        middle(
            POINT,
            "interruption: first sound → stop, median",
            400,
            (one.stopped_ms for one in (*commanded, *interrupted)),
        ),
        number(POINT, "coughs, laughs, … that stop it", 0, (one.stopped for one in noisy)),
        number(
            POINT,
            "answers that stop for nothing, and nothing follows",
            0,
            (one.dead for one in (*heard, *noisy)),
        ),
    ]
