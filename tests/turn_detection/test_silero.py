"""Silero in company: a stream's memory, rows that do not touch, and silence known by heart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audio.pcm import SAMPLE_RATE, read_wav, silence
from session.decisions import Decision
from session.turn_settings import ServerVad
from tests.support.places import DATA
from turn_detection.silero import WINDOW_SAMPLES, SileroModel, VoiceStream, Window, score_together
from turn_detection.turn_detector import TurnDetector

SPEECH = DATA / "flite-slt_s02.wav"
SETTINGS = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500)


class FakeModel(SileroModel):
    """Loud windows are speech. Its memory counts the windows of a stream."""

    def __init__(self) -> None:
        self.silence = ()
        self.heard: list[Any] = []
        self.memories: list[int] = []

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        self.heard += list(samples)
        self.memories += memories[:, 0].astype(int).tolist()
        loud = np.abs(samples[:, -WINDOW_SAMPLES:]).max(axis=1) > 0.1
        return np.where(loud, 0.95, 0.02), memories + 1


def window(loud: bool) -> Window:
    return np.full(WINDOW_SAMPLES, 0.25 if loud else 0, dtype=np.float32)


def hear(model: SileroModel, stream: VoiceStream, heard: Window, *, speaking: bool = False) -> None:
    (score,) = score_together(model, [stream], [heard])
    stream.hear(heard, score, speaking=speaking)


def hear_all(
    model: SileroModel, stream: VoiceStream, scores: str, *, speaking: bool = False
) -> None:
    for one in scores:
        hear(model, stream, window(one == "#"), speaking=speaking)


# --- one stream's memory ---


def test_a_window_is_scored_with_the_end_of_the_one_before() -> None:
    model = FakeModel()
    stream = VoiceStream(model)
    ramp = np.arange(WINDOW_SAMPLES, dtype=np.float32)
    hear(model, stream, ramp)
    hear(model, stream, ramp + 600)
    first, second = model.heard
    assert first.tolist() == [0] * 64 + ramp.tolist()
    assert second.tolist() == ramp[-64:].tolist() + (ramp + 600).tolist()


def test_each_stream_has_a_memory_of_its_own() -> None:
    model = FakeModel()
    one, other = VoiceStream(model), VoiceStream(model)
    hear_all(model, one, "..")
    hear_all(model, other, ".")
    hear_all(model, one, ".")
    assert model.memories == [0, 1, 0, 2]


def test_after_2_seconds_without_speech_the_memory_is_wiped() -> None:
    model = FakeModel()
    hear_all(model, VoiceStream(model), "." * 70)
    assert model.memories[60:64] == [60, 61, 0, 1]


def test_the_memory_is_kept_while_somebody_speaks() -> None:
    model = FakeModel()
    hear_all(model, VoiceStream(model), "." * 200, speaking=True)
    assert model.memories == list(range(200))


def test_the_memory_is_kept_until_it_is_clearly_quiet() -> None:
    model = FakeModel()
    hear_all(model, VoiceStream(model), "....#" * 20)
    assert model.memories == list(range(100))


# --- the model that Pipecat ships ---


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return SileroModel()


@pytest.fixture(scope="module")
def spoken() -> bytes:
    """A spoken question, 16 kHz PCM."""
    return read_wav(SPEECH, SAMPLE_RATE)


def cut(pcm: bytes) -> list[Window]:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768
    return list(samples[: len(samples) // WINDOW_SAMPLES * WINDOW_SAMPLES].reshape(-1, 512))


@pytest.mark.parametrize("others", [1, 2, 7, 31])
def test_a_row_does_not_depend_on_the_others(
    silero: SileroModel, spoken: bytes, others: int
) -> None:
    chance = np.random.default_rng(others)
    alone, among = VoiceStream(silero), VoiceStream(silero)
    crowd = [VoiceStream(silero) for _ in range(others)]
    probabilities = []
    for own in cut(spoken):
        (expected,) = score_together(silero, [alone], [own])
        # The others come and go, and the row is now here, now there.
        present = [stream for stream in crowd if chance.random() < 0.7]
        at = int(chance.integers(len(present) + 1))
        streams = [*present[:at], among, *present[at:]]
        noise = chance.normal(0, 0.1, (len(streams), WINDOW_SAMPLES)).astype(np.float32)
        windows = [
            own if stream is among else row for stream, row in zip(streams, noise, strict=True)
        ]
        scores = score_together(silero, streams, windows)
        for stream, heard, score in zip(streams, windows, scores, strict=True):
            stream.hear(heard, score, speaking=False)
        alone.hear(own, expected, speaking=False)
        assert scores[at].probability == expected.probability
        assert np.array_equal(among.memory, alone.memory)
        probabilities.append(expected.probability)
    assert min(probabilities) < 0.1 < 0.9 < max(probabilities)


class Attentive(SileroModel):
    """Asks the model even where the answer is known, and counts the questions."""

    def __init__(self, model: SileroModel, *, by_heart: bool) -> None:
        self.silence = model.silence if by_heart else ()
        self.asked = 0
        self._model = model

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        self.asked += len(samples)
        return self._model.run(samples, memories)


def listen(model: SileroModel, pcm: bytes, **changed: Any) -> tuple[list[Decision], VoiceStream]:
    detector = TurnDetector(model, hesitate_after_ms=120)
    detector.configure(replace(SETTINGS, **changed))
    return list(detector.push(pcm)), detector.stream


@pytest.mark.parametrize("quiet_ms", [0, 7, 33, 250, 500, 1984, 2000, 2016, 4100, 9000])
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_silence_known_by_heart_changes_nothing(
    silero: SileroModel, spoken: bytes, quiet_ms: int, threshold: float
) -> None:
    """Speech with stretches of digital silence, begun at any place of the grid."""
    words = [spoken[at : at + 24_000] for at in range(0, 72_000, 24_000)]
    gaps = [silence(quiet_ms + 13 * number, SAMPLE_RATE) for number in range(4)]
    pcm = b"".join(part for pair in zip(gaps, [*words, b""], strict=True) for part in pair)
    asking = Attentive(silero, by_heart=False)
    knowing = Attentive(silero, by_heart=True)
    expected, heard = listen(asking, pcm, threshold=threshold)
    found, known = listen(knowing, pcm, threshold=threshold)
    assert found == expected
    assert np.array_equal(known.memory, heard.memory)
    assert np.array_equal(known.context, heard.context)
    assert knowing.asked <= asking.asked
    if quiet_ms >= 32:
        assert knowing.asked < asking.asked


def test_lasting_digital_silence_costs_no_calls(silero: SileroModel) -> None:
    model = Attentive(silero, by_heart=True)
    assert listen(model, silence(320_000, SAMPLE_RATE))[0] == []
    assert model.asked == 0


def test_noise_is_not_taken_for_silence(silero: SileroModel) -> None:
    model = Attentive(silero, by_heart=True)
    hiss = np.zeros(WINDOW_SAMPLES, dtype="<i2")
    hiss[100] = 1
    listen(model, hiss.tobytes() * 50)
    assert model.asked == 50
