"""Behind a laugh, a voice is no turn before it says a word (§B.3)."""

from __future__ import annotations

import pytest

from session.decisions import SpeechHesitated, SpeechPersisted, SpeechStarted, SpeechStopped
from session.effects import HearTurn
from session.floor import IN_SILENCE_MS
from session.recent_noise import LASTS_MS
from session.reports import TurnGuessed
from tests.conformance.sequences import COMMITTED, driver, messages
from tests.support.session_driver import Driver, types
from tests.support.strict_reader import Event

STARTED = "input_audio_buffer.speech_started"
TURN = [STARTED, "input_audio_buffer.speech_stopped", *COMMITTED]


def laughed() -> Driver:
    """A user who has just laughed: the first time, it is a turn like any other."""
    d = driver()
    assert STARTED in types(d.speak(0, 960))
    d.heard(d.items()[0], "Ha ha ha.")
    return d


def begin(d: Driver, after_ms: int = 1000) -> str:
    """A voice begins; returns the item that it may become."""
    d.append(after_ms)
    d.decided(SpeechStarted(int(d.inside.buffer.written_ms) // 32 * 32 - 96))
    item_id: str = d.kind(HearTurn)[-1].item_id
    return item_id


def end(d: Driver) -> list[Event]:
    d.append(500)
    return d.decided(SpeechStopped(int(d.inside.buffer.written_ms) // 32 * 32))


def test_the_next_laughs_are_no_turns() -> None:
    d = laughed()
    before = len(d.events)
    for _ in range(5):
        item_id = begin(d)
        end(d)
        d.heard(item_id, "(laughs)")
    assert d.events[before:] == []


def test_a_word_makes_a_turn_of_it_which_is_answered() -> None:
    d = laughed()
    item_id = begin(d)
    assert STARTED not in types(d.events[-1:])
    d.append(300)
    d.decided(SpeechHesitated(int(d.inside.buffer.written_ms) // 32 * 32))
    (started,) = d.report(TurnGuessed(item_id, "Stop."))
    assert (started["type"], started["item_id"]) == (STARTED, item_id)
    assert types(end(d))[-1] == "response.created"
    d.heard(item_id, "Stop.")
    assert messages(d) == [("user", "Stop.")]


@pytest.mark.parametrize("text", ["Stop.", "Yes.", "Hello there."])
def test_a_turn_whose_words_come_late_is_whole(text: str) -> None:
    d = laughed()
    item_id = begin(d)
    assert end(d) == []
    events = d.heard(item_id, text)
    assert types(events) == [*TURN, "response.created"]
    assert messages(d) == [("user", text)]


def test_words_end_the_doubt() -> None:
    d = laughed()
    item_id = begin(d)
    end(d)
    d.heard(item_id, "Stop.")
    d.finish()
    d.append(3000)
    begin(d)
    assert types(d.events)[-1] == STARTED


def test_so_does_time() -> None:
    d = laughed()
    begin(d, LASTS_MS)
    assert types(d.events)[-1] == STARTED


def test_who_goes_on_for_long_is_believed_without_words() -> None:
    d = laughed()
    begin(d)
    at = int(d.inside.buffer.written_ms) // 32 * 32
    heard = [SpeechPersisted(at, ms, -20.0, 0.99) for ms in range(96, IN_SILENCE_MS + 32, 32)]
    *open_, last = [d.decided(one) for one in heard]
    assert not any(open_)
    assert types(last) == [STARTED]
