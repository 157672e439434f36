"""§B.3: turns of a model that hears, whose answers wait for no recogniser."""

from __future__ import annotations

from typing import Any

import pytest

from audio.clip import Clip
from audio.formats import AudioFormat
from config import LLMConfig, TurnsConfig
from session.decisions import SpeechHesitated, SpeechResumed, SpeechStarted, SpeechStopped
from session.effects import (
    Generate,
    GuessTurn,
    ResumeTurn,
    Speculate,
    StopGenerating,
    StopSpeculating,
    Transcribe,
)
from session.ports import SILENCE, Capabilities, FailureReason, TokenUsage
from session.reports import TurnFailed, TurnGuessed
from tests.conformance.sequences import AUDIO_CLOSE, COMMITTED, END, SPOKEN
from tests.support.session_driver import Driver, encoded, of, pcm, session_config, types
from tests.support.strict_reader import Event

HEARS = Capabilities(hears_audio=True)
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
ANNOUNCED = [STARTED, STOPPED, *COMMITTED, "response.created"]
GONE = FailureReason("The recogniser is gone.")


def hearing(capabilities: Capabilities = HEARS, **groups: Any) -> Driver:
    """A session whose model hears; the client wants transcripts."""
    d = Driver(session_config(capabilities, **groups))
    d.transcribe()
    return d


def given(d: Driver) -> list[str | list[Any] | None]:
    """What the model was given last: of each message its text, or its parts with clips as audio."""
    return [shown(message["content"]) for message in d.requests[-1].messages]


def shown(content: str | list[Event] | None) -> str | list[Any] | None:
    if content is None or isinstance(content, str):
        return content
    return [part["clip"].audio if "clip" in part else part["text"] for part in content]


def item_of(d: Driver, at: int = -1) -> str:
    return str(d.items()[at])


def audio_item(audio: bytes, **fields: Any) -> Event:
    part = {"type": "input_audio", "audio": encoded(audio), **fields}
    return {"type": "message", "role": "user", "content": [part]}


# --- one turn -------------------------------------------------------------------------------------


def test_the_answer_begins_before_any_transcript_and_the_model_hears_exactly_the_turn() -> None:
    d = hearing()
    events = d.speak(608, 1600)
    assert types(events) == ANNOUNCED
    item = item_of(d)
    (request,) = d.requests
    heard = Clip(pcm(1600 - 308), AudioFormat(), None)
    assert request.messages == [
        {"role": "user", "content": [{"type": "input_audio", "item_id": item, "clip": heard}]}
    ]
    # The recogniser hears it beside that.
    assert [wanted.item_id for wanted in d.kind(Transcribe)] == [item]
    assert types(d.text("Hello.")) == SPOKEN


def test_the_transcript_comes_into_the_answer_and_changes_nothing_of_it() -> None:
    d = hearing()
    d.speak()
    d.text("Hello.")
    assert types(d.heard(item_of(d, 0), "Good morning."))[-1] == COMPLETED
    assert types(d.audio(100)) == ["response.output_audio.delta"]
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]
    assert len(d.requests) == 1


def test_a_failed_transcription_is_told_and_fails_no_response() -> None:
    d = hearing()
    d.speak()
    assert types(d.report(TurnFailed(item_of(d), GONE))) == [FAILED]
    d.text("Hello.")
    assert of(d.finish(), "response.done")[0]["response"]["status"] == "completed"
    # Nobody reads it, so that it is heard again.
    d.speak(3008, 4000)
    first, answer, second = given(d)
    assert (first, answer, second) == ([pcm(960)], "Hello.", [pcm(4000 - 2708)])


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_is_heard_as_it_came(law: Any) -> None:
    d = hearing()
    d.update(audio={"input": {"format": {"type": law}}})
    d.send("input_audio_buffer.append", audio=encoded(bytes([7]) * 8000))
    d.decided(SpeechStarted(0))
    d.decided(SpeechStopped(992))
    (part,) = d.requests[-1].messages[0]["content"]
    assert part["clip"] == Clip(bytes([7]) * 992 * 8, AudioFormat(law), None)


@pytest.mark.parametrize("behind", [False, True])
def test_the_model_hears_behind_the_noise_reduction_only_where_it_is_to(behind: bool) -> None:
    d = hearing(llm=LLMConfig(noise_reduced=behind))
    d.update(audio={"input": {"noise_reduction": {"type": "near_field"}}})
    d.speak()
    (part,) = d.requests[-1].messages[0]["content"]
    assert (part["clip"].noise is not None) == behind


def test_tokens_of_audio_are_told_as_the_provider_counts_them() -> None:
    d = hearing()
    d.speak(0, 2016)
    d.text("Hello.")
    done = of(d.finish(usage=TokenUsage(70, 3, audio_tokens=50)), "response.done")[0]
    used = done["response"]["usage"]
    assert used["input_tokens"] == 70
    assert used["input_token_details"]["audio_tokens"] == 50
    assert used["input_token_details"]["text_tokens"] == 20


def test_tokens_of_audio_that_the_provider_does_not_tell_are_estimated_within_its_count() -> None:
    d = hearing()
    d.speak(0, 2016)
    d.text("Hello.")
    used = of(d.finish(usage=TokenUsage(70, 3)), "response.done")[0]["response"]["usage"]
    assert used["input_tokens"] == 70
    assert used["input_token_details"]["audio_tokens"] == 20


# --- several turns --------------------------------------------------------------------------------


def test_what_was_answered_is_read_by_its_transcript() -> None:
    d = hearing()
    d.speak()
    d.heard(item_of(d, 0), "Good morning.")
    d.answer("Hello.")
    d.append(2000)
    d.speak(3008, 4000)
    assert given(d) == ["Good morning.", "Hello.", [pcm(4000 - 2708)]]


def test_the_turn_is_still_heard_when_its_tool_has_answered() -> None:
    d = hearing()
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    d.update(tools=[tool])
    d.speak()
    d.heard(item_of(d, 0), "How is the weather?")
    d.text("Let me see.")
    d.call("{}")
    d.finish("tool_calls")
    output = {"type": "function_call_output", "call_id": "call_a", "output": "Sunny."}
    d.send("conversation.item.create", item=output)
    d.respond()
    assert given(d)[0] == [pcm(960)]


def test_all_turns_of_one_answer_are_heard() -> None:
    d = hearing(turns=TurnsConfig(queued="merge"))
    d.turn_detection(interrupt_response=False, queued="merge")
    d.speak()
    d.speak(2016, 3008)
    d.speak(4000, 5024)
    d.heard(item_of(d, 0), "One.")
    d.answer("The first.")
    first, answer, *merged = given(d)
    assert (first, answer) == ("One.", "The first.")
    assert merged == [[pcm(3008 - 1716)], [pcm(5024 - 3700)]]


def test_audio_that_was_dropped_is_read_and_waited_for() -> None:
    config = session_config(HEARS)
    config.kept_audio_ms = 500
    d = Driver(config)
    d.turn_detection(create_response=False)
    d.speak()
    first = item_of(d)
    d.speak(2016, 3008)
    d.respond()
    # Of the first, nothing is left to hear.
    assert d.requests == []
    d.heard(first, "Good morning.")
    assert given(d) == ["Good morning.", [pcm(3008 - 1716)]]


def test_audio_that_was_dropped_and_not_transcribed_is_left_out() -> None:
    config = session_config(HEARS)
    config.kept_audio_ms = 500
    d = Driver(config)
    d.turn_detection(create_response=False)
    d.speak()
    d.report(TurnFailed(item_of(d), GONE))
    d.speak(2016, 3008)
    d.respond()
    assert given(d) == [[pcm(3008 - 1716)]]


def test_a_conversation_is_kept_within_the_window_by_the_length_of_what_is_heard() -> None:
    small = Capabilities(hears_audio=True, audio_tokens_per_s=100, context_tokens=400)
    d = hearing(small, llm=LLMConfig(default_instructions="Be kind."))
    d.turn_detection(create_response=False)
    d.speak(0, 2016)
    d.speak(3008, 5024)
    d.respond()
    # 200 tokens and 230 are too many.
    assert given(d) == [[pcm(5024 - 2708)]]


# --- what clients ask for -------------------------------------------------------------------------


def test_a_manual_turn_is_heard() -> None:
    d = hearing()
    d.manual()
    d.append(500)
    d.send("input_audio_buffer.commit")
    assert types(d.respond()) == ["response.created"]
    assert given(d) == [[pcm(500)]]


def test_audio_items_of_the_client_are_heard_beside_their_text() -> None:
    d = hearing()
    item = audio_item(pcm(300))
    item["content"].insert(0, {"type": "input_text", "text": "Which bird is this?"})
    d.send("conversation.item.create", item=item)
    d.respond()
    assert given(d) == [["Which bird is this?", pcm(300)]]
    # As ever, the conversation gets its transcript.
    assert [wanted.item_id for wanted in d.kind(Transcribe)] == d.items()


def test_what_a_client_asks_about_is_heard_though_it_has_no_words() -> None:
    d = hearing()
    d.send("conversation.item.create", item=audio_item(pcm(300)))
    d.heard(item_of(d), "(birdsong)")
    d.respond()
    assert given(d) == [[pcm(300)]]


def test_audio_in_the_input_of_a_response_is_heard_and_needs_no_recogniser() -> None:
    d = hearing()
    d.respond(conversation="none", input=[audio_item(pcm(300), transcript="Hello.")])
    d.respond(conversation="none", input=[audio_item(pcm(400))])
    assert [shown(request.messages[0]["content"]) for request in d.requests] == [
        [pcm(300)],
        [pcm(400)],
    ]
    assert d.kind(Transcribe) == []


def test_a_user_who_stays_silent_is_read_not_heard() -> None:
    d = hearing()
    d.turn_detection(idle_timeout_ms=5000)
    d.say("Hi.")
    d.respond()
    d.answer("Hello.", ms=100)
    d.append(6000)
    assert given(d)[-1] == SILENCE


# --- speculation ----------------------------------------------------------------------------------


def at_a_pause(d: Driver, at_ms: int = 1600) -> str:
    """The user speaks and pauses; returns the id of the turn."""
    d.append(704)
    d.decided(SpeechStarted(608))
    d.append(at_ms - 704)
    d.decided(SpeechHesitated(at_ms))
    turn = d.inside.buffer.open
    assert turn is not None
    return turn.item_id


def test_the_answer_is_begun_at_the_pause_without_a_word_of_the_recogniser() -> None:
    d = hearing()
    item = at_a_pause(d)
    (early,) = d.kind(Speculate)
    assert (early.item_id, early.text) == (item, None)
    (part,) = early.request.messages[0]["content"]
    assert (part["item_id"], part["clip"].audio) == (item, pcm(1600 - 308))
    # It is asked for the words all the same, before.
    kinds = [type(effect) for effect in d.effects]
    assert kinds.index(GuessTurn) < kinds.index(Speculate)
    d.report(TurnGuessed(item, "Good morning."))
    assert len(d.kind(Speculate)) == 1
    d.append(416)
    d.decided(SpeechStopped(2016))
    (final,) = d.requests
    (whole,) = final.messages[0]["content"]
    assert whole["clip"].audio == pcm(2016 - 308)
    assert early.request.instructions == final.instructions


def test_a_pause_without_words_drops_what_was_begun_and_the_transcript_decides() -> None:
    d = hearing()
    item = at_a_pause(d)
    d.report(TurnGuessed(item, "(coughs)"))
    assert len(d.kind(StopSpeculating)) == 1
    d.append(416)
    assert types(d.decided(SpeechStopped(2016))) == [STOPPED, *COMMITTED]
    assert types(d.heard(item, "")) == [COMPLETED]
    assert d.requests == []


def test_a_turn_in_doubt_whose_transcription_fails_is_heard() -> None:
    d = hearing()
    item = at_a_pause(d)
    d.report(TurnGuessed(item, ""))
    d.append(416)
    d.decided(SpeechStopped(2016))
    assert types(d.report(TurnFailed(item, GONE))) == [FAILED, "response.created"]
    assert given(d) == [[pcm(2016 - 308)]]


def test_who_speaks_on_is_heard_whole() -> None:
    d = hearing()
    at_a_pause(d)
    d.append(300)
    d.decided(SpeechResumed(1900))
    assert len(d.kind(ResumeTurn)) == 1
    d.append(500)
    d.decided(SpeechHesitated(2400))
    first, second = d.kind(Speculate)
    assert len(first.request.messages[0]["content"][0]["clip"].audio) < len(
        second.request.messages[0]["content"][0]["clip"].audio
    )


# --- who has the floor ----------------------------------------------------------------------------


def answering() -> Driver:
    """A session that is in the middle of an answer of three seconds."""
    d = hearing()
    d.respond()
    d.text("Once upon a time.")
    d.audio(3000)
    d.append(1000)
    return d


def test_a_voice_during_an_answer_is_undecided_while_the_answer_sounds() -> None:
    d = answering()
    assert d.decided(SpeechStarted(904)) == []
    d.append(500)
    assert d.decided(SpeechHesitated(1500)) == []
    assert d.kind(Speculate) == []
    assert d.decided(SpeechStopped(1600)) == []
    assert d.append(300) == []
    assert d.kind(StopGenerating) == []


def test_once_the_answer_is_over_a_turn_waits_for_no_words() -> None:
    d = answering()
    d.finish()
    d.decided(SpeechStarted(904))
    d.append(500)
    d.decided(SpeechStopped(1472))
    # It has been played by the client's clock.
    d.session.at(60_000)
    events = d.append(8000)
    assert types(events) == ANNOUNCED
    assert given(d)[-1] == [pcm(1472 - 604)]


def test_words_that_take_the_floor_begin_the_answer_at_the_pause() -> None:
    d = answering()
    d.decided(SpeechStarted(904))
    d.append(500)
    d.decided(SpeechHesitated(1472))
    turn = d.inside.buffer.open
    assert turn is not None
    d.report(TurnGuessed(turn.item_id, "Stop."))
    (early,) = d.kind(Speculate)
    assert (early.item_id, early.text) == (turn.item_id, None)


def test_a_turn_that_goes_on_is_heard_whole_and_once() -> None:
    d = hearing()
    d.turn_detection(rejoin_ms=1200, interruptions="any")
    d.speak(608, 1600)
    d.text("Which")
    d.append(704)
    d.decided(SpeechStarted(2208))
    d.append(800)
    d.decided(SpeechHesitated(3008))
    (early,) = d.kind(Speculate)
    assert [shown(message["content"]) for message in early.request.messages] == [
        [pcm(d.inside.buffer.written_ms - 308)]
    ]
    d.decided(SpeechStopped(3008))
    assert given(d) == [[pcm(3008 - 308)]]
    assert isinstance(d.effects[-1], Generate | Transcribe)
