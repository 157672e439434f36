"""G.711 against what the standard says of it."""

from __future__ import annotations

import numpy as np
import pytest

from audio import g711

ALL = bytes(range(256))


def samples(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, dtype="<i2")]


@pytest.mark.parametrize(
    ("law", "code", "value"),
    [
        ("ulaw", 0xFF, 0),
        ("ulaw", 0x7F, 0),
        ("ulaw", 0x80, 32124),
        ("ulaw", 0x00, -32124),
        ("alaw", 0xD5, 8),
        ("alaw", 0x55, -8),
        ("alaw", 0xAA, 32256),
        ("alaw", 0x2A, -32256),
    ],
)
def test_codes_of_the_standard(law, code, value):
    assert samples(g711.decode(bytes([code]), law)) == [value]


@pytest.mark.parametrize(("law", "silence"), [("ulaw", 0xFF), ("alaw", 0xD5)])
def test_silence_is_the_code_that_telephony_takes_for_it(law, silence):
    assert g711.encode(bytes(4), law) == bytes([silence] * 2)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_the_codes_of_opposite_samples_differ_in_their_sign_alone(law):
    louder = np.arange(1, 32768, dtype="<i2")
    codes, opposite = (
        np.frombuffer(g711.encode(side.tobytes(), law), np.uint8) for side in (louder, -louder)
    )
    assert (codes ^ opposite == 0x80).all()


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_every_code_survives_the_round_trip_as_a_value(law):
    values = g711.decode(ALL, law)
    assert g711.decode(g711.encode(values, law), law) == values


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_every_sample_becomes_the_nearest_code(law):
    every = np.arange(-32768, 32768, dtype=np.int32)
    decoded = np.array(samples(g711.decode(g711.encode(every.astype("<i2").tobytes(), law), law)))
    table = np.array(samples(g711.decode(ALL, law)))
    nearest = np.abs(table[None, :] - every[::97, None]).min(axis=1)
    assert (np.abs(decoded - every)[::97] == nearest).all()
