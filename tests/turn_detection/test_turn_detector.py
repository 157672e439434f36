"""When speech starts and stops in a stream, and with Silero on real speech (protocol §C.4, E)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.pcm import SAMPLE_RATE, read_wav, silence
from session.decisions import SpeechPersisted, SpeechStarted, SpeechStopped
from session.turn_settings import ServerVad, TurnDetection
from tests.support.places import DATA
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, SileroModel
from turn_detection.turn_detector import TurnDetector

SPEECH = DATA / "flite-slt_s02.wav"
SETTINGS = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200)
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000


class FakeModel(SileroModel):
    """Loud windows are speech."""

    def __init__(self) -> None:
        self.silence = ()

    def run(self, samples: Any, memories: Any) -> tuple[Any, Any]:
        loud = np.abs(samples[:, -WINDOW_SAMPLES:]).max(axis=1) > 0.1
        return np.where(loud, 0.95, 0.02), memories


def window(loud: bool) -> bytes:
    return np.full(WINDOW_SAMPLES, 8000 if loud else 0, dtype="<i2").tobytes()


def audio(scores: str) -> bytes:
    return b"".join(window(score == "#") for score in scores)


def detector(configured: TurnDetection | None = SETTINGS) -> TurnDetector:
    built = TurnDetector(FakeModel())
    built.configure(configured)
    return built


# --- windows out of a stream ---


SCORES = "..####.....##........###########................."
EXPECTED = [
    SpeechStarted(2 * WINDOW_MS),
    SpeechStopped(20 * WINDOW_MS),
    SpeechStarted(21 * WINDOW_MS),
    SpeechStopped(39 * WINDOW_MS),
]


def test_a_stream_is_cut_into_windows() -> None:
    assert list(detector().push(audio(SCORES))) == EXPECTED


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=40))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_decisions_do_not_depend_on_how_the_audio_is_chunked(sizes: list[int]) -> None:
    stream, pcm, found, at = detector(), audio(SCORES), [], 0
    for size in [*sizes, len(pcm)]:
        found += list(stream.push(pcm[at : at + size]))
        at += size
    assert found == EXPECTED


def test_the_grid_goes_on_through_a_reset() -> None:
    stream = detector()
    list(stream.push(audio("....##")))
    stream.reset()
    assert list(stream.push(audio("###"))) == [SpeechStarted(6 * WINDOW_MS)]


def test_a_reset_forgets_the_speech_in_progress() -> None:
    stream = detector()
    assert list(stream.push(audio("#####"))) == [SpeechStarted(0)]
    stream.reset()
    assert list(stream.push(audio("." * 20))) == []


def test_the_grid_goes_on_while_detection_is_off() -> None:
    stream = detector(None)
    assert list(stream.push(audio("#" * 10) + window(True)[:500])) == []
    stream.configure(SETTINGS)
    assert list(stream.push(window(True)[500:] + audio("##"))) == [SpeechStarted(10 * WINDOW_MS)]


def test_switching_detection_off_ends_speech_in_silence() -> None:
    stream = detector()
    list(stream.push(audio("###")))
    stream.configure(None)
    assert list(stream.push(audio("." * 20))) == []
    stream.configure(SETTINGS)
    assert list(stream.push(audio("." * 20))) == []


def test_other_settings_apply_at_once_and_leave_speech_in_progress() -> None:
    """The turn is open: without its end the user would wait for an answer for ever."""
    stream = detector()
    assert list(stream.push(audio("####"))) == [SpeechStarted(0)]
    stream.configure(replace(SETTINGS, silence_duration_ms=64))
    assert list(stream.push(audio(".."))) == [SpeechStopped(6 * WINDOW_MS)]


def test_what_was_skipped_is_heard_on_the_grid_where_it_was() -> None:
    stream = detector(None)
    assert list(stream.push(audio("..####" + "." * 10))) == []
    stream.configure(SETTINGS)
    stream.go_back(0, speaking=False)
    heard = list(stream.push(audio("..####" + "." * 10)))
    assert heard == [SpeechStarted(2 * WINDOW_MS), SpeechStopped(13 * WINDOW_MS)]


def test_audio_may_go_on_within_a_window() -> None:
    stream = detector()
    stream.go_back(2.5 * WINDOW_MS, speaking=False)
    half = window(True)[:WINDOW_SAMPLES]
    assert list(stream.push(half + audio("##"))) == [SpeechStarted(2 * WINDOW_MS)]


def test_speech_in_progress_goes_on_from_there() -> None:
    stream = detector(None)
    stream.configure(SETTINGS)
    stream.go_back(10 * WINDOW_MS, speaking=True)
    assert list(stream.push(audio("#" + "." * 7))) == [SpeechStopped(18 * WINDOW_MS)]


# --- Silero on real speech ---


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return SileroModel()


@pytest.fixture(scope="module")
def spoken() -> bytes:
    """A second of silence, a spoken question, a second of silence: 16 kHz PCM."""
    quiet = silence(1000, SAMPLE_RATE)
    return quiet + read_wav(SPEECH, SAMPLE_RATE) + quiet


def listen(model: SileroModel, pcm: bytes, chunk: int | None = None, **changed: Any) -> list[Any]:
    stream = TurnDetector(model)
    stream.configure(replace(SETTINGS, **changed))
    size = chunk or len(pcm)
    return [
        decision for at in range(0, len(pcm), size) for decision in stream.push(pcm[at : at + size])
    ]


def loud_ms(pcm: bytes) -> tuple[float, float]:
    """Where speech begins and ends, by its energy in steps of 10 ms."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    step = SAMPLE_RATE // 100
    levels = np.sqrt((samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    loud = np.flatnonzero(levels > 0.1 * levels.max())
    return float(loud[0] * 10), float((loud[-1] + 1) * 10)


def test_a_spoken_question_is_one_turn_where_it_is_loud(silero: SileroModel, spoken: bytes) -> None:
    started, stopped = listen(silero, spoken, silence_duration_ms=500)
    begin, end = loud_ms(spoken)
    assert isinstance(started, SpeechStarted)
    assert isinstance(stopped, SpeechStopped)
    # 300 ms of padding are taken before the onset: no sound may be lost in front of it.
    assert begin - 150 <= started.onset_ms <= begin + 200
    assert end + 500 - 100 <= stopped.end_ms <= end + 500 + 300


def test_offsets_lie_on_the_32_ms_grid(silero: SileroModel, spoken: bytes) -> None:
    decisions = listen(silero, spoken)
    offsets = [d.onset_ms if isinstance(d, SpeechStarted) else d.end_ms for d in decisions]
    assert len(offsets) >= 2
    assert [offset % 32 for offset in offsets] == [0] * len(offsets)
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("samples", [100, 320, 512, 513, 1600, 24_000])
def test_any_chunking_gives_the_same_decisions(
    silero: SileroModel, spoken: bytes, samples: int
) -> None:
    whole = listen(silero, spoken)
    assert len(whole) >= 2
    assert listen(silero, spoken, samples * 2) == whole
    assert listen(silero, spoken, samples * 2 + 1) == whole


def test_two_sessions_share_the_model_and_nothing_else(silero: SileroModel, spoken: bytes) -> None:
    alone = listen(silero, spoken)
    one, other = TurnDetector(silero), TurnDetector(silero)
    one.configure(SETTINGS)
    other.configure(SETTINGS)
    noise = np.random.default_rng(1).normal(0, 3000, len(spoken) // 2).astype("<i2").tobytes()
    found = []
    for at in range(0, len(spoken), 3200):
        found += list(one.push(spoken[at : at + 3200]))
        list(other.push(noise[at : at + 3200]))
    assert found == alone


def test_the_same_words_later_give_the_same_offsets_later(
    silero: SileroModel, spoken: bytes
) -> None:
    early = listen(silero, spoken, silence_duration_ms=500)
    late = listen(silero, silence(3200, SAMPLE_RATE) + spoken, silence_duration_ms=500)
    assert len(early) == len(late) == 2
    assert abs(late[0].onset_ms - early[0].onset_ms - 3200) <= WINDOW_MS
    assert abs(late[1].end_ms - early[1].end_ms - 3200) <= WINDOW_MS


def test_silence_is_no_speech(silero: SileroModel) -> None:
    assert listen(silero, silence(5000, SAMPLE_RATE)) == []


@pytest.mark.parametrize("level", [30, 300, 3000])
def test_white_noise_is_no_speech(silero: SileroModel, level: int) -> None:
    noise = np.random.default_rng(7).normal(0, level, 5 * SAMPLE_RATE)
    pcm = np.clip(noise, -32768, 32767).astype("<i2").tobytes()
    assert listen(silero, pcm) == []


def test_longer_silence_joins_what_shorter_silence_splits(silero: SileroModel) -> None:
    words = read_wav(SPEECH, SAMPLE_RATE)
    pause = silence(800, SAMPLE_RATE)
    pcm = words + pause + words + silence(3000, SAMPLE_RATE)
    starts = {
        ms: sum(isinstance(d, SpeechStarted) for d in listen(silero, pcm, silence_duration_ms=ms))
        for ms in (500, 2000)
    }
    assert starts == {500: 2, 2000: 1}


# --- every window of a contested turn (§B.5) ---


def followed(scores: str, *, from_window: int, until_window: int | None = None) -> list[Any]:
    """Decisions on windows, of which some are asked for one by one."""
    built = detector()
    found: list[Any] = []
    for index, score in enumerate(scores):
        if index == from_window:
            built.follow(on=True)
        if index == until_window:
            built.follow(on=False)
        found += built.push(window(score == "#"))
    return found


def persisted(decisions: list[Any]) -> list[tuple[int, int]]:
    """Of each window that was told: where it ends, and the voice up to there, in windows."""
    told = [one for one in decisions if isinstance(one, SpeechPersisted)]
    return [(one.at_ms // WINDOW_MS, one.voiced_ms // WINDOW_MS) for one in told]


def test_windows_are_told_from_when_they_are_asked_for_to_the_end_of_speech() -> None:
    found = followed("..####.##" + "." * 20, from_window=5)
    told = persisted(found)
    assert told[:4] == [(6, 4), (7, 0), (8, 1), (9, 2)]
    (stopped,) = [one for one in found if isinstance(one, SpeechStopped)]
    assert all(at * WINDOW_MS < stopped.end_ms for at, _ in told)


def test_windows_are_told_no_longer_than_they_are_asked_for() -> None:
    assert persisted(followed("..#######", from_window=5, until_window=7)) == [(6, 4), (7, 5)]


def test_the_next_speech_is_not_told_unasked() -> None:
    found = followed("..####" + "." * 12 + "########", from_window=5)
    assert all(at < 18 for at, _ in persisted(found))


def test_other_decisions_are_the_same_while_windows_are_told() -> None:
    told = followed(SCORES, from_window=0)
    assert [one for one in told if not isinstance(one, SpeechPersisted)] == EXPECTED


def test_a_window_is_told_with_its_level_and_its_score() -> None:
    (told,) = followed("..####", from_window=5)[1:]
    assert told.level_db == pytest.approx(20 * np.log10(8000 / 32768), abs=0.01)
    assert told.probability == pytest.approx(0.95)


def test_a_reset_ends_the_telling() -> None:
    built = detector()
    list(built.push(audio("..###")))
    built.follow(on=True)
    built.reset()
    assert list(built.push(audio("#####"))) == [SpeechStarted(5 * WINDOW_MS)]
