"""How a call's voice is lowered and restored (§B.5)."""

from __future__ import annotations

import numpy as np
import pytest

from peers.webrtc.fader import DUCKED, RAMP_MS, Fader

FRAME = np.full(480, 10_000, "<i2").tobytes()
FRAMES = RAMP_MS // 20


def levels(fader: Fader, frames: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.frombuffer(b"".join(fader.faded(FRAME) for _ in range(frames)), "<i2")


def test_a_voice_that_was_never_lowered_is_untouched() -> None:
    assert Fader().faded(FRAME) is FRAME


def test_it_is_lowered_by_12_db_without_a_step() -> None:
    fader = Fader()
    fader.duck(on=True)
    sound = levels(fader, FRAMES + 1)
    assert sound[-1] == pytest.approx(10_000 * DUCKED, abs=1)
    assert 20 * np.log10(10_000 / sound[-1]) == pytest.approx(12, abs=0.01)
    assert np.abs(np.diff(sound)).max() <= 10


def test_it_is_restored_without_a_step_and_untouched_again() -> None:
    fader = Fader()
    fader.duck(on=True)
    levels(fader, FRAMES)
    fader.duck(on=False)
    sound = levels(fader, FRAMES + 1)
    assert np.abs(np.diff(sound)).max() <= 10
    assert fader.faded(FRAME) is FRAME


def test_it_may_be_restored_in_the_middle_of_the_ramp() -> None:
    fader = Fader()
    fader.duck(on=True)
    down = levels(fader, 1)
    fader.duck(on=False)
    up = levels(fader, FRAMES)
    assert np.abs(np.diff(np.concatenate([down, up]))).max() <= 10
    assert up[-1] == 10_000


def test_silence_stays_silence_and_nothing_is_nothing() -> None:
    fader = Fader()
    fader.duck(on=True)
    assert fader.faded(bytes(960)) == bytes(960)
    assert fader.faded(b"") == b""
