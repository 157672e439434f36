"""What the client writes, decoded and cleaned, stays in step with the wire."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from audio.pcm import SAMPLE_RATE, Rate, read_wav, resample
from hearing.cleaned_audio import CleanStream, InputStream, cleaned
from tests.support.places import DATA

PCM, PCMU = AudioFormat("audio/pcm"), AudioFormat("audio/pcmu")
FORMATS = [PCMU, *(AudioFormat("audio/pcm", rate) for rate in get_args(Rate))]
NEAR = NoiseReduction("near_field")
SPEECH = read_wav(DATA / "flite-slt_s01.wav")
"""24 kHz PCM; as G.711 it is noise, and at another rate another voice, which will do."""


def streamed(stream: CleanStream | InputStream, audio: bytes, step: int) -> bytes:
    pieces = [stream.push(audio[start : start + step]) for start in range(0, len(audio), step)]
    return b"".join([*pieces, stream.flush()])


def test_pcm_that_is_not_cleaned_is_what_was_written() -> None:
    assert streamed(CleanStream(PCM, None), SPEECH, 960) == SPEECH


@pytest.mark.parametrize("noise", [None, NEAR])
@pytest.mark.parametrize("audio_format", FORMATS)
def test_sample_for_sample_it_takes_as_long_as_on_the_wire(
    audio_format: AudioFormat, noise: NoiseReduction | None
) -> None:
    cleaned = streamed(CleanStream(audio_format, noise), SPEECH, 960)
    assert len(cleaned) // 2 == len(SPEECH) // audio_format.sample_bytes


@pytest.mark.parametrize("noise", [None, NEAR])
@pytest.mark.parametrize("audio_format", FORMATS)
def test_the_recogniser_hears_the_same_however_it_comes(
    audio_format: AudioFormat, noise: NoiseReduction | None
) -> None:
    seconds = len(SPEECH) / audio_format.sample_bytes / audio_format.rate
    whole = cleaned(Clip(SPEECH, audio_format, noise))
    assert abs(len(whole) // 2 - seconds * SAMPLE_RATE) <= 2
    pieces = streamed(InputStream(audio_format, noise), SPEECH, 960)
    end = min(len(whole), len(pieces))
    one, other = (np.frombuffer(pcm[:end], dtype="<i2").astype(int) for pcm in (whole, pieces))
    assert np.abs(one - other).max() <= 1


def test_without_cleaning_it_is_the_clip_at_16_khz() -> None:
    wanted = resample(SPEECH, PCM.rate, SAMPLE_RATE)
    assert abs(len(cleaned(Clip(SPEECH, PCM, None))) - len(wanted)) <= 4


def test_16_khz_is_what_the_recogniser_hears_sample_for_sample() -> None:
    assert cleaned(Clip(SPEECH, AudioFormat("audio/pcm", 16000), None)) == SPEECH
