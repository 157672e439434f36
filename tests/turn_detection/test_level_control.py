"""Quiet voices are made louder for the detector, and noise stays noise (§C.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.pcm import SAMPLE_RATE, read_wav
from session.decisions import SpeechStarted, SpeechStopped
from session.turn_settings import ServerVad
from tests.support.places import DATA
from turn_detection.level_control import MOST_DB, SILENT_DB, TARGET_DB, LevelControl
from turn_detection.silero import WINDOW_SAMPLES, SileroModel, shared_silero
from turn_detection.turn_detector import TurnDetector

SECOND = SAMPLE_RATE
SPOKEN_AT = 2 * SECOND


def tone(db: float) -> Any:
    """A window of a level in dBFS."""
    wave = np.sin(np.arange(WINDOW_SAMPLES) * 2 * np.pi / 32)
    return (wave * 10 ** (db / 20) * np.sqrt(2)).astype(np.float32)


def amplitude(db: float) -> float:
    return float(10 ** (db / 20))


def level_of(window: Any) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(window**2))))


@pytest.mark.parametrize("db", [-35.0, -20.0, -3.1])
def test_a_voice_of_usual_level_is_heard_to_the_bit(db: float) -> None:
    window = tone(db)
    heard = LevelControl().heard(window)
    assert heard.window is window
    assert heard.level_db == pytest.approx(db, abs=0.01)


@pytest.mark.parametrize("db", [-40.0, -53.0, -63.0])
def test_a_quiet_one_is_made_as_loud_as_the_target(db: float) -> None:
    heard = LevelControl().heard(tone(db))
    assert level_of(heard.window) == pytest.approx(TARGET_DB, abs=0.01)
    assert heard.level_db == pytest.approx(db, abs=0.01)


def test_what_follows_a_loud_window_is_not_made_louder_at_once() -> None:
    control = LevelControl()
    control.passed(amplitude(-20.0))
    assert level_of(control.heard(tone(-50.0)).window) == pytest.approx(-50.0, abs=0.01)
    for _ in range(200):
        control.passed(amplitude(-50.0))
    assert level_of(control.heard(tone(-50.0)).window) == pytest.approx(TARGET_DB, abs=0.01)


@given(before=st.lists(st.floats(-100, 0), max_size=30), db=st.floats(-99, -3.1))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_nothing_is_made_louder_than_the_target_or_by_more_than_the_most(
    before: list[float], db: float
) -> None:
    control = LevelControl()
    for level in before:
        control.passed(amplitude(level))
    gain = level_of(control.heard(tone(db)).window) - db
    assert -0.01 <= gain <= MOST_DB + 0.01
    assert gain <= 0.01 or db + gain <= TARGET_DB + 0.01


def test_digital_silence_stays_silence() -> None:
    heard = LevelControl().heard(np.zeros(WINDOW_SAMPLES, np.float32))
    assert not heard.window.any()
    assert heard.level_db == SILENT_DB


# --- with Silero ---


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return shared_silero()


def decided(silero: SileroModel, samples: Any) -> list[Any]:
    chance = np.random.default_rng(3)
    dither = chance.uniform(-0.5, 0.5, (2, len(samples))).sum(axis=0)
    pcm = np.clip(np.round(samples + dither), -32768, 32767).astype("<i2").tobytes()
    detector = TurnDetector(silero)
    detector.configure(ServerVad(0.5, 300, 500))
    return list(detector.push(pcm))


def at_level(samples: Any, db: float) -> Any:
    """Samples whose root mean square is at `db` dBFS."""
    return samples / np.sqrt(np.mean(samples**2)) * 32768 * 10 ** (db / 20)


@pytest.mark.parametrize("name", ["flite-slt_s01", "flite-slt_s02", "flite-rms_s06"])
@pytest.mark.parametrize("db", [-53, -63])
def test_a_voice_far_away_is_heard_from_its_first_word(
    silero: SileroModel, name: str, db: int
) -> None:
    words = np.frombuffer(read_wav(DATA / f"{name}.wav", SAMPLE_RATE), "<i2").astype(float)
    scene = np.concatenate([np.zeros(SPOKEN_AT), at_level(words, db), np.zeros(2 * SECOND)])
    started, stopped = decided(silero, scene)
    assert isinstance(started, SpeechStarted)
    assert isinstance(stopped, SpeechStopped)
    loud = np.flatnonzero(np.abs(words) > 0.1 * np.abs(words).max())[0] / SAMPLE_RATE * 1000
    assert started.onset_ms <= 2000 + loud + 150


@pytest.mark.parametrize("db", [-30, -53, -63, -75])
@pytest.mark.parametrize("kind", ["white", "pink", "brown", "hum"])
def test_noise_is_not_made_a_voice(silero: SileroModel, kind: str, db: int) -> None:
    chance = np.random.default_rng(11)
    count = 12 * SECOND
    spectrum = np.fft.rfft(chance.normal(0, 1, count))
    falling = np.arange(1, len(spectrum) + 1)
    time = np.arange(count) / SAMPLE_RATE
    noise = {
        "white": lambda: np.fft.irfft(spectrum),
        "pink": lambda: np.fft.irfft(spectrum / np.sqrt(falling)),
        "brown": lambda: np.fft.irfft(spectrum / falling),
        "hum": lambda: sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 6)),
    }[kind]()
    assert decided(silero, at_level(noise, db)) == []


def test_dither_is_not_made_a_voice(silero: SileroModel) -> None:
    assert decided(silero, np.zeros(20 * SECOND)) == []
