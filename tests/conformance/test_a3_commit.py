"""§A.3: `input_audio_buffer.commit`: the item of a turn, on the client's word."""

from __future__ import annotations

from session.decisions import SpeechStarted, SpeechStopped
from session.effects import ResetTurnDetection
from tests.conformance.misuse import other, refusals
from tests.conformance.sequences import COMMITTED, driver
from tests.support.session_driver import types

TOO_SMALL = (
    "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
    "but buffer only has {}ms of audio."
)


ROWS = [
    other("nothing buffered", "input_audio_buffer.commit", "input_audio_buffer_commit_empty", None,
          TOO_SMALL.format("0.00"), given=("manual",)),
    other("too little buffered", "input_audio_buffer.commit", "input_audio_buffer_commit_empty",
          None, TOO_SMALL.format("99.50"), given=("manual", "99.5 ms")),
    other("no speech under VAD", "input_audio_buffer.commit", "input_audio_buffer_commit_empty",
          None, TOO_SMALL.format("0.00"), given=("150 ms",)),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_a_commit_never_creates_a_response() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert types(d.send("input_audio_buffer.commit")) == COMMITTED
    d.heard(d.items()[0], "Hello.")
    assert d.requests == []


def test_each_commit_names_the_tail_as_its_predecessor() -> None:
    d = driver()
    d.manual()
    d.say("Hi.", id="mine")
    for previous in ("mine", None):
        d.append(200)
        tail = d.items()[-1]
        committed, added, done = d.send("input_audio_buffer.commit")
        assert committed["previous_item_id"] == (previous or tail)
        assert added["previous_item_id"] == done["previous_item_id"] == (previous or tail)


def test_a_commit_during_speech_uses_the_announced_id_and_sends_no_speech_stopped() -> None:
    d = driver()
    d.append(500)
    (started,) = d.decided(SpeechStarted(320))
    d.append(500)
    events = d.send("input_audio_buffer.commit")
    assert types(events) == COMMITTED
    assert events[0]["item_id"] == events[1]["item"]["id"] == started["item_id"]
    assert d.kind(ResetTurnDetection) == [ResetTurnDetection()]
    assert d.session.heard(SpeechStopped(960)) == []


def test_after_a_detected_turn_there_is_nothing_left_to_commit() -> None:
    d = driver()
    d.speak()
    (error,) = d.send("input_audio_buffer.commit")
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"
    assert error["error"]["message"] == TOO_SMALL.format("0.00")
