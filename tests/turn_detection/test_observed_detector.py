"""A watched turn detector tells all windows and decisions, and decides as if nobody watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from audio.pcm import SAMPLE_RATE, WIRE_RATE, read_wav, silence
from session.decisions import Decision, VerdictDue
from session.turn_settings import SemanticVad, ServerVad, TurnDetection
from tests.support.places import DATA
from turn_detection.observed_detector import TOLD_WINDOWS, ObservedTurnDetector
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, SileroModel, shared_silero
from turn_detection.turn_detector import TurnDetector
from wire.console_events import TurnDetectionObserved

SETTINGS = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200)
SPOKEN = silence(480) + read_wav(DATA / "flite-slt_s02.wav") + silence(960)


class FakeModel(SileroModel):
    """Loud windows are speech."""

    def __init__(self) -> None:
        self.silence = ()

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        loud = np.abs(samples[:, -WINDOW_SAMPLES:]).max(axis=1) > 0.1
        return np.where(loud, 0.95, 0.02), memories


def audio(scores: str) -> bytes:
    loud = np.full(WINDOW_SAMPLES, 8192, dtype="<i2").tobytes()
    return b"".join(loud if score == "#" else bytes(len(loud)) for score in scores)


class Watched:
    """A detector and what it told."""

    def __init__(self, settings: TurnDetection | None, hesitate_after_ms: int | None = None):
        self.told: list[TurnDetectionObserved] = []
        self.detector = ObservedTurnDetector(
            FakeModel(), hesitate_after_ms, SAMPLE_RATE, self.told.append
        )
        self.detector.configure(settings)

    def marks(self) -> list[tuple[str, int, float | None]]:
        return [
            (mark["what"], mark["at_ms"], mark["complete"])
            for told in self.told
            for mark in told.turn
        ]


def test_every_window_is_told_once_some_at_a_time():
    watched = Watched(SETTINGS)
    list(watched.detector.push(audio("..#" * 5)))
    assert [told.start_ms for told in watched.told] == [0, 160, 320]
    assert {told.window_ms for told in watched.told} == {WINDOW_MS}
    assert {told.threshold for told in watched.told} == {0.5}
    speech = [score for told in watched.told for score in told.speech]
    assert speech == [0.02, 0.02, 0.95] * 5
    level = [peak for told in watched.told for peak in told.level]
    assert level == [0.0, 0.0, 0.25] * 5


def test_decisions_are_told_where_they_fall():
    watched = Watched(SETTINGS, hesitate_after_ms=64)
    list(watched.detector.push(audio("..####...####" + "." * 14)))
    assert watched.marks() == [
        ("started", 2 * 32, None),
        ("hesitated", 8 * 32, None),
        ("resumed", 9 * 32, None),
        ("hesitated", 15 * 32, None),
        ("stopped", 20 * 32, None),
    ]


def test_a_pause_is_told_with_its_judgement():
    watched = Watched(SemanticVad(prefix_padding_ms=300))
    for decision in watched.detector.push(audio("####" + "." * 16)):
        if isinstance(decision, VerdictDue):
            watched.detector.judged(0.91234)
    assert watched.marks() == [
        ("started", 0, None),
        ("paused", 10 * 32, 0.912),
        ("paused", 14 * 32, 0.912),
        ("stopped", 15 * 32, None),
    ]


def test_while_turns_are_not_detected_only_the_level_is_told():
    watched = Watched(None)
    list(watched.detector.push(audio("##.##")))
    [told] = watched.told
    assert (told.speech, told.threshold, told.turn) == ([], None, [])
    assert told.level == [0.25, 0.25, 0.0, 0.25, 0.25]


def test_other_settings_begin_another_event():
    watched = Watched(SETTINGS)
    list(watched.detector.push(audio("..")))
    watched.detector.configure(ServerVad(0.8, 300, 200))
    list(watched.detector.push(audio("....#")))
    assert [(told.start_ms, told.threshold) for told in watched.told] == [(0, 0.5), (64, 0.8)]
    assert [len(told.speech) for told in watched.told] == [2, 5]


def test_audio_that_is_heard_again_is_told_again():
    watched = Watched(SETTINGS)
    list(watched.detector.push(audio("..#")))
    watched.detector.go_back(32, speaking=False)
    list(watched.detector.push(audio(".#...")))
    assert [told.start_ms for told in watched.told] == [0, 32]
    assert [len(told.level) for told in watched.told] == [3, 5]


@pytest.mark.parametrize("settings", [SETTINGS, SemanticVad(prefix_padding_ms=300)])
def test_it_decides_as_if_nobody_watched(settings: TurnDetection):
    def decided(detector: TurnDetector) -> list[Decision]:
        detector.configure(settings)
        found = []
        for decision in detector.push(SPOKEN):
            found.append(decision)
            if isinstance(decision, VerdictDue) and (end := detector.judged(0.9)):
                found.append(end)
        return found

    told: list[TurnDetectionObserved] = []
    watched = ObservedTurnDetector(shared_silero(), 120, WIRE_RATE, told.append)
    assert decided(watched) == decided(TurnDetector(shared_silero(), 120, WIRE_RATE))
    assert len(told) == len(SPOKEN) // (WIRE_RATE * 2 * WINDOW_MS // 1000) // TOLD_WINDOWS
    assert max(score for one in told for score in one.speech) > 0.9
    assert {mark["what"] for one in told for mark in one.turn} >= {"started", "stopped"}
