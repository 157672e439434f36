"""What was sent lies where a client plays it."""

from __future__ import annotations

import numpy as np

from audio.formats import AudioFormat
from turn_detection.sent_audio import PER_MS, SILENT_DB, STOPS_AFTER_MS, SentAudio

PCM = AudioFormat()
PCMU = AudioFormat("audio/pcmu")
TONE = np.sin(2 * np.pi * 440 / 24000 * np.arange(24000))
"""A second."""


def tone(ms: int, loud: float = 0.5) -> bytes:
    return bytes((TONE[: 24 * ms] * loud * 32767).astype("<i2"))


def audible(sent: SentAudio, start_ms: float, ms: int) -> bool:
    return bool(np.abs(sent.span(start_ms, ms * PER_MS)).max() > 0.01)


def test_what_is_made_faster_than_it_is_played_is_played_in_order():
    sent = SentAudio(3000)
    assert sent.add(tone(400), PCM, 1000) == 1000
    assert sent.add(tone(400), PCM, 1010) == 1400
    assert not audible(sent, 0, 1000)
    assert audible(sent, 1500, 200)
    assert not audible(sent, 1800, 200)


def test_what_comes_late_begins_when_it_comes():
    sent = SentAudio(3000)
    sent.add(tone(100), PCM, 0)
    assert sent.add(tone(100), PCM, 500) == 500
    assert not audible(sent, 120, 300)


def test_the_samples_are_those_that_were_sent_in_any_format():
    wave = np.sin(2 * np.pi * 440 / 8000 * np.arange(3200)) * 0.5
    phone = PCMU.encode(bytes((wave * 32767).astype("<i2")))
    for audio_format, audio in ((PCM, tone(400)), (PCMU, phone)):
        sent = SentAudio(3000)
        sent.add(audio, audio_format, 0)
        assert np.abs(sent.span(50, 1600) - wave[400:2000]).max() < 0.02


def test_a_client_that_is_silenced_plays_on_for_a_moment_and_then_what_comes_next():
    sent = SentAudio(3000)
    for _ in range(10):
        sent.add(tone(400), PCM, 0)
    sent.stop(1000)
    assert audible(sent, 1000, 200)
    assert not audible(sent, 1000 + STOPS_AFTER_MS, 1000)
    assert sent.add(tone(100), PCM, 1200) == 1200


def test_what_was_played_long_ago_is_forgotten():
    sent = SentAudio(3000)
    sent.add(tone(400, loud=0.9), PCM, 0)
    sent.add(tone(400, loud=0.1), PCM, 5000)
    assert sent.loudest_db(0, 5000) == SILENT_DB
    assert -30 < sent.loudest_db(4000, 6000) < -20
