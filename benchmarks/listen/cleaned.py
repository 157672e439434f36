"""Noise reduction is for the detector: does a recogniser hear fewer words, or more, with it?"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.bar import Bar
from benchmarks.listen.caller import calling
from benchmarks.listen.noises import noise
from benchmarks.listen.row import Row
from benchmarks.listen.servers import at_once
from benchmarks.listen.sound import SPEECH_DBFS, joined, length_ms, mixed, silence
from benchmarks.listen.voices import SEEDS, Recording, Split, recorded
from hearing.word_errors import WordErrors, compare

POINT = "6 noise reduction"
BELOW_DB = 10
UNDERSTOOD = "conversation.item.input_audio_transcription.completed"


async def _understood(url: str, said: Recording, seed: int, reduction: str | None) -> WordErrors:
    """Return the errors in the transcript of a sentence in pink noise."""
    sound = joined(silence(200), said.samples, silence(200))
    noisy = mixed(sound, noise("pink", length_ms(sound) / 1000, seed, SPEECH_DBFS - BELOW_DB))
    session: dict[str, Any] = {} if reduction is None else {"noise_reduction": reduction}
    hearing = {"model": "whisper-1"}
    async with calling(url, None, live=False, transcription=hearing, **session) as caller:
        await caller.pour(noisy)
        told = await caller.ask("input_audio_buffer.commit", UNDERSTOOD)
        return compare(said.text, told.data["transcript"])


def run(url: str, split: Split, scale: float = 1.0) -> list[Row]:
    """Compare the word errors with noise reduction with those without it.

    Args:
        url: A server with a recogniser.
        split: Whose recordings.
        scale: Share of them.
    """
    clips = recorded(split)
    clips = clips[:: max(1, round(1 / scale))]
    seed = SEEDS[split] + 800
    rates = {}
    for reduction in (None, "near_field", "far_field"):
        jobs = [
            partial(_understood, url, clip, seed + at, reduction) for at, clip in enumerate(clips)
        ]
        total = WordErrors()
        for errors in at_once(jobs, 2):
            total += errors
        rates[reduction] = 100 * total.rate
    return [
        Row(
            POINT,
            Bar(
                f"words wrong at {BELOW_DB} dB: {reduction} less none",
                round(rates[reduction] - rates[None], 1),
                1,
                "%",
            ),
            len(clips),
        )
        for reduction in ("near_field", "far_field")
    ]
