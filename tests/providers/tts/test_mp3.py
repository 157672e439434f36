"""MP3 decoded while it arrives."""

from __future__ import annotations

import numpy as np
import pytest

from providers.tts.mp3 import BadMp3Error, Mp3Stream
from tests.providers.fakes.edge import mp3

LENGTH_MS = 500
DATA = mp3(0, LENGTH_MS)
BYTES_PER_MS = {16000: 32, 24000: 48}


def decode(data: bytes, step: int, rate: int = 24000) -> list[bytes]:
    stream = Mp3Stream(rate)
    pieces = [stream.push(data[start : start + step]) for start in range(0, len(data), step)]
    return [*pieces, stream.flush()]


@pytest.mark.parametrize("step", [1, 100, 144, 720, len(DATA)])
def test_how_it_is_cut_makes_no_difference(step):
    assert b"".join(decode(DATA, step)) == b"".join(decode(DATA, len(DATA)))


def test_every_frame_is_heard_at_once():
    # 144 bytes are a frame of 24 ms.
    pieces = decode(DATA, 144)
    assert [len(piece) / BYTES_PER_MS[24000] for piece in pieces] == [24] * (len(pieces) - 1) + [0]


@pytest.mark.parametrize("rate", [16000, 24000])
def test_nothing_is_lost_at_any_rate(rate):
    pcm = b"".join(decode(DATA, 720, rate))
    assert abs(len(pcm) / BYTES_PER_MS[rate] - len(DATA) / 144 * 24) < 0.1
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 2000)
    assert abs((loud[-1] - loud[0]) * 1000 / rate - LENGTH_MS) < 5


@pytest.mark.parametrize("junk", [b"this is no audio " * 100, bytes(5000), b"<html>"])
def test_what_is_no_mp3_is_refused(junk):
    with pytest.raises(BadMp3Error):
        decode(junk, 720)
