"""What has no words: noise, music, bells, laughs, and transcripts that say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.listen.caller import CREATED, DELTA, DONE, STARTED, calling
from benchmarks.listen.noises import MUSICAL, STEADY, SUDDEN, noise
from benchmarks.listen.phrases import COMPLETE, line
from benchmarks.listen.row import Row, least, number
from benchmarks.listen.servers import at_once
from benchmarks.listen.sound import Samples, joined, room_tone
from benchmarks.listen.voices import SEEDS, Split, voices

POINT = "3 without words"
SESSIONS = 6
STEADY_S = 75.0
"""Of each of eight kinds: ten minutes."""
MUSICAL_S = 60.0
"""Of each of two pieces of a kind: two minutes."""
LIMITS = {"music": 1, "bells": 2, "laughs": 2}
"""Turns in two minutes."""
_AFTER_MS = 4000
DETECTION = {"type": "server_vad"}
NO_TURNS = "turns in noise: white to brown, fan, hum, keyboard, …"
PEOPLE = "short answers of people that are answered"

MARKERS = (".", "…", "[BLANK_AUDIO]", "(coughs)", "*music*", "♪♪", "[ Silence ]", "(笑声)", "？！")
INVENTIONS = ("you", "Thank you.", "Thanks for watching!", "字幕by索兰娅", "Bye.")
"""What Whisper makes of noise."""
WORDS = ("you", "Thank you.", "Bye.", "7", "是", "ja")
"""What people say, too."""


@dataclass(frozen=True)
class Heard:
    """What a server made of a sound."""

    turns: int
    answers: int
    """Responses of which anything could be heard."""


async def _steady(url: str, sound: Samples) -> Heard:
    async with calling(url, DETECTION, live=False) as caller:
        await caller.pour(sound)
        await caller.processed()
        return Heard(len(caller.since(0, STARTED)), 0)


async def _lifelike(url: str, sound: Samples, seconds: float, seed: int) -> Heard:
    hearing = {"model": "whisper-1"}
    async with calling(url, DETECTION, transcription=hearing, seed=seed) as caller:
        caller.say(sound)
        await caller.rest(1000 * seconds + _AFTER_MS)
        spoken = {one.data["response_id"] for one in caller.since(0, DELTA)}
        return Heard(len(caller.since(0, STARTED)), len(spoken))


async def _transcribed(url: str, sound: Samples, script: dict[str, Any]) -> Heard:
    """Let a turn have a transcript, whatever was said."""
    async with calling(url, DETECTION, script=script, live=False) as caller:
        await caller.pour(joined(room_tone(500, 1), sound, room_tone(1200, 2)))
        await caller.processed()
        await caller.settled(1.0)
        if len(caller.since(0, CREATED)) > len(caller.since(0, DONE)):
            await caller.event(DONE, len(caller.events))
        spoken = {one.data["response_id"] for one in caller.since(0, DELTA)}
        return Heard(len(caller.since(0, STARTED)), len(spoken))


def steady(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Count the turns in noises of machines, faster than real time."""
    seed = SEEDS[split] + 200
    sounds = [
        noise(kind, STEADY_S * scale, seed + at) for at, kind in enumerate((*STEADY, *SUDDEN))
    ]
    found = at_once([partial(_steady, url, sound) for sound in sounds], 2)
    minutes = f"in {len(sounds) * STEADY_S * scale / 60:.1f} min"
    return [number(POINT, NO_TURNS, 0, (one.turns for one in found), minutes)]


def transcripts(url: str, split: Split) -> list[Row]:
    """Count the answers to transcripts without words, and to words.

    Args:
        url: A server that is told the words.
        split: Whose voice.
    """
    speaker = voices(split)[0]
    said = line(speaker, COMPLETE[0]).samples
    short = line(speaker, "Yes.").samples
    scripts: list[dict[str, Any]] = [
        *({"always": text} for text in MARKERS),
        *({"always": text, "no_speech": 0.9} for text in INVENTIONS),
        *({"always": text, "no_speech": 0.02} for text in WORDS),
    ]
    jobs = [
        partial(_transcribed, url, short if at < len(MARKERS) + len(INVENTIONS) else said, script)
        for at, script in enumerate(scripts)
    ]
    found = at_once(jobs, 4)
    marked, rest = found[: len(MARKERS)], found[len(MARKERS) :]
    invented, worded = rest[: len(INVENTIONS)], rest[len(INVENTIONS) :]
    return [
        number(POINT, "answers to “.”, “[BLANK_AUDIO]”, …", 0, (one.answers for one in marked)),
        number(POINT, "answers to inventions of Whisper", 0, (one.answers for one in invented)),
        least(POINT, PEOPLE, 100, (o.answers > 0 for o in worded)),
    ]


def musical(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Count turns and answers in music, bells and laughs, in real time.

    Args:
        url: A server with a recogniser.
        split: Which pieces.
        scale: Share of the seconds.
    """
    seed = SEEDS[split] + 300
    seconds = MUSICAL_S * scale
    kinds = [kind for kind in MUSICAL for _ in range(2)]
    found = at_once(
        [
            partial(_lifelike, url, noise(kind, seconds, seed + at), seconds, seed + at)
            for at, kind in enumerate(kinds)
        ],
        SESSIONS,
    )
    rows = [
        number(
            POINT,
            f"turns in {kind}",
            LIMITS[kind],
            (one.turns for one, of in zip(found, kinds, strict=True) if of == kind),
            f"in {seconds / 30:.1f} min",
        )
        for kind in MUSICAL
    ]
    return [*rows, number(POINT, "answers to all of these", 0, (one.answers for one in found))]
