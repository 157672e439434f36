"""Audio in a request, as Pipecat's contexts have it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from answering.heard_messages import written_out
from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from audio.pcm import read_wav, silence
from tests.providers.fakes.hearing_chat import recording, samples_of
from tests.support.places import DATA

QUIET = NoiseReduction("far_field")


async def heard(clip: Clip) -> np.ndarray:
    """The samples that a model is given of a clip."""
    part = {"type": "input_audio", "item_id": "item_1", "clip": clip}
    (message,) = await written_out([{"role": "user", "content": [part]}])
    (written,) = message["content"]
    assert written["type"] == "input_audio"
    assert written["input_audio"]["format"] == "wav"
    return samples_of(base64.b64decode(written["input_audio"]["data"], validate=True))


@pytest.mark.parametrize("noise", [None, QUIET])
@pytest.mark.parametrize("repeated", [1, 6])
async def test_short_and_long_clips_are_whole(noise, repeated):
    pcm = (read_wav(DATA / "flite-rms_s06.wav") + silence(300)) * repeated
    samples = await heard(Clip(pcm, AudioFormat(), noise))
    assert len(samples) == len(pcm) // 2 * 2 // 3
    assert recording(samples[: len(samples) // repeated]) == "flite-rms_s06"


async def test_the_noise_reduction_of_a_clip_is_applied():
    hiss = np.random.default_rng(1).normal(0, 800, 48_000).astype("<i2").tobytes()
    plain = await heard(Clip(hiss, AudioFormat(), None))
    cleaned = await heard(Clip(hiss, AudioFormat(), QUIET))
    loudness = [float(np.std(samples[8000:])) for samples in (cleaned, plain)]
    assert loudness[0] < 0.5 * loudness[1]


async def test_all_else_stays_as_it_is():
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Hello."},
        {"role": "user", "content": [{"type": "text", "text": "Look:"}]},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    assert await written_out(messages) == messages
