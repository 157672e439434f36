"""What is held is passed on as it was, or as silence; in order, and nothing is lost."""

from __future__ import annotations

from typing import cast

from turn_detection.echo_guard import EchoGuard, Voice
from turn_detection.echo_hold import EchoHold, Scored
from turn_detection.silero import SILENCE, Window


class Told:
    """A guard that says what the test tells it, a letter a window; a dash: it does not listen."""

    def __init__(self, voices: str) -> None:
        self._voices = voices

    def listens(self, index: int) -> bool:
        return self._voices[index] != "-"

    def hear(self, index: int, _window: Window, _level_db: float, *, voiced: bool) -> Voice:
        return {"t": Voice.THEIRS, "o": Voice.OURS, "u": Voice.UNSURE}[self._voices[index]]


def passed(voices: str, *, speaking: bool = False) -> list[tuple[int, float]]:
    """Let a voice in every window pass; return what came out."""
    hold, out = EchoHold(cast(EchoGuard, Told(voices))), []
    for index in range(len(voices)):
        hold.take(Scored(index, 0.9), SILENCE, voiced=True, speaking=speaking)
        while (one := hold.next()) is not None:
            out.append((one.place, one.probability))
    return out


def test_somebodys_voice_passes_at_once():
    assert passed("-t-") == [(0, 0.9), (1, 0.9), (2, 0.9)]


def test_our_own_counts_as_silence_also_where_it_was_held():
    assert passed("uuot") == [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.9)]


def test_what_was_held_and_is_somebodys_passes_as_it_was():
    assert passed("uut") == [(0, 0.9), (1, 0.9), (2, 0.9)]
    assert passed("uu-") == [(0, 0.9), (1, 0.9), (2, 0.9)]


def test_what_is_not_clear_yet_waits():
    assert passed("tuu") == [(0, 0.9)]


def test_in_the_middle_of_speech_nothing_waits():
    assert passed("uuo", speaking=True) == [(0, 0.9), (1, 0.9), (2, 0.0)]


def test_an_echo_is_told_once_until_it_pauses():
    hold = EchoHold(cast(EchoGuard, Told("oo" + "t" * 40 + "o")))
    told = [hold.take(Scored(n, 0.9), SILENCE, voiced=True, speaking=False) for n in range(43)]
    assert [index for index, new in enumerate(told) if new] == [0, 42]


def test_what_is_dropped_does_not_come_later():
    hold = EchoHold(cast(EchoGuard, Told("ut")))
    hold.take(Scored(0, 0.9), SILENCE, voiced=True, speaking=False)
    hold.clear()
    hold.take(Scored(1, 0.9), SILENCE, voiced=True, speaking=False)
    assert hold.next() == Scored(1, 0.9)
    assert not hold.waiting
