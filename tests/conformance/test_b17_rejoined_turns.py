"""§B.17: a turn that was ended too soon, and goes on, where the client asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from audio.formats import AudioFormat
from config import LimitsConfig, TurnsConfig
from session.decisions import SpeechHesitated, SpeechPersisted, SpeechStarted, SpeechStopped
from session.effects import (
    ForgetTurn,
    GuessTurn,
    HearTurn,
    RehearTurn,
    Speculate,
    StopGenerating,
    Transcribe,
)
from session.floor import LONG_MS
from session.ports import FailureReason
from session.reports import TurnFailed, TurnGuessed, TurnSoFar
from tests.conformance.sequences import AUDIO_CLOSE, COMMITTED, END, SPOKEN, messages
from tests.support.call_driver import CallDriver
from tests.support.ordering import Observer
from tests.support.session_driver import (
    BYTES_PER_MS,
    USER_TEXT,
    Driver,
    of,
    pcm,
    session_config,
    types,
)
from tests.support.strict_reader import Event

STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
DELETED = "conversation.item.deleted"
COMPLETED = "conversation.item.input_audio_transcription.completed"
DONE = "response.done"

FIRST_MS = (608, 1600)
"""Onset and end of the first piece."""
START_MS = FIRST_MS[0] - 300
"""Where its audio begins."""
ONSET_MS = 2208
"""Where the voice goes on."""
END_MS = 3200


def asking(**detection: Any) -> Driver:
    """A client that wants a turn to go on, and every voice to interrupt at once."""
    d = Driver()
    d.turn_detection(**{"rejoin_ms": 1200, "interruptions": "any", **detection})
    return d


def first(d: Driver) -> str:
    """The user says the first piece; returns its item's id."""
    d.append(FIRST_MS[0])
    d.decided(SpeechStarted(FIRST_MS[0]))
    d.append(FIRST_MS[1] - FIRST_MS[0])
    d.decided(SpeechStopped(FIRST_MS[1]))
    return d.items()[-1]


def goes_on(d: Driver, onset_ms: int = ONSET_MS) -> list[Event]:
    """A voice begins."""
    d.append(onset_ms + 96 - d.inside.buffer.written_ms)
    return d.decided(SpeechStarted(onset_ms))


def ends(d: Driver, end_ms: int = END_MS) -> list[Event]:
    d.append(end_ms - d.inside.buffer.written_ms)
    return d.decided(SpeechStopped(end_ms))


def deleted(events: list[Event]) -> list[str]:
    return [event["item_id"] for event in of(events, DELETED)]


def whole_audio(d: Driver, item_id: str) -> int:
    """Milliseconds of audio in an item."""
    item = d.inside.conversation.get(item_id)
    assert item is not None
    assert item.audio is not None
    return round(item.audio.ms)


def test_both_pieces_become_one_turn_with_one_answer() -> None:
    d = asking()
    d.transcribe()
    d.say("Earlier.")
    (earlier,) = d.items()
    piece = first(d)
    d.heard(piece, "My number is")
    d.text("Which number?")
    d.audio(300)
    answer = d.items()[-1]

    events = goes_on(d)
    assert types(events) == [STARTED, *AUDIO_CLOSE, *END]
    started, whole = events[0], events[0]["item_id"]
    assert started["audio_start_ms"] == START_MS
    assert whole not in (piece, answer)
    assert of(events, DONE)[0]["response"]["status_details"]["reason"] == "turn_detected"
    # What stock clients truncate now is still there.
    assert d.items() == [earlier, piece, answer]

    events = ends(d)
    assert types(events) == [DELETED, DELETED, STOPPED, *COMMITTED, "response.created"]
    assert deleted(events) == [answer, piece]
    (committed,) = of(events, COMMITTED[0])
    assert (committed["item_id"], committed["previous_item_id"]) == (whole, earlier)
    assert d.items() == [earlier, whole]
    assert whole_audio(d, whole) == END_MS - START_MS

    events = d.heard(whole, "My number is five five.")
    assert of(events, COMPLETED)[0]["transcript"] == "My number is five five."
    assert messages(d) == [("user", "Earlier."), ("user", "My number is five five.")]
    assert types(d.text("Thank you.")) == SPOKEN


def test_the_recogniser_hears_the_whole() -> None:
    d = asking()
    d.append(START_MS)
    d.write(pcm(FIRST_MS[1] - START_MS, 2))
    d.decided(SpeechStarted(FIRST_MS[0]))
    d.decided(SpeechStopped(FIRST_MS[1]))
    d.write(pcm(ONSET_MS - FIRST_MS[1], 3))
    d.decided(SpeechStarted(ONSET_MS))
    hear = d.kind(HearTurn)[-1]
    begun = pcm(FIRST_MS[1] - START_MS, 2) + pcm(ONSET_MS - FIRST_MS[1], 3)
    assert hear.clip.audio == begun
    d.write(pcm(END_MS - ONSET_MS, 4))
    d.decided(SpeechStopped(END_MS))
    transcribe = d.kind(Transcribe)[-1]
    assert transcribe.item_id == hear.item_id
    assert transcribe.clip.audio == begun + pcm(END_MS - ONSET_MS, 4)


@pytest.mark.parametrize("rejoin_ms", [None, 0])
def test_whoever_does_not_ask_has_two_turns(rejoin_ms: int | None) -> None:
    d = asking(rejoin_ms=rejoin_ms)
    piece = first(d)
    d.heard(piece, "My number is")
    d.text("Which number?")
    answer = d.items()[-1]
    events = goes_on(d)
    assert events[0]["audio_start_ms"] == ONSET_MS - 300
    assert DELETED not in types(ends(d))
    assert d.items() == [piece, answer, events[0]["item_id"]]
    # What a turn can begin with is all that is kept.
    d.append(5000)
    assert not d.inside.buffer.holds(END_MS)


def test_the_server_may_ask_for_all_its_sessions_and_a_client_refuse() -> None:
    for own, start_ms in ((None, START_MS), (0, ONSET_MS - 300)):
        d = Driver(session_config(turns=TurnsConfig(rejoin_ms=1000, interruptions="any")))
        d.turn_detection(rejoin_ms=own)
        first(d)
        assert goes_on(d)[0]["audio_start_ms"] == start_ms


@pytest.mark.parametrize(("late_ms", "joins"), [(-64, True), (608, True), (640, False)])
def test_the_window_is_from_the_end_of_the_turn_to_the_voice(late_ms: int, joins: bool) -> None:
    d = asking(rejoin_ms=608)
    first(d)
    events = goes_on(d, FIRST_MS[1] + late_ms)
    assert (events[0]["audio_start_ms"] == START_MS) is joins


def test_a_chain_of_false_ends_is_one_turn() -> None:
    d = asking()
    one = first(d)
    two = goes_on(d)[0]["item_id"]
    assert deleted(ends(d)) == [one]
    events = goes_on(d, END_MS + 1152)
    assert events[0]["audio_start_ms"] == START_MS
    three = events[0]["item_id"]
    events = ends(d, 6400)
    assert deleted(events) == [two]
    assert d.items() == [three]
    assert whole_audio(d, three) == 6400 - START_MS
    d.heard(three, "One, two, three.")
    assert messages(d) == [("user", "One, two, three.")]


def test_an_answer_that_is_complete_leaves_too() -> None:
    d = asking()
    piece = first(d)
    d.heard(piece, "My number is")
    answer = d.answer("Which?", 500)
    assert types(goes_on(d)) == [STARTED]
    assert deleted(ends(d)) == [answer, piece]


def test_an_answer_that_waits_for_the_words_is_cancelled_and_never_made() -> None:
    d = asking()
    piece = first(d)
    assert types(goes_on(d)) == [STARTED, DONE]
    whole = of(d.events, STARTED)[-1]["item_id"]
    d.heard(piece, "My number is")
    assert d.requests == []
    ends(d)
    assert d.items() == [whole]
    # The transcript of a piece that has left comes too late.
    assert d.heard(piece, "My number is") == []
    d.heard(whole, "My number is five.")
    assert messages(d) == [("user", "My number is five.")]


def test_the_early_answer_to_the_whole_reads_neither_the_piece_nor_its_answer() -> None:
    d = asking()
    d.say("Earlier.")
    piece = first(d)
    d.heard(piece, "My number is")
    d.text("Which?")
    goes_on(d)
    whole = of(d.events, STARTED)[-1]["item_id"]
    d.append(500)
    d.decided(SpeechHesitated(2700))
    assert len(d.kind(GuessTurn)[-1].clip.audio) == round(
        (d.inside.buffer.written_ms - START_MS) * BYTES_PER_MS
    )
    d.report(TurnGuessed(whole, "My number is five."))
    (early,) = d.kind(Speculate)
    ends(d)
    d.heard(whole, "My number is five.")
    # The same request, but for the response's id: so what was begun early counts.
    assert early.request.messages == d.requests[-1].messages
    assert messages(d) == [("user", "Earlier."), ("user", "My number is five.")]


def test_an_answer_that_called_a_function_stays() -> None:
    d = asking()
    d.update(tools=[{"type": "function", "name": "get_weather", "parameters": {}}])
    piece = first(d)
    d.heard(piece, "How is the weather")
    d.call("{}")
    events = goes_on(d)
    assert events[0]["audio_start_ms"] == ONSET_MS - 300
    assert DELETED not in types(ends(d))
    assert piece in d.items()


def test_what_may_not_be_interrupted_stays() -> None:
    for over in (False, True):
        d = asking(interrupt_response=False)
        piece = first(d)
        d.heard(piece, "My number is")
        d.text("Which?")
        if over:
            d.finish()
        assert goes_on(d)[0]["audio_start_ms"] == ONSET_MS - 300
        assert DELETED not in types(ends(d))


@pytest.mark.parametrize("interrupts", [True, False])
def test_without_answers_of_the_server_the_turn_goes_on_all_the_same(interrupts: bool) -> None:
    d = asking(create_response=False, interrupt_response=interrupts)
    piece = first(d)
    assert types(goes_on(d)) == [STARTED]
    events = ends(d)
    assert types(events) == [DELETED, STOPPED, *COMMITTED]
    assert deleted(events) == [piece]
    d.respond()
    d.heard(d.items()[0], "All of it.")
    assert messages(d) == [("user", "All of it.")]


def test_an_answer_that_the_client_asked_for_leaves_too() -> None:
    d = asking(create_response=False)
    piece = first(d)
    d.respond()
    d.heard(piece, "My number is")
    d.text("Which?")
    answer = d.items()[-1]
    assert types(goes_on(d)) == [STARTED, *AUDIO_CLOSE, *END]
    assert deleted(ends(d)) == [answer, piece]


@pytest.mark.parametrize("options", [{}, {"input": []}])
def test_a_response_outside_the_conversation_is_let_be(options: dict[str, Any]) -> None:
    d = asking(create_response=False)
    piece = first(d)
    d.heard(piece, "My number is")
    d.respond(conversation="none", **options)
    beside = d.running
    assert types(goes_on(d)) == [STARTED]
    assert deleted(ends(d)) == [piece]
    assert d.kind(StopGenerating) == []
    assert d.is_active(beside)


def test_a_response_to_something_else_keeps_the_pieces_apart() -> None:
    d = asking(create_response=False)
    first(d)
    d.respond(input=[USER_TEXT])
    d.text("Hi.")
    assert goes_on(d)[0]["audio_start_ms"] == ONSET_MS - 300
    assert DELETED not in types(ends(d))


def test_an_item_of_the_client_in_between_keeps_the_pieces_apart() -> None:
    d = asking(create_response=False)
    first(d)
    d.say("Typed.")
    assert goes_on(d)[0]["audio_start_ms"] == ONSET_MS - 300
    assert DELETED not in types(ends(d))


def test_a_piece_that_the_client_deleted_is_not_gone_on_with() -> None:
    d = asking()
    d.send("conversation.item.delete", item_id=first(d))
    assert goes_on(d)[0]["audio_start_ms"] == ONSET_MS - 300


def test_a_piece_that_the_client_deletes_while_it_goes_on_is_deleted_once() -> None:
    d = asking()
    piece = first(d)
    goes_on(d)
    d.send("conversation.item.delete", item_id=piece)
    assert deleted(ends(d)) == []
    assert len(d.items()) == 1


def test_a_turn_that_the_client_commits_is_gone_on_with_no_more() -> None:
    d = asking()
    first(d)
    goes_on(d)
    d.send("input_audio_buffer.commit")
    (whole,) = d.items()
    assert whole_audio(d, whole) == ONSET_MS + 96 - START_MS
    events = goes_on(d, 3200)
    assert events[0]["audio_start_ms"] == 2900
    ends(d, 4160)
    assert len(d.items()) == 2


def test_what_is_cleared_takes_no_committed_piece_with_it() -> None:
    d = asking()
    piece = first(d)
    goes_on(d)
    assert types(d.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert d.items() == [piece]
    assert goes_on(d, 2720)[0]["audio_start_ms"] > FIRST_MS[1]


def test_what_is_cleared_in_between_keeps_the_pieces_apart() -> None:
    d = asking()
    piece = first(d)
    d.send("input_audio_buffer.clear")
    assert goes_on(d)[0]["audio_start_ms"] >= FIRST_MS[1]
    ends(d)
    assert piece in d.items()


def test_a_turn_that_goes_on_survives_a_change_of_turn_detection() -> None:
    d = asking()
    piece = first(d)
    goes_on(d)
    d.manual()
    d.append(400)
    events = d.send("input_audio_buffer.commit")
    assert types(events) == [DELETED, *COMMITTED]
    assert deleted(events) == [piece]
    assert whole_audio(d, d.items()[0]) == ONSET_MS + 96 + 400 - START_MS


def test_a_switch_to_the_client_s_turns_and_back_keeps_the_pieces_apart() -> None:
    d = asking()
    first(d)
    d.manual()
    d.turn_detection(rejoin_ms=1200, interruptions="any")
    assert goes_on(d)[0]["audio_start_ms"] >= FIRST_MS[1] - 300


def test_the_other_type_of_turn_detection_goes_on_where_it_asks_for_it() -> None:
    for asked, start_ms in ((1200, START_MS), (None, ONSET_MS - 300)):
        d = asking()
        first(d)
        kind = {"type": "semantic_vad", "rejoin_ms": asked, "interruptions": "any"}
        d.update(audio={"input": {"turn_detection": kind}})
        assert goes_on(d)[0]["audio_start_ms"] == start_ms


def test_another_format_in_between_is_that_of_the_whole() -> None:
    d = asking()
    first(d)
    d.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
    d.write(b"\xff" * 8 * (ONSET_MS + 96 - FIRST_MS[1]))
    events = d.decided(SpeechStarted(ONSET_MS))
    assert events[0]["audio_start_ms"] == START_MS
    d.write(b"\xff" * 8 * (END_MS - ONSET_MS - 96))
    d.decided(SpeechStopped(END_MS))
    (whole,) = d.items()
    clip = d.kind(Transcribe)[-1].clip
    assert clip.format == AudioFormat("audio/pcmu")
    assert len(clip.audio) == 8 * (END_MS - START_MS)
    assert whole_audio(d, whole) == END_MS - START_MS


def test_a_turn_does_not_grow_beyond_the_limit_of_one() -> None:
    limits = LimitsConfig(buffered_audio_s=2)
    turns = TurnsConfig(rejoin_ms=1200, interruptions="any")
    d = Driver(session_config(limits=limits, turns=turns))
    first(d)
    assert goes_on(d, 2112)[0]["audio_start_ms"] == START_MS
    # At the limit it ends, and what follows is a turn of its own.
    d.append(400)
    (whole,) = d.items()
    assert goes_on(d, 2720)[0]["audio_start_ms"] > START_MS
    ends(d, 3520)
    assert d.items()[0] == whole
    assert len(d.items()) == 2


def test_a_transcription_session_joins_turns_too() -> None:
    d = Driver(session_config(kind="transcription"))
    asked = {"type": "server_vad", "rejoin_ms": 1200}
    audio = {"input": {"turn_detection": asked, "transcription": {"model": "whisper-1"}}}
    d.send("session.update", session={"type": "transcription", "audio": audio})
    piece = first(d)
    d.heard(piece, "My number")
    assert types(goes_on(d)) == [STARTED]
    events = ends(d)
    assert types(events) == [DELETED, STOPPED, *COMMITTED]
    assert deleted(events) == [piece]
    events = d.heard(d.items()[0], "My number is five.")
    assert of(events, COMPLETED)[0]["transcript"] == "My number is five."


def test_turns_of_a_file_go_on_and_are_answered_behind_its_end() -> None:
    d = asking()
    d.session.file_came()
    piece = first(d)
    goes_on(d)
    d.perform(d.session.file_over())
    # The piece, which waited for the end of the file, is not answered by itself.
    assert of(d.events, "response.created") == []
    assert deleted(ends(d)) == [piece]
    assert len(of(d.events, "response.created")) == 1


def test_a_piece_whose_answer_was_due_is_answered_if_the_rest_is_cleared() -> None:
    d = asking()
    d.session.file_came()
    piece = first(d)
    goes_on(d)
    d.send("input_audio_buffer.clear")
    assert types(d.perform(d.session.file_over())) == ["response.created"]
    d.heard(piece, "Alone.")
    assert messages(d) == [("user", "Alone.")]


def test_a_noise_behind_a_turn_leaves_it_an_answer() -> None:
    d = asking()
    piece = first(d)
    d.heard(piece, "What time is it?")
    goes_on(d)
    ends(d)
    d.heard(d.items()[0], "What time is it?")
    assert messages(d) == [("user", "What time is it?")]


def test_a_piece_that_seemed_to_have_no_words_is_not_answered_by_itself() -> None:
    d = asking(interrupt_response=False)
    d.append(FIRST_MS[0])
    d.decided(SpeechStarted(FIRST_MS[0]))
    d.append(FIRST_MS[1] - FIRST_MS[0])
    d.decided(SpeechHesitated(FIRST_MS[1] - 96))
    d.report(TurnGuessed(of(d.events, STARTED)[0]["item_id"], ""))
    d.decided(SpeechStopped(FIRST_MS[1]))
    (piece,) = d.items()
    goes_on(d)
    assert types(d.heard(piece, "Well,")) == []
    assert types(ends(d)) == [DELETED, STOPPED, *COMMITTED, "response.created"]


def test_a_client_may_speak_of_the_items_a_moment_late() -> None:
    d = asking()
    piece = first(d)
    d.heard(piece, "My number is")
    answer = d.answer("Which?", 500)
    goes_on(d)
    ends(d)
    cut = {"item_id": answer, "content_index": 0, "audio_end_ms": 200}
    (truncated,) = d.send("conversation.item.truncate", **cut)
    assert truncated["type"] == "conversation.item.truncated"
    for item in (answer, piece):
        (again,) = d.send("conversation.item.delete", item_id=item)
        assert (again["type"], again["item_id"]) == (DELETED, item)
    (refused,) = d.send("conversation.item.retrieve", item_id=piece)
    assert refused["error"]["code"] == "item_retrieve_invalid_item_id"
    # Of its own items it is told as ever.
    content = [{"type": "input_text", "text": "mine"}]
    d.send(
        "conversation.item.create",
        item={"type": "message", "role": "user", "id": piece, "content": content},
    )
    d.send("conversation.item.delete", item_id=piece)
    assert piece not in d.items()


def test_every_event_is_in_order() -> None:
    d = asking()
    d.transcribe()
    piece = first(d)
    d.heard(piece, "One")
    d.text("What?")
    d.audio(200)
    goes_on(d)
    ends(d)
    d.heard(d.items()[0], "One two.")
    d.answer("Good.", 300)
    observer = Observer()
    for event in d.events:
        observer.see(event)
    observer.end()
    assert observer.order == d.items()


# --- while an answer sounds, a voice is at first only possible speech (§B.5) ----------------------


def sounding(**detection: Any) -> tuple[Driver, str, str]:
    """The answer to the first piece sounds; also the ids of both."""
    d = asking(interruptions="words", **detection)
    piece = first(d)
    d.heard(piece, "My number is")
    d.text("Which number do you mean?")
    d.audio(3000)
    return d, piece, d.items()[-1]


def contested(d: Driver) -> str:
    """A voice goes on that nothing is sent of; returns the id of its turn."""
    assert goes_on(d) == []
    turn = d.inside.buffer.open
    assert turn is not None
    return turn.item_id


def test_a_back_channel_leaves_all_as_it_was() -> None:
    d, piece, answer = sounding()
    part = contested(d)
    assert ends(d) == []
    assert d.heard(part, "Uh-huh.") == []
    assert ForgetTurn(part) in d.effects
    assert d.items() == [piece, answer]
    assert d.kind(StopGenerating) == []


def test_a_voice_that_takes_the_floor_goes_on_with_the_turn() -> None:
    d, piece, answer = sounding()
    part = contested(d)
    # Whether it is a turn is known by its own words.
    assert len(d.kind(HearTurn)[-1].clip.audio) == (300 + 96) * BYTES_PER_MS
    events = d.decided(SpeechPersisted(ONSET_MS + LONG_MS, LONG_MS, -20.0, 0.99))
    assert types(events) == [STARTED, *AUDIO_CLOSE, *END]
    assert (events[0]["audio_start_ms"], events[0]["item_id"]) == (START_MS, part)
    (rehear,) = d.kind(RehearTurn)
    assert len(rehear.clip.audio) == (ONSET_MS + 96 - START_MS) * BYTES_PER_MS
    events = ends(d)
    assert deleted(events) == [answer, piece]
    assert d.items() == [part]
    assert d.kind(Transcribe)[-1].clip.ms == END_MS - START_MS


def test_words_at_a_pause_are_heard_again_with_those_before() -> None:
    d, _piece, _answer = sounding()
    part = contested(d)
    d.append(400)
    d.decided(SpeechHesitated(2600))
    assert types(d.report(TurnGuessed(part, "five five")))[0] == STARTED
    assert d.kind(Speculate) == []
    guess = d.kind(GuessTurn)[-1]
    assert guess.clip.ms == d.inside.buffer.written_ms - START_MS
    d.report(TurnGuessed(part, "My number is five five"))
    (early,) = d.kind(Speculate)
    assert [m["content"] for m in early.request.messages] == ["My number is five five"]


@pytest.mark.parametrize("interim", [True, False])
def test_words_of_a_turn_that_is_over_are_heard_again_with_those_before(interim: bool) -> None:
    d, piece, answer = sounding()
    part = contested(d)
    assert ends(d) == []
    # However long it takes.
    d.append(4000)
    events = d.report(TurnSoFar(part, "five five six")) if interim else d.heard(part, "five five")
    assert types(events) == [
        STARTED,
        *AUDIO_CLOSE,
        *END,
        DELETED,
        DELETED,
        STOPPED,
        *COMMITTED,
        "response.created",
    ]
    assert deleted(events) == [answer, piece]
    assert events[0]["audio_start_ms"] == START_MS
    (whole,) = d.items()
    # Its transcript is not that of the part, which may still come.
    assert whole not in (part, piece)
    assert d.heard(part, "five five six") == []
    assert d.kind(Transcribe)[-1].item_id == whole
    assert d.kind(Transcribe)[-1].clip.ms == END_MS - START_MS
    d.heard(whole, "My number is five five six.")
    assert messages(d) == [("user", "My number is five five six.")]


def test_a_voice_that_nobody_understood_goes_on_with_the_turn() -> None:
    d, piece, answer = sounding()
    part = contested(d)
    ends(d)
    events = d.report(TurnFailed(part, FailureReason("Gone.", "provider_error", "server_error")))
    assert deleted(events) == [answer, piece]


def test_a_turn_that_the_client_commits_undecided_is_one_of_its_own() -> None:
    d, piece, answer = sounding()
    part = contested(d)
    events = d.send("input_audio_buffer.commit")
    assert of(events, STARTED)[0]["audio_start_ms"] == ONSET_MS - 300
    assert d.items() == [piece, answer, part]


def test_a_chain_of_undecided_voices_is_one_turn() -> None:
    d, piece, answer = sounding()
    one = contested(d)
    assert ends(d) == []
    assert goes_on(d, END_MS + 608) == []
    # The words of the first decide; the second takes the floor too, and goes on with it.
    events = d.heard(one, "five five")
    assert deleted(events) == [answer, piece]
    events += d.decided(SpeechPersisted(END_MS + 608 + LONG_MS, LONG_MS, -20.0, 0.99))
    assert [event["audio_start_ms"] for event in of(events, STARTED)] == [START_MS, START_MS]
    ends(d, END_MS + 1600)
    (whole,) = d.items()
    assert whole_audio(d, whole) == END_MS + 1600 - START_MS


def test_of_two_undecided_voices_the_second_goes_on_with_the_first() -> None:
    d = asking(interruptions="words")
    d.respond()
    d.text("Once upon a time.")
    d.audio(10_000)
    d.append(FIRST_MS[0] + 96)
    assert d.decided(SpeechStarted(FIRST_MS[0])) == []
    assert ends(d, FIRST_MS[1]) == []
    assert goes_on(d, FIRST_MS[1] + 1184) == []
    events = d.decided(SpeechPersisted(FIRST_MS[1] + 1900, LONG_MS, -20.0, 0.99))
    assert [event["audio_start_ms"] for event in of(events, STARTED)] == [START_MS, START_MS]
    piece = of(events, STARTED)[0]["item_id"]
    assert deleted(ends(d, 4160)) == [piece]


def test_a_late_voice_that_takes_the_floor_is_a_turn_of_its_own() -> None:
    d, piece, answer = sounding(rejoin_ms=500)
    part = contested(d)
    ends(d)
    events = d.heard(part, "five five")
    assert events[0]["audio_start_ms"] == ONSET_MS - 300
    assert d.items() == [piece, answer, part]


# --- calls ----------------------------------------------------------------------------------------


def test_in_a_call_what_sounds_is_cut_and_then_leaves() -> None:
    d = CallDriver()
    d.turn_detection(rejoin_ms=1200, interruptions="any")
    piece = first(d)
    d.heard(piece, "My number is")
    d.text("Which number?")
    d.audio(2000)
    d.starts(d.running)
    d.plays(d.running, 200)
    answer = d.items()[-1]
    events = goes_on(d)
    assert types(events) == [
        STARTED,
        "output_audio_buffer.cleared",
        *AUDIO_CLOSE,
        *END,
        "conversation.item.truncated",
    ]
    events = ends(d)
    assert deleted(events) == [answer, piece]
    assert d.items() == [events[2]["item_id"]]
