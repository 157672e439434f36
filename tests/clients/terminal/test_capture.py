"""What is said between start and stop, and how loud it is."""

from __future__ import annotations

import asyncio
import math
import threading

import numpy as np
import pytest

from clients.terminal.capture import SILENCE_DBFS, Capture, level_dbfs
from clients.terminal.sources import Microphone
from tests.support.fake_sound import FakeSound


async def test_a_capture_yields_all_that_was_said_before_it_was_stopped() -> None:
    device = FakeSound()
    capture = Capture(Microphone(device.open))
    capture.start(on_end=lambda: None)
    said = [bytes([number]) * 960 for number in range(50)]
    speaking = threading.Thread(target=lambda: device.push_all(said))
    speaking.start()
    await asyncio.to_thread(speaking.join)
    capture.stop()
    assert [pcm async for pcm in capture] == said
    assert device.calls == ["open", "start", "abort", "close"]


@pytest.mark.parametrize(
    ("pcm", "wanted"),
    [
        (b"", SILENCE_DBFS),
        (bytes(960), SILENCE_DBFS),
        ((32767 * np.sin(np.arange(24000) / 10)).astype("<i2").tobytes(), 0),
        ((3276.7 * np.sin(np.arange(24000) / 10)).astype("<i2").tobytes(), -20),
    ],
)
def test_levels(pcm: bytes, wanted: float) -> None:
    assert math.isclose(level_dbfs(pcm), wanted, abs_tol=0.05)
