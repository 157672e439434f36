"""Which turn a transcript belongs to, when turns are guessed at, gone on with and given up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pipecat.frames.frames import Frame

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from hearing.turn_recognition import Delivery, TurnRecognition
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from session.ports import FailureReason, Transcript, TranscriptionSettings
from session.reports import TurnFailed, TurnGuessed, TurnReport, TurnSoFar, TurnUnderstood

PCM = bytes(4800)
ENGLISH = TranscriptionSettings(("en",))
GERMAN = TranscriptionSettings(("de",))
ERROR = FailureReason("broken")


def clip(times: int = 1) -> Clip:
    return Clip(PCM * times, AudioFormat(), None)


class Desk:
    """The recogniser on one side of a `TurnRecognition`, the session on the other."""

    def __init__(self, *, noise_reduced: bool = True) -> None:
        self.frames: list[Frame] = []
        self.told: list[tuple[str, str, object]] = []
        self.now = 100.0
        self.hearing = TurnRecognition(
            self.push,
            self.report,
            noise_reduced=noise_reduced,
            patience_s=15,
            clock=lambda: self.now,
        )

    def push(self, delivery: Delivery) -> None:
        made = delivery.make()
        if made is not None:
            self.frames.append(made)

    def report(self, report: TurnReport) -> None:
        match report:
            case TurnSoFar(item_id, text):
                self.told.append(("so far", item_id, text))
            case TurnGuessed(item_id, text):
                self.told.append(("guessed", item_id, text))
            case TurnUnderstood(item_id, transcript):
                self.told.append(("understood", item_id, transcript.text))
            case TurnFailed(item_id, error):
                self.told.append(("failed", item_id, error))

    def begin(self, item_id: str = "a") -> None:
        self.hearing.begin(item_id, clip(), ENGLISH)

    def guess(self) -> str:
        """Ask at a pause; returns the hearing."""
        self.hearing.guess(clip())
        return self.asked()[-1]

    def commit(self, item_id: str = "a", settings: TranscriptionSettings = ENGLISH) -> str | None:
        known = self.hearing.commit(item_id, clip(), settings)
        return None if known is None else known.text

    def asked(self) -> list[str]:
        """Hearings whose transcript was asked for."""
        return [
            frame.recognition_id for frame in self.frames if isinstance(frame, TurnCommittedFrame)
        ]

    def whole_turns(self) -> list[bytes]:
        """The audio of the turns whose transcript was asked for."""
        return [frame.audio for frame in self.frames if isinstance(frame, TurnCommittedFrame)]

    def dropped(self) -> list[str]:
        return [
            frame.recognition_id for frame in self.frames if isinstance(frame, TurnDiscardedFrame)
        ]


def noisy(seed: int) -> Clip:
    """A second of hiss, which the session wants to be filtered."""
    hiss = np.random.default_rng(seed).normal(0, 2000, 16_000).astype("<i2").tobytes()
    return Clip(hiss, AudioFormat("audio/pcm", 16_000), NoiseReduction("far_field"))


def test_a_recogniser_may_hear_what_was_sent_rather_than_what_was_filtered() -> None:
    filtered, raw = Desk(), Desk(noise_reduced=False)
    one, two, three, created = (noisy(seed) for seed in range(4))
    for desk in (filtered, raw):
        hearing = desk.hearing
        hearing.begin("a", one, ENGLISH)
        hearing.guess(one)
        hearing.resume(one)
        hearing.hear(two.audio)
        hearing.reformat(three.format, three.noise)
        hearing.hear(three.audio)
        whole = replace(one, audio=one.audio + two.audio + three.audio)
        hearing.commit("a", whole, ENGLISH)
        hearing.commit("b", created, ENGLISH)
    guess, turn, item = raw.whole_turns()
    assert guess == one.audio
    assert turn == whole.audio
    assert item == created.audio
    # All of it as it was spoken, too: once up to the guess, once from the beginning.
    spoken = b"".join(frame.audio for frame in raw.frames if isinstance(frame, TurnAudioFrame))
    assert spoken == one.audio + whole.audio
    for mine, theirs in zip(filtered.whole_turns(), raw.whole_turns(), strict=True):
        assert len(mine) == len(theirs)
        assert mine != theirs


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_turn_is_heard_as_it_is_spoken_and_then_asked_for(desk: Desk) -> None:
    desk.begin()
    desk.hearing.hear(PCM)
    assert desk.commit() is None
    kinds = [type(frame) for frame in desk.frames]
    assert kinds == [TurnStartedFrame, TurnAudioFrame, TurnAudioFrame, TurnCommittedFrame]
    (hearing,) = desk.asked()
    desk.hearing.on_interim(hearing, "hel")
    desk.hearing.on_transcript(hearing, Transcript("hello"))
    assert desk.told == [("so far", "a", "hel"), ("understood", "a", "hello")]


def test_a_guess_that_is_there_is_the_transcript(desk: Desk) -> None:
    desk.begin()
    hearing = desk.guess()
    desk.hearing.on_transcript(hearing, Transcript("hello"))
    assert desk.hearing.is_guess("a", "hello")
    assert desk.commit() == "hello"
    assert desk.asked() == [hearing]
    assert desk.told == [("guessed", "a", "hello")]


def test_a_guess_that_is_due_becomes_the_transcript(desk: Desk) -> None:
    desk.begin()
    hearing = desk.guess()
    assert desk.commit() is None
    desk.hearing.on_transcript(hearing, Transcript("hello"))
    assert desk.told == [("understood", "a", "hello")]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_guess_that_fails_is_asked_for_again_once_the_turn_is_over(desk: Desk, when: str) -> None:
    desk.begin()
    hearing = desk.guess()
    if when == "before":
        desk.hearing.on_failure(hearing, ERROR)
    assert desk.commit() is None
    if when == "after":
        desk.hearing.on_failure(hearing, ERROR)
    assert len(desk.asked()) == 2
    assert desk.told == []
    desk.hearing.on_failure(desk.asked()[1], ERROR)
    assert desk.told == [("failed", "a", ERROR)]


def test_a_guess_that_fails_when_its_time_is_over_is_the_turns_failure(desk: Desk) -> None:
    """Else a recogniser that hangs would be waited for twice."""
    desk.begin()
    hearing = desk.guess()
    assert desk.commit() is None
    desk.now += 15
    desk.hearing.on_failure(hearing, ERROR)
    assert desk.told == [("failed", "a", ERROR)]
    assert len(desk.asked()) == 1


def test_whoever_goes_on_is_heard_from_the_beginning(desk: Desk) -> None:
    desk.begin()
    first = desk.guess()
    desk.hearing.resume(clip(2))
    desk.hearing.on_transcript(first, Transcript("too early"))
    desk.hearing.on_failure(first, ERROR)
    assert desk.told == []
    assert desk.dropped() == [first]
    assert desk.commit() is None
    second = desk.asked()[1]
    assert second != first
    heard = [f for f in desk.frames if isinstance(f, TurnAudioFrame) and f.recognition_id == second]
    assert sum(len(frame.audio) for frame in heard) > len(PCM)
    desk.hearing.on_transcript(second, Transcript("all of it"))
    assert desk.told == [("understood", "a", "all of it")]


def test_a_guess_made_with_other_settings_is_no_answer(desk: Desk) -> None:
    desk.begin()
    first = desk.guess()
    desk.hearing.on_transcript(first, Transcript("hello"))
    assert desk.commit(settings=GERMAN) is None
    assert desk.dropped() == [first]
    desk.hearing.on_transcript(desk.asked()[1], Transcript("hallo"))
    assert desk.told[-1] == ("understood", "a", "hallo")


def test_what_was_said_so_far_is_no_answer_for_the_turn(desk: Desk) -> None:
    desk.begin()
    desk.hearing.guess(clip(), so_far=True)
    (first,) = desk.asked()
    desk.hearing.on_transcript(first, Transcript("so"))
    assert desk.told == [("guessed", "a", "so")]
    assert desk.commit() is None
    assert desk.dropped() == [first]
    (_, whole) = desk.asked()
    desk.hearing.on_transcript(whole, Transcript("so what"))
    assert desk.told[-1] == ("understood", "a", "so what")
    frames = [frame for frame in desk.frames if isinstance(frame, TurnCommittedFrame)]
    assert [frame.so_far for frame in frames] == [True, False]


@pytest.mark.parametrize("guessing", [False, True])
def test_a_turn_that_came_to_nothing_is_forgotten(desk: Desk, guessing: bool) -> None:
    desk.begin()
    hearing = desk.guess() if guessing else "a.1"
    desk.hearing.forget("a")
    assert desk.dropped() == [hearing]
    desk.hearing.on_transcript(hearing, Transcript("nobody asked"))
    desk.hearing.resume(clip())
    assert desk.told == []


def test_results_of_several_turns_find_their_own(desk: Desk) -> None:
    desk.begin("a")
    desk.commit("a")
    desk.begin("b")
    desk.commit("b")
    first, second = desk.asked()
    desk.hearing.on_transcript(second, Transcript("two"))
    desk.hearing.on_transcript(first, Transcript("one"))
    assert desk.told == [("understood", "b", "two"), ("understood", "a", "one")]
