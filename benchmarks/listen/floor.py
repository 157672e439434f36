"""Who takes the floor: back-channels, interruptions and coughs while the server is speaking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.listen.caller import CREATED, DONE, STARTED, Caller, calling, words_of
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
_BEFORE_MS, _AFTER_MS, _ANSWER_MS = 1500, 2500, 3500
DETECTIONS: tuple[dict[str, Any], ...] = ({"type": "server_vad"}, {"type": "semantic_vad"})


@dataclass(frozen=True)
class Outcome:
    """What came of a sound during an answer."""

    stopped_ms: float | None
    """From the beginning of the sound until the answer stopped; None: it went on."""
    answered: bool
    """Whether there was another response."""

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


async def during_answer(
    url: str, sound: Samples | Line, detection: dict[str, Any], seed: int
) -> Outcome:
    """Let a user make a sound while the server speaks.

    Raises:
        AssertionError: The server sent an error.
    """
    script = words_of(sound) if isinstance(sound, Line) else {}
    async with calling(url, detection, script=script, say="As you like.", seed=seed) as caller:
        await caller.answer(STORY)
        await caller.rest(_BEFORE_MS)
        begin, end = caller.say(sound)
        await caller.rest(end - begin + _AFTER_MS)
        stopped = stop_after(caller, begin)
        if stopped is not None:
            await caller.until(lambda: caller.since(begin, CREATED), _ANSWER_MS)
        return Outcome(stopped, bool(caller.since(begin, CREATED)))


def outcomes(url: str, sounds: Sequence[Samples | Line], seed: int) -> list[Outcome]:
    """Try sounds, each under one of the two kinds of turn detection."""
    return at_once(
        [
            partial(during_answer, url, sound, DETECTIONS[at % 2], seed + at)
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
    back_channels = lines(split, BACK_CHANNELS, max(2, round(40 * scale)))
    commands = lines(split, COMMANDS, max(2, round(24 * scale)))
    sentences = lines(split, INTERRUPTIONS, max(2, round(24 * scale)))
    mouths = noises_of_mouths(split, max(1, round(6 * scale)))
    found = outcomes(url, [*back_channels, *commands, *sentences, *mouths], SEEDS[split] + 100)
    kinds = []
    for kind in (back_channels, commands, sentences, mouths):
        kinds.append(found[: len(kind)])
        found = found[len(kind) :]
    heard, commanded, interrupted, noisy = kinds
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
