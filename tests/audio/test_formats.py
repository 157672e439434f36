"""The formats of the wire: lengths, echo, and the way there and back."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.formats import AudioFormat, Encoder, FormatName, convert
from audio.pcm import Rate, duration_ms
from flow.steps import at_once

TONE = (9000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(24000))).astype("<i2").tobytes()
PCM = AudioFormat()
TELEPHONY = [AudioFormat("audio/pcmu"), AudioFormat("audio/pcma")]
FORMATS = [*(AudioFormat("audio/pcm", rate) for rate in get_args(Rate)), *TELEPHONY]
SILENCE = {"audio/pcmu": b"\xff", "audio/pcma": b"\xd5"}


def samples(audio: bytes, audio_format: AudioFormat) -> NDArray[np.int64]:
    return np.frombuffer(audio_format.decode(audio), dtype="<i2").astype(np.int64)


@pytest.mark.parametrize(
    ("written", "rate", "per_ms"),
    [
        ({"type": "audio/pcm", "rate": 8000}, 8000, 16),
        ({"type": "audio/pcm", "rate": 16000}, 16000, 32),
        ({"type": "audio/pcm", "rate": 24000}, 24000, 48),
        ({"type": "audio/pcm", "rate": 48000}, 48000, 96),
        ({"type": "audio/pcmu"}, 8000, 8),
        ({"type": "audio/pcma"}, 8000, 8),
    ],
)
def test_a_format_knows_its_length_and_its_echo(written: dict[str, Any], rate: int, per_ms: int):
    read = AudioFormat.read(written)
    assert (read.rate, read.bytes_per_ms, read.wire()) == (rate, per_ms, written)


@pytest.mark.parametrize("written", [{"type": "audio/pcm"}, {"type": "audio/pcm", "rate": None}])
def test_pcm_without_a_rate_has_24_khz(written: dict[str, Any]):
    assert AudioFormat.read(written) == PCM == AudioFormat("audio/pcm", 24000)


@pytest.mark.parametrize(("given", "wanted"), permutations(FORMATS, 2), ids=lambda f: str(f.wire()))
def test_there_and_back_is_the_same_tone(given: AudioFormat, wanted: AudioFormat):
    original = at_once(convert(TONE, PCM, given))
    audio = at_once(convert(original, given, wanted))
    assert len(audio) == 1000 * wanted.bytes_per_ms
    back = samples(at_once(convert(audio, wanted, given)), given)
    middle = slice(given.rate // 10, -given.rate // 10)
    error = np.sqrt(np.mean((back[middle] - samples(original, given)[middle]) ** 2))
    assert error < 0.05 * 9000 / np.sqrt(2)


@pytest.mark.parametrize("name", get_args(FormatName))
def test_a_format_is_not_converted_to_itself(name: FormatName):
    assert at_once(convert(b"\x01\x02\x03\x04", AudioFormat(name), AudioFormat(name))) == (
        b"\x01\x02\x03\x04"
    )


@pytest.mark.parametrize("wanted", FORMATS, ids=lambda f: str(f.wire()))
def test_a_stream_encodes_like_the_whole(wanted: AudioFormat):
    encoder = Encoder(wanted)
    pieces = [encoder.push(TONE[start : start + 998]) for start in range(0, len(TONE), 998)]
    audio = b"".join(pieces) + encoder.push(b"", last=True)
    assert len(audio) / wanted.bytes_per_ms == duration_ms(TONE)
    whole = samples(at_once(convert(TONE, PCM, wanted)), wanted)
    # soxr may round the last bit differently, which is one step of the telephone's scale at most.
    assert np.abs(samples(audio, wanted) - whole).max() <= 512


@pytest.mark.parametrize("wanted", TELEPHONY, ids=lambda f: f.name)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=30), length=st.integers(0, 12_000))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_g711_comes_in_packets_and_nothing_is_lost(
    wanted: AudioFormat, cuts: list[int], length: int
):
    """Whatever its pieces: packets of 20 ms, the last of which is filled up with silence."""
    pcm, encoder = TONE[: 2 * length], Encoder(wanted)
    ends = sorted({0, length, *(cut for cut in cuts if cut < length)})
    pieces = [encoder.push(pcm[2 * start : 2 * end]) for start, end in pairwise(ends)]
    pieces.append(encoder.push(b"", last=True))
    assert {len(piece) % 160 for piece in pieces} <= {0}
    audio = b"".join(pieces)
    whole = at_once(convert(pcm, PCM, wanted))
    # A resampler may end a sample earlier or later, by the pieces.
    assert abs(len(audio) - len(whole)) < 160 + 1
    filled = audio[len(whole) + 1 :]
    assert filled == SILENCE[wanted.name] * len(filled)
    both = min(len(audio), len(whole))
    assert both >= len(whole) - 1
    difference = samples(audio[:both], wanted) - samples(whole[:both], wanted)
    assert not both or np.abs(difference).max() <= 512


def test_an_encoder_that_got_nothing_gives_nothing():
    for wanted in FORMATS:
        assert Encoder(wanted).push(b"", last=True) == b""
