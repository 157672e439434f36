"""The silence before the first sound goes; nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from providers.tts.lead_in import LeadIn

RATE = 16000
HUM = (3000 * np.ones(1600)).astype("<i2").tobytes()
GAP = bytes(3200)


@pytest.mark.parametrize("step", [2, 640, 10**9])
@pytest.mark.parametrize("silent_ms", [0, 5, 20, 180])
def test_at_most_20_ms_of_silence_remain(step, silent_ms):
    lead_in = LeadIn(RATE)
    stream = bytes(silent_ms * 32) + HUM + GAP + HUM
    heard = b"".join(
        lead_in.push(stream[start : start + step]) for start in range(0, len(stream), step)
    )
    assert heard == bytes(min(silent_ms, 20) * 32) + HUM + GAP + HUM


def test_silence_alone_is_nothing_to_hear():
    assert LeadIn(RATE).push(GAP) == b""
