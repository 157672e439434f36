"""The guard knows the server's own voice, through any room, and hears a person over it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from audio.formats import AudioFormat
from audio.pcm import read_wav
from session.decisions import Decision, SpeechStarted
from session.turn_settings import ServerVad
from tests.support.places import DATA
from tests.support.room import Room, pcm, samples
from turn_detection.echo_guard import PATIENCE, EchoGuard, Voice
from turn_detection.sent_audio import power_db
from turn_detection.silero import WINDOW_MS, WINDOW_SAMPLES, shared_silero
from turn_detection.turn_detector import TurnDetector

RATE = 24000
CHUNK_MS = 400
Sound = NDArray[np.float64]


@cache
def clip(name: str) -> Sound:
    return samples(read_wav(DATA / f"{name}.wav"))


def answer() -> Sound:
    """Nine seconds or so of a woman's voice."""
    names = ("turn_complete", "flite-slt_s01", "turn_incomplete", "flite-slt_s10")
    return np.concatenate([clip(name) for name in names])


def person() -> Sound:
    return clip("flite-rms_s06")


def add(sound: Sound, other: Sound, at_ms: float) -> Sound:
    start = round(at_ms * RATE / 1000)
    both = np.concatenate([sound, np.zeros(max(0, start + len(other) - len(sound)))])
    both[start : start + len(other)] += other
    return both


def echo(played: Sound, db: float, delay_ms: float, seed: int = 1) -> Sound:
    padded = np.concatenate([played, np.zeros(RATE)])
    return Room(RATE, delay_ms, 10 ** (db / 20), seed).echo(padded)


class Conversation:
    """A turn detector with a guard, which hears while an answer is sent."""

    def __init__(self, guard: EchoGuard | None = None) -> None:
        self.guard = guard or EchoGuard()
        self.detector = TurnDetector(shared_silero(), 120, RATE, self.guard)
        self.detector.configure(ServerVad(0.5, 300, 500))

    def hear(self, heard: Sound, sent: Sound, speed: float = 4.0) -> Iterator[Decision]:
        """Hear a sound, and be told what is sent, so many times faster than it is played."""
        chunk, step = CHUNK_MS * RATE // 1000, 20 * RATE // 1000
        told = 0
        for start in range(0, len(heard), step):
            while told < len(sent) and told / speed <= start:
                self.detector.sent(pcm(sent[told : told + chunk]), AudioFormat())
                told += chunk
            yield from self.detector.push(pcm(heard[start : start + step]))

    def starts(self, heard: Sound, sent: Sound, speed: float = 4.0) -> list[int]:
        decisions = list(self.hear(heard, sent, speed))
        return [one.onset_ms for one in decisions if isinstance(one, SpeechStarted)]


@pytest.mark.parametrize("db", (-12, -20, -30))
@pytest.mark.parametrize(("delay_ms", "speed"), ((80, 20.0), (300, 1.0), (900, 4.0), (2000, 4.0)))
def test_its_own_voice_opens_no_turn(db, delay_ms, speed):
    played = answer()
    assert Conversation().starts(echo(played, db, delay_ms, seed=delay_ms), played, speed) == []


@pytest.mark.parametrize("delay_ms", (80, 900, 2000))
def test_a_loud_echo_is_learnt_at_the_latest_from_the_first_turn_that_it_opens(delay_ms):
    played = np.concatenate([answer(), answer()])
    starts = Conversation().starts(echo(played, -6, delay_ms, seed=delay_ms), played)
    assert len(starts) <= 1


@pytest.mark.parametrize(("db", "starts"), ((0, 1), (-14, 0)))
def test_a_word_in_its_own_voice_is_a_persons_where_it_is_as_loud(db, starts):
    played = answer()
    word = played[int(1.0 * RATE) : int(1.45 * RATE)] * 10 ** (db / 20)
    heard = add(np.random.default_rng(1).standard_normal(4 * RATE) * 5, word, 1500)
    assert len(Conversation().starts(heard, played)) == starts


def test_without_what_was_sent_the_echo_is_a_voice():
    assert Conversation().starts(echo(answer(), -12, 300), np.zeros(0))


@pytest.mark.parametrize("at_ms", (1500, 4000, 6500))
def test_a_person_is_heard_over_the_echo(at_ms):
    played = answer()
    heard = add(echo(played, -20, 200), person(), at_ms)
    (alone, *_) = Conversation().starts(add(np.zeros(len(heard)), person(), at_ms), np.zeros(0))
    (start, *_) = Conversation().starts(heard, played)
    assert abs(start - alone) < 300


def test_with_a_headset_a_person_is_heard_as_if_nothing_played():
    played, at_ms = answer(), 5000
    room = np.random.default_rng(1).standard_normal(len(played)) * 5
    heard = add(room, person(), at_ms)
    alone = list(Conversation().hear(heard, np.zeros(0)))
    assert list(Conversation().hear(heard, played)) == alone


def test_a_person_who_is_not_known_to_have_a_headset_is_held_only_for_a_moment():
    conversation = Conversation()
    heard = add(np.zeros(RATE * 4), person(), 500)
    alone = Conversation().starts(heard, np.zeros(0))
    assert conversation.starts(heard, answer()) == alone


def test_the_start_that_was_held_comes_while_speech_goes_on():
    conversation, windows = Conversation(), 0
    heard = add(np.zeros(RATE * 4), person(), 500)
    for decision in conversation.hear(heard, answer()):
        if isinstance(decision, SpeechStarted):
            windows = conversation.detector._index - decision.onset_ms // WINDOW_MS
            break
    assert 3 <= windows <= PATIENCE[1][1] + 3


def test_the_next_answer_may_be_late_by_another_time():
    conversation, played = Conversation(), answer()
    assert conversation.starts(echo(played, -12, 150), played) == []
    assert conversation.guard.hears_echo
    assert conversation.starts(echo(played, -12, 600), played) == []


def test_what_an_interruption_stopped_is_not_waited_for():
    conversation, played = Conversation(), answer()
    assert conversation.starts(echo(played[: 3 * RATE], -12, 150), played) == []
    conversation.detector.silenced()
    assert conversation.starts(add(np.zeros(2 * RATE), person(), 1500), np.zeros(0))
    after = conversation.detector._index + 200
    assert not conversation.guard.listens(after)


def test_where_nothing_was_said_nobody_listens():
    assert not EchoGuard().listens(0)


@pytest.mark.parametrize(("loud", "whose"), ((1e-4, Voice.OURS), (0.1, Voice.THEIRS)))
def test_a_voice_that_ends_at_once_is_nobodys_only_if_it_is_soft(loud, whose):
    guard, window = EchoGuard(), np.random.default_rng(1).standard_normal(WINDOW_SAMPLES)
    sound = (window * loud).astype(np.float32)
    guard.sent(pcm(answer()), AudioFormat(), 0)
    level_db = power_db(sound)
    voices = [guard.hear(index, sound, level_db, voiced=index == 0) for index in range(12)]
    assert voices[0] is Voice.UNSURE
    assert next(voice for voice in voices if voice is not Voice.UNSURE) is whose


@pytest.mark.parametrize("tones_hz", ((50,), (220,), (440,), (1000,), (697, 1209)))
@pytest.mark.parametrize("chunk_ms", (20, 100))
def test_a_voice_over_a_hum_is_a_person_s(tones_hz, chunk_ms):
    at = np.arange(8 * RATE) / RATE
    hum = sum(0.1 * np.sin(2 * np.pi * hz * at) for hz in tones_hz)
    chunk = chunk_ms * RATE // 1000
    for name in ("flite-rms_s06", "flite-slt_s01", "turn_complete"):
        conversation = Conversation()
        for start in range(0, len(hum), chunk):
            conversation.detector.sent(pcm(hum[start : start + chunk]), AudioFormat())
        heard = np.concatenate([np.zeros(RATE // 2), clip(name)])
        assert conversation.starts(heard, np.zeros(0))


def test_the_same_audio_gives_the_same_decisions_however_it_comes():
    played = answer()
    heard = pcm(add(echo(played, -20, 200), person(), 4000))

    def decided(step_ms: int) -> list[Decision]:
        conversation = Conversation()
        conversation.detector.sent(pcm(played), AudioFormat())
        step = step_ms * RATE // 1000 * 2
        pieces = [heard[start : start + step] for start in range(0, len(heard), step)]
        return [one for piece in pieces for one in conversation.detector.push(piece)]

    assert decided(20) == decided(170)
