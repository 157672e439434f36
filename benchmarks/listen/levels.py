"""Quiet voices, and people in the background: faster than real time, only audio counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.listen.caller import STARTED, STOPPED, calling
from benchmarks.listen.phrases import COMPLETE, by_turns, line
from benchmarks.listen.rooms import room_response, talkers
from benchmarks.listen.row import Row, least, most
from benchmarks.listen.servers import at_once
from benchmarks.listen.sound import (
    SPEECH_DBFS,
    Samples,
    at_level,
    count,
    joined,
    length_ms,
    mixed,
    room_tone,
    silence,
)
from benchmarks.listen.voices import SEEDS, Split, recorded, voices

POINT = "4 level"
SESSIONS = 2
PREFIX_MS = 300
QUIET_ROOM_DBFS = -84.0
"""Hiss below the quietest voices: the level is the subject, not noise."""
GAP_MS = 1600
TALKERS = 6
AFTER_MS = 6000
DETECTION = {"type": "server_vad", "prefix_padding_ms": PREFIX_MS, "create_response": False}
SPOKEN = {"always": "Hello there."}
"""What the recogniser makes of every turn: it has words, so the next one is no row of laughs."""
Span = tuple[float, float]


async def _turns(url: str, sound: Samples) -> tuple[list[float], list[float]]:
    """Return the onsets that the server found, and the ends, in ms of the sound."""
    async with calling(url, DETECTION, live=False, script=SPOKEN) as caller:
        await caller.pour(sound)
        await caller.processed()
        onsets = [one.data["audio_start_ms"] + PREFIX_MS for one in caller.since(0, STARTED)]
        ends = [one.data["audio_end_ms"] for one in caller.since(0, STOPPED)]
        return onsets, ends


def stream(said: Sequence[Samples], dbfs: float, seed: int) -> tuple[Samples, list[Span]]:
    """Return sentences at a level one after the other, and when each is said, in ms."""
    parts: list[Samples] = [silence(GAP_MS)]
    spans = []
    at = float(GAP_MS)
    for samples in said:
        parts += [at_level(samples, dbfs), silence(GAP_MS)]
        spans.append((at, at + length_ms(samples)))
        at = spans[-1][1] + GAP_MS
    whole = joined(*parts)
    return mixed(whole, room_tone(length_ms(whole), seed, QUIET_ROOM_DBFS)), spans


def _onset_in(span: Span, onsets: Sequence[float]) -> float | None:
    """Return the first onset of somebody who speaks from here to there."""
    inside = [onset for onset in onsets if span[0] - GAP_MS / 2 <= onset <= span[1]]
    return inside[0] if inside else None


def quiet(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Count the sentences that are heard at a level, and those that lose their beginning."""
    seed = SEEDS[split] + 500
    said = [
        line(voice, text).samples
        for voice, text in by_turns(split, COMPLETE, max(3, round(40 * scale)))
    ]
    levels = (-63.0, -53.0, -30.0)
    streams = [stream(said, level, seed) for level in levels]
    found = at_once([partial(_turns, url, sound) for sound, _spans in streams], SESSIONS)
    onsets = {
        level: [_onset_in(span, heard) for span in spans]
        for level, (heard, _ends), (_sound, spans) in zip(levels, found, streams, strict=True)
    }
    begun = [span[0] for span in streams[0][1]]
    rows = [
        least(
            POINT,
            f"sentences heard at {level:.0f} dBFS",
            limit,
            (o is not None for o in onsets[level]),
        )
        for level, limit in ((-63.0, 90.0), (-53.0, 100.0))
    ]
    for level in (-53.0, -30.0):
        rows.append(
            most(
                POINT,
                f"beginnings lost at {level:.0f} dBFS, with {PREFIX_MS} ms of prefix",
                4,
                (
                    onset is None or onset - PREFIX_MS > start + 20
                    for onset, start in zip(onsets[level], begun, strict=True)
                ),
            )
        )
    return rows


def _talk(split: Split) -> list[Samples]:
    """Return what each of six people says; people sound most like people."""
    said = [one.samples for one in recorded(split) if one.speaker == "human"]
    if len(said) < TALKERS:
        people = voices(split)
        said = [person.say(text) for person in people for text in COMPLETE[:4]]
    return [joined(*said[at::TALKERS]) for at in range(TALKERS)]


def background(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Count the turns that end although six people talk, 20 dB below, all the time."""
    seed = SEEDS[split] + 600
    babble = _talk(split)
    sounds, ends = [], []
    for at, (voice, text) in enumerate(by_turns(split, COMPLETE, max(3, round(24 * scale)))):
        spoken = line(voice, text).samples
        before = 1500.0
        whole_ms = before + length_ms(spoken) + AFTER_MS
        room = room_response(seed + at, 300, 0.7)
        behind = at_level(talkers(babble, whole_ms, seed + at, 0, room), SPEECH_DBFS - 20)
        if at % 2:
            # They begin to talk when the user does.
            behind[: count(before)] = 0
        sounds.append(mixed(joined(silence(before), spoken), behind))
        ends.append(before + 1000 * len(spoken) / count(1000))
    found = at_once([partial(_turns, url, sound) for sound in sounds], SESSIONS)
    return [
        least(
            POINT,
            f"turns that end in 700 ms beside {TALKERS} talkers 20 dB below",
            95,
            (
                any(end < stop <= end + 700 for stop in stops)
                for (_onsets, stops), end in zip(found, ends, strict=True)
            ),
        )
    ]
