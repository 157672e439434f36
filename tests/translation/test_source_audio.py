"""Audio in utterances: every sample in one at most, and the quietest place to cut."""

from __future__ import annotations

import numpy as np
import pytest

from audio.formats import AudioFormat
from audio.pcm import silence
from translation.source_audio import PADDING_MS, SourceAudio


def counted(start_ms: int, ms: int) -> bytes:
    """Audio whose samples tell their place, in units of 10 ms."""
    places = np.arange(start_ms * 24, (start_ms + ms) * 24) // 240
    return places.astype("<i2").tobytes()


def places(pcm: bytes) -> tuple[int, int]:
    """First and last place, in ms."""
    heard = np.frombuffer(pcm, dtype="<i2")
    return int(heard[0]) * 10, int(heard[-1]) * 10 + 10


@pytest.fixture
def audio() -> SourceAudio:
    source = SourceAudio(AudioFormat())
    for start in range(0, 5000, 100):
        source.append(counted(start, 100))
    return source


def test_an_utterance_begins_with_its_padding(audio: SourceAudio) -> None:
    assert places(audio.begin("one", 4500)) == (4500 - PADDING_MS, 5000)
    audio.append(counted(5000, 500))
    assert audio.open_ms == 5500 - 4200
    assert places(audio.end(5300)) == (4200, 5300)


def test_the_next_one_does_not_reach_into_it(audio: SourceAudio) -> None:
    audio.begin("one", 4000)
    audio.end(4900)
    assert places(audio.begin("two", 5000)) == (4900, 5000)


def test_audio_before_any_onset_is_forgotten(audio: SourceAudio) -> None:
    first, last = places(audio.begin("late", 0))
    assert (first, last) == (5000 - PADDING_MS - 1000, 5000)


def test_half_a_sample_waits_for_the_other_half() -> None:
    source = SourceAudio(AudioFormat())
    pcm = counted(0, 20)
    written = [source.append(pcm[:7]), source.append(pcm[7:])]
    assert [len(piece) % 2 for piece in written] == [0, 0]
    assert b"".join(written) == pcm


def test_the_quietest_place_is_found() -> None:
    source = SourceAudio(AudioFormat())
    noise = np.random.default_rng(1).integers(-3000, 3000, 24 * 2000).astype("<i2").tobytes()
    source.append(noise)
    source.append(silence(60))
    source.append(noise[: 48 * 700])
    source.begin("one", 1500)
    at_ms = source.quietest_ms(1000)
    assert 2000 <= at_ms <= 2060
    assert source.quietest_ms(300) > 2400


def test_without_audio_the_quietest_place_is_the_end() -> None:
    assert SourceAudio(AudioFormat()).quietest_ms(300) == 0
