"""The three formats of the wire: lengths, echo, and the way there and back."""

from __future__ import annotations

import numpy as np
import pytest

from audio.formats import AudioFormat, Encoder, convert
from audio.pcm import duration_ms
from flow.steps import at_once

TONE = (9000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(24000))).astype("<i2").tobytes()
PCM = AudioFormat()


@pytest.mark.parametrize(
    ("name", "per_ms", "wire"),
    [
        ("audio/pcm", 48, {"type": "audio/pcm", "rate": 24000}),
        ("audio/pcmu", 8, {"type": "audio/pcmu"}),
        ("audio/pcma", 8, {"type": "audio/pcma"}),
    ],
)
def test_a_format_knows_its_length_and_its_echo(name, per_ms, wire):
    assert AudioFormat(name).bytes_per_ms == per_ms
    assert AudioFormat(name).wire() == wire


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_telephony_there_and_back_is_the_same_tone(name):
    telephony = AudioFormat(name)
    audio = at_once(convert(TONE, PCM, telephony))
    assert len(audio) == 8000
    back = np.frombuffer(at_once(convert(audio, telephony, PCM)), dtype="<i2").astype(float)
    original = np.frombuffer(TONE, dtype="<i2").astype(float)
    middle = slice(2400, -2400)
    error = np.sqrt(np.mean((back[middle] - original[middle]) ** 2))
    assert error < 0.05 * np.sqrt(np.mean(original[middle] ** 2))


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_stream_encodes_like_the_whole(name):
    wanted = AudioFormat(name)
    encoder = Encoder(wanted)
    pieces = [encoder.push(TONE[start : start + 998]) for start in range(0, len(TONE), 998)]
    audio = b"".join(pieces) + encoder.push(b"", last=True)
    assert len(audio) / wanted.bytes_per_ms == duration_ms(TONE)
    # soxr may round the last bit differently, which is one step of the telephone's scale at most.
    whole = np.frombuffer(wanted.decode(at_once(convert(TONE, PCM, wanted))), dtype="<i2").astype(
        int
    )
    assert np.abs(np.frombuffer(wanted.decode(audio), dtype="<i2") - whole).max() <= 512
