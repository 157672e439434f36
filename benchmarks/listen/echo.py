"""Does the server hear itself? A loudspeaker beside the microphone, for as long as it speaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import cycle

from benchmarks.listen.caller import CREATED, DONE, STARTED, calling
from benchmarks.listen.floor import stop_after
from benchmarks.listen.phrases import INTERRUPTIONS, STORY, Line, lines
from benchmarks.listen.rooms import EchoPath
from benchmarks.listen.row import Row, least, middle, number, worst
from benchmarks.listen.servers import at_once
from benchmarks.listen.voices import SEEDS, Split

SESSIONS = 6
POINT = "2 echo"
SPOKEN_MS = 40_000
VOICES: dict[Split, tuple[str, ...]] = {
    "tuning": ("marin", "ash", "coral", "cedar"),
    "held-out": ("nova", "echo", "shimmer", "onyx"),
}
"""Whose voice the server speaks with."""
HEADSET = {"type": "server_vad"}


def paths(split: Split, gain_db: float) -> list[EchoPath]:
    """Return ways from the loudspeaker to the microphone."""
    seed = SEEDS[split]
    return [
        EchoPath(gain_db, 80),
        EchoPath(gain_db, 150, room_seed=seed + 1),
        EchoPath(gain_db, 300, clip=0.1, room_seed=seed + 2, decay_ms=500),
        EchoPath(gain_db, 900, clip=0.2),
    ]


@dataclass(frozen=True)
class Loop:
    """What a server made of its own voice."""

    turns: int
    """Turns that it heard, and answers that it stopped."""
    answers: int
    """Responses to itself."""


async def alone(url: str, path: EchoPath, voice: str, ms: float = SPOKEN_MS) -> Loop:
    """Let the server speak into an empty room."""
    async with calling(
        url, HEADSET, say=STORY, echo=path, voice=voice, transcription={"model": "whisper-1"}
    ) as caller:
        await caller.answer(STORY)
        await caller.rest(ms)
        done = caller.since(0, DONE)
        stopped = sum(one.data["response"]["status"] == "cancelled" for one in done)
        turns = len(caller.since(0, STARTED))
        return Loop(max(turns, stopped), len(caller.since(0, CREATED)) - 1)


async def talked_over(url: str, path: EchoPath, voice: str, line: Line) -> float | None:
    """Let a person talk over the echo; return the ms until the server stopped."""
    async with calling(
        url, HEADSET, say="Go on.", echo=path, voice=voice, transcription={"model": "whisper-1"}
    ) as caller:
        await caller.answer(STORY)
        await caller.rest(3000)
        if caller.since(0, STARTED):
            return None  # it has stopped for itself already
        begin, end = caller.say(line)
        await caller.rest(end - begin + 1500)
        return stop_after(caller, begin)


def run(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Measure the point.

    Args:
        url: A server with a voice and a recogniser.
        split: Whose voices.
        scale: Share of the seconds, and of the people who talk over it.
    """
    ms = max(8000.0, SPOKEN_MS * scale)
    voices = cycle(VOICES[split])
    soft = [path for gain in (-12, -20, -30) for path in paths(split, gain)]
    loud = paths(split, -6)
    loops = at_once(
        [partial(alone, url, path, next(voices), ms) for path in (*soft, *loud)], SESSIONS
    )
    people = lines(split, {"en": INTERRUPTIONS["en"]}, max(2, round(16 * scale)))
    ways = cycle(paths(split, -20))
    waits = at_once(
        [partial(talked_over, url, next(ways), next(voices), line) for line in people], SESSIONS
    )
    each = f"in {ms / 1000:.0f} s"
    heard, looping = loops[: len(soft)], loops[len(soft) :]
    return [
        number(
            POINT,
            "turns and stops by echo of −12 to −30 dB",
            0,
            (one.turns for one in heard),
            each,
        ),
        worst(
            POINT,
            "answers to itself at −6 dB, in the worst room",
            1,
            (one.answers for one in looping),
            each,
        ),
        least(
            POINT,
            "people over echo of −20 dB who stop it in 500 ms",
            100,
            (wait is not None and wait <= 500 for wait in waits),
        ),
        middle(POINT, "the same: first sound → stop, median", 500, waits),
    ]
