"""Detectors that are asked together decide what they decide alone."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from audio.pcm import SAMPLE_RATE, read_wav, silence
from session.decisions import Decision, SpeechStarted, SpeechStopped, VerdictDue
from session.turn_settings import SemanticVad, ServerVad, TurnDetection
from tests.support.places import DATA
from turn_detection.batched_scoring import MAX_ROWS, VoiceScoring
from turn_detection.silero import WINDOW_SAMPLES, SileroModel
from turn_detection.turn_detector import TurnDetector

SERVER = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=300)
SEMANTIC = SemanticVad(prefix_padding_ms=300, eagerness="high")


class Counting(SileroModel):
    """The real model, and how many rows each call had."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        if hasattr(self, "rows"):
            self.rows.append(len(samples))
        return super().run(samples, memories)


@pytest.fixture(scope="module")
def loaded() -> Counting:
    return Counting()


@pytest.fixture
def silero(loaded: Counting) -> Counting:
    loaded.rows.clear()
    return loaded


def detector(model: SileroModel, settings: TurnDetection) -> TurnDetector:
    built = TurnDetector(model, hesitate_after_ms=120)
    built.configure(settings)
    return built


async def hear(
    scoring: VoiceScoring, listener: TurnDetector, pcm: bytes, chunk: int
) -> list[Decision]:
    """Push audio as a session does; a pause sounds like the end of a turn."""
    decisions: list[Decision] = []
    for at in range(0, len(pcm), chunk):
        listener.add(pcm[at : at + chunk])
        while (decision := await scoring.next_decision(listener)) is not None:
            decisions.append(decision)
            if isinstance(decision, VerdictDue):
                stopped = listener.judged(0.9)
                decisions += [stopped] if stopped is not None else []
        await asyncio.sleep(0)
    return decisions


def alone(model: SileroModel, settings: TurnDetection, pcm: bytes) -> list[Decision]:
    listener = detector(model, settings)
    decisions: list[Decision] = []
    for decision in listener.push(pcm):
        decisions.append(decision)
        if isinstance(decision, VerdictDue):
            stopped = listener.judged(0.9)
            decisions += [stopped] if stopped is not None else []
    return decisions


@pytest.fixture(scope="module")
def spoken() -> bytes:
    words = read_wav(DATA / "flite-slt_s02.wav", SAMPLE_RATE)
    return words + silence(700, SAMPLE_RATE) + words + silence(700, SAMPLE_RATE)


@pytest.mark.parametrize("settings", [SERVER, SEMANTIC], ids=["server_vad", "semantic_vad"])
async def test_company_changes_no_decision(
    silero: Counting, spoken: bytes, settings: TurnDetection
) -> None:
    chance = np.random.default_rng(5)
    expected = alone(silero, settings, spoken)
    assert sum(isinstance(decision, SpeechStarted) for decision in expected) >= 2
    assert sum(isinstance(decision, SpeechStopped) for decision in expected) >= 2
    crowd = []
    for _ in range(16):
        level = chance.choice([0, 30, 3000])
        noise = chance.normal(0, level, len(spoken) // 2).astype("<i2").tobytes()
        crowd.append(noise if chance.random() < 0.5 else spoken)
    silero.rows.clear()
    scoring = VoiceScoring(silero)
    chunks = [int(chance.integers(100, 4000)) for _ in crowd]
    found, *others = await asyncio.gather(
        hear(scoring, detector(silero, settings), spoken, 640),
        *(
            hear(scoring, detector(silero, settings), pcm, chunk)
            for pcm, chunk in zip(crowd, chunks, strict=True)
        ),
    )
    assert found == expected
    for pcm, decisions in zip(crowd, others, strict=True):
        assert decisions == alone(silero, settings, pcm)
    assert max(silero.rows) > 1


async def test_windows_of_many_sessions_go_in_few_calls(silero: Counting) -> None:
    scoring = VoiceScoring(silero)
    noise = np.random.default_rng(1).normal(0, 900, WINDOW_SAMPLES).astype("<i2").tobytes()
    listeners = [detector(silero, SERVER) for _ in range(MAX_ROWS * 2 + 1)]
    for listener in listeners:
        listener.add(noise * 3)
    await asyncio.gather(*(scoring.next_decision(listener) for listener in listeners))
    assert sum(silero.rows) == len(listeners) * 3
    assert max(silero.rows) == MAX_ROWS
    assert len(silero.rows) <= 8


async def test_what_was_asked_for_by_a_session_that_is_gone_is_left_out(silero: Counting) -> None:
    scoring = VoiceScoring(silero)
    staying, leaving = detector(silero, SERVER), detector(silero, SERVER)
    hiss = np.full(WINDOW_SAMPLES, 9, dtype="<i2").tobytes()
    staying.add(hiss)
    leaving.add(hiss)
    gone = asyncio.create_task(scoring.next_decision(leaving))
    asked = asyncio.create_task(scoring.next_decision(staying))
    await asyncio.sleep(0)
    gone.cancel()
    assert await asked is None
    assert silero.rows == [1]


async def test_a_model_that_fails_is_heard_of_by_everyone_who_waits() -> None:
    class Failing(Counting):
        def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
            if hasattr(self, "rows"):
                raise RuntimeError("out of memory")
            return super().run(samples, memories)

    model = Failing()
    scoring = VoiceScoring(model)
    listeners = [detector(model, SERVER) for _ in range(2)]
    for listener in listeners:
        listener.add(b"\1" * WINDOW_SAMPLES * 2)
    found = await asyncio.gather(
        *(scoring.next_decision(listener) for listener in listeners), return_exceptions=True
    )
    assert [str(error) for error in found] == ["out of memory"] * 2


async def test_audio_without_detection_asks_nothing(silero: Counting, spoken: bytes) -> None:
    listener = TurnDetector(silero)
    listener.configure(None)
    listener.add(spoken)
    assert await VoiceScoring(silero).next_decision(listener) is None
    assert silero.rows == []
