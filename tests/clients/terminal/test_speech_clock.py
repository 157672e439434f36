"""When a moment of the sent audio was spoken."""

from __future__ import annotations

import pytest

from clients.terminal.speech_clock import REMEMBERED_MS, SpeechClock


def test_a_moment_of_the_sent_audio_is_found_on_the_clock() -> None:
    clock = SpeechClock()
    for number in range(1, 6):
        clock.sent(20, at=100 + number)  # a slow microphone, so that blocks can be told apart
    assert clock.when(20) == 101
    assert clock.when(21) == pytest.approx(102 - 0.019)
    assert clock.when(100) == 105
    assert clock.when(101) is None
    clock.sent(REMEMBERED_MS, at=200)
    clock.sent(20, at=201)
    assert clock.when(REMEMBERED_MS + 120) == 201
