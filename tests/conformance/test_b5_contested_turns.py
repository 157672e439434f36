"""§B.5: a voice that is heard while an answer sounds, until it is decided whether it interrupts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from config import TurnsConfig, VADConfig
from session.decisions import (
    SpeechHesitated,
    SpeechPersisted,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.effects import (
    Duck,
    FollowSpeech,
    ForgetTurn,
    GuessTurn,
    HearTurn,
    ResumeTurn,
    Speculate,
    StopGenerating,
    Transcribe,
)
from session.floor import ASK_MS, LONG_MS, LOUD_DB, LOUD_MS
from session.ports import FailureReason
from session.reports import TurnFailed, TurnGuessed, TurnSoFar
from tests.conformance.sequences import AUDIO_CLOSE, COMMITTED, END, messages
from tests.support.call_driver import CallDriver
from tests.support.session_driver import Driver, of, session_config, types
from tests.support.strict_reader import Event

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMPLETED = "conversation.item.input_audio_transcription.completed"
INTERRUPTED = [STARTED, *AUDIO_CLOSE, *END]


def answering(**turns: Any) -> Driver:
    """A session that is in the middle of an answer of ten seconds."""
    d = Driver(session_config(turns=TurnsConfig(**turns)))
    d.respond()
    d.text("Once upon a time.")
    d.audio(10_000)
    d.append(2000)
    return d


def open_item(d: Driver) -> str:
    """The id of the turn in progress, which may not have been announced."""
    turn = d.inside.buffer.open
    assert turn is not None
    return turn.item_id


def begins(d: Driver, onset_ms: int = 1904) -> str:
    """Let a voice begin that nothing is sent of; returns the id of its turn."""
    assert d.decided(SpeechStarted(onset_ms)) == []
    return open_item(d)


def goes_on(voiced_ms: int, level_db: float = -20.0, onset_ms: int = 1904) -> SpeechPersisted:
    return SpeechPersisted(onset_ms + voiced_ms, voiced_ms, level_db, 0.99)


def ends(d: Driver, end_ms: int = 2912) -> list[Event]:
    d.append(1000)
    return d.decided(SpeechStopped(end_ms))


@pytest.mark.parametrize("words", ["Uh-huh.", "Yeah, okay.", "嗯，对。", "Haha!", "", "(coughs)"])
def test_what_is_no_turn_leaves_nothing_and_is_not_answered(words: str) -> None:
    d = answering()
    item = begins(d)
    assert ends(d) == []
    assert d.heard(item, words) == []
    assert ForgetTurn(item) in d.effects
    assert d.kind(StopGenerating) == []
    # The answer goes on, and the next turn is one.
    assert types(d.text(" There was a king.")) == ["response.output_audio_transcript.delta"]
    assert item not in d.items()
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]


@pytest.mark.parametrize(
    "words", ["Stop.", "No.", "Wait.", "停", "等一下。", "Yeah, but how much?", "那明天呢"]
)
def test_words_take_the_floor_when_the_turn_is_over(words: str) -> None:
    d = answering()
    d.transcribe()
    item = begins(d)
    assert ends(d) == []
    events = d.heard(item, words)
    assert types(events) == [
        *INTERRUPTED,
        STOPPED,
        *COMMITTED,
        "response.created",
        "conversation.item.input_audio_transcription.delta",
        COMPLETED,
    ]
    assert (events[0]["audio_start_ms"], events[0]["item_id"]) == (1604, item)
    (stopped,) = of(events, STOPPED)
    assert (stopped["audio_end_ms"], stopped["item_id"]) == (2912, item)
    assert len(d.kind(Transcribe)) == 1
    assert messages(d)[-1] == ("user", words)


def test_an_interim_transcript_takes_the_floor_as_soon_as_it_has_words() -> None:
    d = answering()
    item = begins(d)
    assert d.report(TurnSoFar(item, "Yeah")) == []
    assert d.report(TurnSoFar(item, "Yeah, all")) == []
    events = d.report(TurnSoFar(item, "Yeah, all of them"))
    assert types(events) == INTERRUPTED
    assert types(ends(d)) == [STOPPED, *COMMITTED, "response.created"]


def test_what_is_guessed_at_a_pause_takes_the_floor_and_is_answered_early() -> None:
    d = answering()
    item = begins(d)
    d.append(500)
    assert d.decided(SpeechHesitated(2400)) == []
    assert len(d.kind(GuessTurn)) == 1
    assert types(d.report(TurnGuessed(item, "Stop."))) == INTERRUPTED
    assert [early.text for early in d.kind(Speculate)] == ["Stop."]


def test_a_guess_of_a_back_channel_decides_at_once_when_the_turn_is_over() -> None:
    d = answering()
    item = begins(d)
    d.append(500)
    d.decided(SpeechHesitated(2400))
    assert d.report(TurnGuessed(item, "Okay.")) == []
    assert d.kind(Speculate) == []
    assert ends(d) == []
    assert ForgetTurn(item) in d.effects
    assert d.kind(Transcribe) == []


def test_a_back_channel_that_goes_on_with_words_is_a_turn() -> None:
    d = answering()
    item = begins(d)
    d.append(500)
    d.decided(SpeechHesitated(2400))
    d.report(TurnGuessed(item, "Okay."))
    d.decided(SpeechResumed(2500))
    assert ends(d, 2976) == []
    assert types(d.heard(item, "Okay, and then?"))[:1] == [STARTED]


def test_a_voice_that_goes_on_takes_the_floor_with_the_offsets_of_its_onset() -> None:
    d = answering()
    item = begins(d)
    for voiced_ms in range(128, LONG_MS, 32):
        # It fades all the while, as a long "okay" does.
        assert d.decided(goes_on(voiced_ms, -20 - voiced_ms / 20)) == []
    events = d.decided(goes_on(LONG_MS, -50))
    assert types(events) == INTERRUPTED
    assert (events[0]["audio_start_ms"], events[0]["item_id"]) == (1604, item)


@pytest.mark.parametrize(("words", "starts"), [("Mm-hmm.", []), ("Stop.", [STARTED])])
def test_of_a_voice_that_is_heard_late_the_words_decide(words: str, starts: list[str]) -> None:
    d = answering()
    item = begins(d)
    d.append(1000)
    # The echo guard held the windows until the voice was over.
    for voiced_ms in range(32, LONG_MS + 64, 32):
        assert d.decided(goes_on(voiced_ms)) == []
    assert d.decided(SpeechStopped(2880)) == []
    assert types(d.heard(item, words))[:1] == starts


def test_a_recogniser_that_fails_lets_the_turn_interrupt() -> None:
    d = answering()
    d.transcribe()
    item = begins(d)
    ends(d)
    events = d.report(TurnFailed(item, FailureReason("It is gone.")))
    assert types(events)[:9] == [*INTERRUPTED, STOPPED]
    assert "conversation.item.input_audio_transcription.failed" in types(events)


def test_a_later_turn_takes_the_floor_for_those_before_it() -> None:
    d = answering()
    first = begins(d)
    ends(d)
    second = begins(d, 3104)
    events = d.report(TurnSoFar(second, "What about tomorrow?"))
    assert types(events) == [
        *INTERRUPTED,
        STOPPED,
        *COMMITTED,
        "response.created",
        STARTED,
        "response.done",
    ]
    assert [event["item_id"] for event in of(events, STARTED)] == [first, second]


def test_a_back_channel_is_forgotten_while_the_next_turn_is_open() -> None:
    d = answering()
    first = begins(d)
    ends(d)
    second = begins(d, 3104)
    assert d.heard(first, "Mm-hmm.") == []
    assert types(d.report(TurnSoFar(second, "What about tomorrow?"))) == INTERRUPTED


def test_yes_is_a_reply_once_the_answer_has_been_played() -> None:
    d = Driver()
    d.respond()
    d.answer("Shall I book it?", 1000)
    d.append(1500)
    item = begins(d, 1408)
    ends(d, 2400)
    assert types(d.heard(item, "Yes.")) == [STARTED, STOPPED, *COMMITTED, "response.created"]
    assert messages(d)[-1] == ("user", "Yes.")


def test_yes_is_a_reply_to_what_ended_while_it_was_said() -> None:
    d = Driver()
    d.respond()
    d.answer("Shall I book it?", 2000)
    d.append(1900)
    item = begins(d, 1792)
    ends(d)
    assert "response.created" in types(d.heard(item, "Yes."))


def test_a_client_that_sends_nothing_while_it_plays_is_understood_by_the_clock() -> None:
    d = Driver()
    d.respond()
    d.answer("Shall I book it?", 20_000)
    d.session.at(25_000)
    d.append(500)
    assert types(d.decided(SpeechStarted(96))) == [STARTED]


@pytest.mark.parametrize("words", ["", "Yeah."])
def test_nothing_is_contested_long_after_the_answer(words: str) -> None:
    d = Driver()
    d.respond()
    d.answer("Hello.", 1000)
    d.append(3200)
    assert types(d.decided(SpeechStarted(3104))) == [STARTED]
    events = ends(d, 4096)
    assert types(events) == [STOPPED, *COMMITTED, "response.created"]
    d.heard(d.items()[-1], words)


def test_nothing_is_contested_before_anything_sounds() -> None:
    d = Driver()
    d.respond()
    d.text("Once upon a time.")
    d.append(500)
    assert types(d.decided(SpeechStarted(96)))[0] == STARTED


def test_a_written_answer_does_not_sound() -> None:
    d = Driver()
    d.respond(output_modalities=["text"])
    d.text("Once upon a time.")
    d.append(500)
    assert types(d.decided(SpeechStarted(96)))[0] == STARTED


@pytest.mark.parametrize(
    ("turns", "detection"),
    [
        ({"interruptions": "any"}, {}),
        ({}, {"interruptions": "any"}),
        ({"interruptions": "any"}, {"interruptions": None}),
    ],
)
def test_every_voice_interrupts_if_that_is_wanted(
    turns: dict[str, Any], detection: dict[str, Any]
) -> None:
    d = answering(**turns)
    d.turn_detection(**detection)
    assert types(d.decided(SpeechStarted(1904))) == INTERRUPTED
    assert d.kind(FollowSpeech) == []


def test_the_client_s_wish_counts_more_than_the_server_s_setting() -> None:
    d = answering(interruptions="any")
    d.turn_detection(interruptions="words")
    begins(d)


def test_nothing_is_contested_that_is_not_to_interrupt() -> None:
    d = answering()
    d.turn_detection(interrupt_response=False)
    assert types(d.decided(SpeechStarted(1904))) == [STARTED]


def test_without_answers_a_back_channel_is_dropped_all_the_same() -> None:
    d = answering()
    d.turn_detection(create_response=False)
    item = begins(d)
    ends(d)
    assert d.heard(item, "Yeah.") == []


@pytest.mark.parametrize("by_client", [True, False])
def test_back_channels_may_be_kept_as_items_without_an_answer(by_client: bool) -> None:
    d = answering() if by_client else answering(backchannels="keep")
    if by_client:
        d.turn_detection(backchannels="keep")
    d.transcribe()
    item = begins(d)
    assert ends(d) == []
    events = d.heard(item, "Uh-huh.")
    assert types(events)[:3] == COMMITTED
    assert types(events)[-1] == COMPLETED
    assert item in d.items()
    assert "response.created" not in types(events + d.finish())


def test_a_cough_is_not_kept() -> None:
    d = answering(backchannels="keep")
    item = begins(d)
    ends(d)
    assert d.heard(item, "") == []
    assert item not in d.items()


def test_a_kept_back_channel_that_was_guessed_has_its_transcript() -> None:
    d = answering(backchannels="keep")
    d.transcribe()
    item = begins(d)
    d.append(500)
    d.decided(SpeechHesitated(2400))
    d.report(TurnGuessed(item, "Okay."))
    assert types(ends(d)) == COMMITTED
    assert [order.item_id for order in d.kind(Transcribe)] == [item]
    assert types(d.heard(item, "Okay."))[-1] == COMPLETED


# --- what was said so far -------------------------------------------------------------------------


def is_asked(d: Driver) -> str:
    """Let a voice go on until the recogniser is asked for the words so far; returns the turn."""
    item = begins(d)
    assert d.decided(goes_on(ASK_MS[0] - 32)) == []
    assert d.kind(GuessTurn) == []
    assert d.decided(goes_on(ASK_MS[0], -30)) == []
    assert [(order.item_id, order.so_far) for order in d.kind(GuessTurn)] == [(item, True)]
    return item


def test_words_so_far_take_the_floor_and_the_turn_is_heard_on() -> None:
    d = answering()
    item = is_asked(d)
    assert types(d.report(TurnGuessed(item, "What"))) == INTERRUPTED
    assert [order.item_id for order in d.kind(ResumeTurn)] == [item]
    assert d.kind(Speculate) == []
    assert types(ends(d)) == [STOPPED, *COMMITTED, "response.created"]


@pytest.mark.parametrize("so_far", ["", "Yeah", "I"])
def test_no_words_so_far_decide_nothing(so_far: str) -> None:
    d = answering()
    item = is_asked(d)
    assert d.report(TurnGuessed(item, so_far)) == []
    assert len(d.kind(ResumeTurn)) == 1
    assert d.kind(Speculate) == []
    d.append(500)
    assert d.decided(SpeechHesitated(2400)) == []
    assert d.report(TurnGuessed(item, "I see.")) == []
    assert ends(d) == []
    assert ForgetTurn(item) in d.effects


def test_a_pause_before_the_words_are_there_asks_for_all_of_them() -> None:
    d = answering()
    item = is_asked(d)
    d.append(500)
    d.decided(SpeechHesitated(2400))
    assert [type(order) for order in d.effects[-2:]] == [ResumeTurn, GuessTurn]
    assert [order.so_far for order in d.kind(GuessTurn)] == [True, False]
    assert types(d.report(TurnGuessed(item, "Stop."))) == INTERRUPTED
    assert [early.text for early in d.kind(Speculate)] == ["Stop."]


def test_a_turn_that_takes_the_floor_before_the_words_are_there_is_heard_on() -> None:
    d = answering()
    is_asked(d)
    assert types(d.decided(goes_on(LONG_MS, -30))) == INTERRUPTED
    assert len(d.kind(ResumeTurn)) == 1


def test_a_turn_that_ends_before_the_words_are_there_is_transcribed_whole() -> None:
    d = answering()
    item = is_asked(d)
    assert ends(d) == []
    asked, all_of_it = [order for order in d.effects if isinstance(order, ResumeTurn | Transcribe)]
    assert (type(asked), type(all_of_it)) == (ResumeTurn, Transcribe)
    assert asked.clip.audio == all_of_it.clip.audio
    assert types(d.heard(item, "Stop."))[:1] == [STARTED]


def test_a_client_that_commits_before_the_words_are_there_gets_the_whole_turn() -> None:
    d = answering()
    is_asked(d)
    d.append(500)
    assert types(d.send("input_audio_buffer.commit")) == [*INTERRUPTED, *COMMITTED]
    orders = [order for order in d.effects if isinstance(order, ResumeTurn | Transcribe)]
    assert [type(order) for order in orders] == [ResumeTurn, Transcribe]
    assert orders[0].clip.audio == orders[1].clip.audio


def test_a_server_that_does_not_speculate_does_not_ask() -> None:
    d = Driver(session_config(vad=VADConfig(speculative=False)))
    d.respond()
    d.audio(10_000)
    d.append(2000)
    begins(d)
    assert d.decided(goes_on(ASK_MS[0], -30)) == []
    assert d.kind(GuessTurn) == []


# --- the client acts while it is undecided --------------------------------------------------------


def test_the_client_commits() -> None:
    d = answering()
    item = begins(d)
    d.append(500)
    events = d.send("input_audio_buffer.commit")
    assert types(events) == [*INTERRUPTED, *COMMITTED]
    assert events[0]["item_id"] == item
    assert d.items()[-1] == item


def test_the_client_clears() -> None:
    d = answering()
    first = begins(d)
    ends(d)
    second = begins(d, 3104)
    assert types(d.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert {order.item_id for order in d.kind(ForgetTurn)} == {first, second}
    assert d.heard(first, "Stop!") == []
    assert d.report(TurnSoFar(second, "Stop!")) == []


def test_the_client_cancels_the_answer() -> None:
    d = answering()
    item = begins(d)
    events = d.send("response.cancel")
    assert types(events) == [*AUDIO_CLOSE, *END, STARTED]
    ends(d)
    d.heard(item, "Yeah.")
    assert messages(d)[-1] == ("user", "Yeah.")


def test_the_client_stops_playing() -> None:
    d = answering()
    d.finish()
    begins(d)
    place = {"item_id": d.items()[-1], "content_index": 0, "audio_end_ms": 500}
    events = d.send("conversation.item.truncate", **place)
    assert types(events) == ["conversation.item.truncated", STARTED]


def test_the_client_takes_over_the_turns() -> None:
    d = answering()
    begins(d)
    assert types(d.manual()) == ["session.updated", *INTERRUPTED]
    d.append(500)
    assert types(d.send("input_audio_buffer.commit")) == COMMITTED


def test_the_client_wants_every_voice_to_interrupt_from_now_on() -> None:
    d = answering()
    begins(d)
    assert types(d.turn_detection(interruptions="any")) == ["session.updated", *INTERRUPTED]


def test_another_format_changes_nothing_about_the_turn() -> None:
    d = answering()
    item = begins(d)
    d.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    (started, *_) = d.report(TurnSoFar(item, "Stop."))
    assert (started["type"], started["audio_start_ms"]) == (STARTED, 1604)


def test_the_id_of_an_undecided_turn_is_taken() -> None:
    d = answering()
    item = begins(d)
    ends(d)
    (refused,) = d.say("Hello.", id=item)
    assert refused["type"] == "error"


def test_an_answer_that_ends_leaves_the_floor_to_who_is_speaking() -> None:
    d = Driver()
    d.respond()
    d.answer("Hello.", 1000)
    d.append(1000)
    begins(d, 896)
    d.append(2200)
    assert types(d.decided(goes_on(128))) == [STARTED]


# --- who plays ------------------------------------------------------------------------------------


def calling() -> tuple[CallDriver, str]:
    """A call in which an answer sounds."""
    call = CallDriver()
    response = call.begin("Once upon a time.", 3000)
    call.starts(response)
    call.append(600)
    call.plays(response, 500)
    return call, response


def test_a_call_s_voice_is_lowered_and_restored() -> None:
    call, _response = calling()
    assert call.decided(SpeechStarted(500)) == []
    item = open_item(call)
    assert call.kind(Duck) == [Duck(True)]
    call.append(800)
    call.decided(SpeechStopped(1376))
    assert call.heard(item, "Uh-huh.") == []
    assert call.kind(Duck) == [Duck(True), Duck(False)]
    assert call.silenced == 0


def test_a_call_s_voice_is_restored_behind_an_interruption() -> None:
    call, response = calling()
    call.decided(SpeechStarted(500))
    call.plays(response, 700)
    events = call.report(TurnSoFar(open_item(call), "Stop."))
    assert types(events)[:2] == [STARTED, "output_audio_buffer.cleared"]
    (cut,) = of(events, "conversation.item.truncated")
    assert cut["audio_end_ms"] == 700
    assert call.silenced == 1
    assert call.kind(Duck) == [Duck(True), Duck(False)]


def test_a_call_s_client_stops_the_playback() -> None:
    call, _response = calling()
    call.finish()
    call.decided(SpeechStarted(500))
    events = call.send("output_audio_buffer.clear")
    assert types(events)[-1] == STARTED
    assert call.kind(Duck) == [Duck(True), Duck(False)]


def test_a_client_that_plays_itself_is_never_asked_to_lower_the_voice() -> None:
    d = answering()
    item = begins(d)
    d.report(TurnSoFar(item, "Stop."))
    assert d.kind(Duck) == []


def test_windows_are_asked_for_only_while_it_is_undecided() -> None:
    d = answering()
    item = begins(d)
    d.report(TurnSoFar(item, "Stop."))
    assert d.kind(FollowSpeech) == [FollowSpeech(True), FollowSpeech(False)]


def test_recognition_begins_with_the_voice() -> None:
    d = answering()
    item = begins(d)
    (order,) = d.kind(HearTurn)
    assert order.item_id == item


def test_who_raises_their_voice_takes_the_floor_sooner() -> None:
    d = answering()
    d.finish()
    d.append(12_000)
    d.speak(14_016, 14_976)
    d.heard(d.items()[-1], "Go on.")
    d.audio(10_000)
    d.append(1000)
    assert d.decided(SpeechStarted(15_904)) == []
    usual_db = 20 * math.log10(1 / 32768)
    assert d.decided(goes_on(LOUD_MS - 32, usual_db + LOUD_DB + 1, 15_904)) == []
    assert types(d.decided(goes_on(LOUD_MS, usual_db + LOUD_DB + 1, 15_904)))[0] == STARTED
