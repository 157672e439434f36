"""How loud a user usually is."""

from __future__ import annotations

import numpy as np
import pytest

from audio.formats import AudioFormat
from session.usual_level import LONGEST_MS, TURNS, UsualLevel

PCM = AudioFormat()


def tone(dbfs: float, ms: int = 1000) -> bytes:
    """A square wave, whose level is that of its samples."""
    samples = np.where(np.arange(24 * ms) // 60 % 2, 1, -1) * 32768 * 10 ** (dbfs / 20)
    return samples.astype("<i2").tobytes()


def test_nothing_is_known_at_first() -> None:
    assert UsualLevel().db is None


@pytest.mark.parametrize(
    "audio_format", [PCM, AudioFormat("audio/pcmu"), AudioFormat("audio/pcma")]
)
def test_a_turn_is_as_loud_as_its_louder_syllables(audio_format: AudioFormat) -> None:
    usual = UsualLevel()
    turn = tone(-60, 500) + tone(-20) + tone(-60, 500)
    usual.heard(audio_format.encode(turn), audio_format)
    assert usual.db == pytest.approx(-20, abs=1.5)


def test_one_shout_does_not_count() -> None:
    usual = UsualLevel()
    for dbfs in (-30, -5, -30):
        usual.heard(tone(dbfs), PCM)
    assert usual.db == pytest.approx(-30, abs=0.1)


def test_it_follows_the_last_turns() -> None:
    usual = UsualLevel()
    for dbfs in (*[-50] * TURNS, *[-30] * TURNS):
        usual.heard(tone(dbfs), PCM)
    assert usual.db == pytest.approx(-30, abs=0.1)


def test_only_the_end_of_a_long_turn_is_measured() -> None:
    usual = UsualLevel()
    usual.heard(tone(-10, 2 * LONGEST_MS) + tone(-40, LONGEST_MS), PCM)
    assert usual.db == pytest.approx(-40, abs=0.1)


@pytest.mark.parametrize("audio", [b"", bytes(2), bytes(48 * 500)])
def test_silence_is_no_error(audio: bytes) -> None:
    usual = UsualLevel()
    usual.heard(audio, PCM)
    assert usual.db is None
