"""One session: the exact sequences of protocol §B.1–B.10, and what is asked of the pipelines."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from audio_format import AudioFormat
from config import LLMConfig, VADConfig
from effects import (
    ForgetTurn,
    Generate,
    HearTurn,
    ResetTurnDetection,
    SetTurnDetection,
    StopGenerating,
    Transcribe,
)
from generation import ProviderError, TokenUsage
from tests.session_driver import Driver, of, pcm, session_config, types
from tests.wire import Event

PCM = {"type": "audio/pcm", "rate": 24000}
PLACE = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
ZERO: dict[str, Any] = {
    "total_tokens": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "input_token_details": {
        "text_tokens": 0,
        "audio_tokens": 0,
        "image_tokens": 0,
        "cached_tokens": 0,
        "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
}
SPOKEN = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
]
AUDIO_CLOSE = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
END = ["response.done", "rate_limits.updated"]
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
TRANSCRIPTION = "conversation.item.input_audio_transcription"
FAILURE = ProviderError("The recogniser is gone.", "provider_error", "server_error")


def driver(**detection: Any) -> Driver:
    """A session with short instructions; turns are detected, as by default."""
    vad = VADConfig(silence_duration_ms=200)
    built = Driver(session_config(vad=vad, llm=LLMConfig(default_instructions="Be kind.")))
    if detection:
        built.turn_detection(**detection)
    return built


def response(status: str, **changed: Any) -> Event:
    """A response object, as `named` shows it."""
    return {
        "object": "realtime.response",
        "id": "resp_1",
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": PCM, "voice": "alloy"}},
        "usage": None,
        "metadata": None,
        **changed,
    }


def messages(d: Driver) -> list[tuple[str, str]]:
    """What the model was given last: role and text."""
    return [(message["role"], message["content"]) for message in d.requests[-1].messages]


# --- §B.1: connect ---


def test_connecting_is_greeted_by_the_session_and_nothing_else() -> None:
    d = driver()
    (event,) = d.events
    assert event["type"] == "session.created"
    assert event["session"] == d.session.config.wire()
    assert d.kind(SetTurnDetection) == [SetTurnDetection(d.session.config.turn_detection)]
    assert len(d.effects) == 2


# --- §B.2: a text turn, answered aloud ---


def test_a_text_message_answered_aloud() -> None:
    d = driver()
    events = d.say("Say exactly: live hello")
    events += d.send("response.create")
    events += d.text("Live ")
    events += d.text("hello.")
    events += d.audio(400)
    events += d.audio(800)
    events += d.finish(usage=TokenUsage(12, 11))

    user = {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Say exactly: live hello"}],
    }
    opened = {
        "id": "item_2",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }
    whole = {
        **opened,
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Live hello."}],
    }
    in_response = {"response_id": "resp_1", "output_index": 0}
    usage = {
        "total_tokens": 47,
        "input_tokens": 12,
        "output_tokens": 35,
        "input_token_details": {**ZERO["input_token_details"], "text_tokens": 12},
        "output_token_details": {"text_tokens": 11, "audio_tokens": 24},
    }
    named = d.named(events)
    assert named[:-1] == [
        {"type": "conversation.item.added", "previous_item_id": None, "item": user},
        {"type": "conversation.item.done", "previous_item_id": None, "item": user},
        {"type": "response.created", "response": response("in_progress")},
        {"type": "response.output_item.added", **in_response, "item": opened},
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": opened},
        {
            "type": "response.content_part.added",
            **PLACE,
            "part": {"type": "audio", "transcript": ""},
        },
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "Live "},
        {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "hello."},
        {
            "type": "response.output_audio.delta",
            **PLACE,
            "delta": base64.b64encode(pcm(400)).decode(),
        },
        {
            "type": "response.output_audio.delta",
            **PLACE,
            "delta": base64.b64encode(pcm(800)).decode(),
        },
        {"type": "response.output_audio.done", **PLACE},
        {"type": "response.output_audio_transcript.done", **PLACE, "transcript": "Live hello."},
        {
            "type": "response.content_part.done",
            **PLACE,
            "part": {"type": "audio", "transcript": "Live hello."},
        },
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": whole},
        {"type": "response.output_item.done", **in_response, "item": whole},
        {
            "type": "response.done",
            "response": response("completed", output=[whole], usage=usage),
        },
    ]
    assert named[-1]["type"] == "rate_limits.updated"


def test_a_response_asks_for_the_conversation_and_the_session_s_settings() -> None:
    d = driver()
    tool: dict[str, Any] = {
        "type": "function",
        "name": "f",
        "description": None,
        "parameters": {},
    }
    d.update(tools=[tool], tool_choice="required", max_output_tokens=99)
    d.say("Hi.")
    d.respond()
    (request,) = d.requests
    assert request.response_id == d.events[-1]["response"]["id"]
    assert request.instructions == "Be kind."
    assert request.messages == [{"role": "user", "content": "Hi."}]
    assert (request.tools, request.tool_choice) == ([tool], "required")
    assert (request.max_output_tokens, request.voice, request.spoken) == (99, "alloy", True)


def test_overrides_apply_to_one_response_only() -> None:
    d = driver()
    before = d.session.config.wire()
    (created,) = d.respond(
        instructions="Be rude.",
        output_modalities=["text"],
        tools=[{"type": "function", "name": "g"}],
        tool_choice={"type": "function", "name": "g"},
        max_output_tokens=7,
        metadata={"client_event_id": "x"},
        audio={"output": {"voice": "cedar"}},
    )
    assert created["response"]["output_modalities"] == ["text"]
    assert created["response"]["max_output_tokens"] == 7
    assert created["response"]["metadata"] == {"client_event_id": "x"}
    assert created["response"]["audio"]["output"] == {"format": PCM, "voice": "cedar"}
    request = d.requests[0]
    assert (request.instructions, request.spoken, request.voice) == ("Be rude.", False, "cedar")
    assert (request.max_output_tokens, [t["name"] for t in request.tools]) == (7, ["g"])
    assert request.tool_choice == {"type": "function", "name": "g"}
    d.text("Go away.")
    (done,) = of(d.finish(), "response.done")
    assert done["response"]["metadata"] == {"client_event_id": "x"}
    assert d.session.config.wire() == before
    (created,) = d.respond()
    assert created["response"]["metadata"] is None
    assert d.requests[1].instructions == "Be kind."


def test_empty_instructions_are_not_the_session_s() -> None:
    d = driver()
    d.respond(instructions="")
    assert d.requests[0].instructions == ""


def test_an_empty_conversation_may_be_answered() -> None:
    d = driver()
    assert types(d.respond()) == ["response.created"]
    assert d.requests[0].messages == []


def test_only_one_response_at_a_time_speaks_in_the_conversation() -> None:
    d = driver()
    d.respond()
    (error,) = d.respond()
    assert error["error"]["code"] == "conversation_already_has_active_response"
    assert d.running in error["error"]["message"]
    d.answer()
    assert types(d.respond()) == ["response.created"]


def test_items_may_come_while_a_response_runs() -> None:
    d = driver()
    d.say("one", id="one")
    d.respond()
    d.text("An answer")
    added, done = d.say("two", id="two")
    assert added["previous_item_id"] == done["previous_item_id"] == d.items()[1]
    assert d.items()[0::2] == ["one", "two"]
    (closed,) = of(d.finish(), "conversation.item.done")
    assert closed["previous_item_id"] == "one"


# --- §B.3: a detected voice turn ---


def test_a_detected_turn_with_transcription() -> None:
    d = driver()
    d.transcribe()
    events = d.append(12_352)
    events += d.perform(d.session.speech_started(12_256))
    events += d.append(2_400)
    events += d.perform(d.session.speech_stopped(14_720))
    item_id = d.session.conversation.tail_id
    assert item_id is not None
    assert d.requests == []
    events += d.heard(item_id, "Hello from the probe.")
    events += d.text("Hi.")
    events += d.audio(100)
    events += d.finish()

    item = {
        "id": "item_1",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    named = d.named(events)
    assert named[:8] == [
        {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": 11_956,
            "item_id": "item_1",
        },
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 14_720, "item_id": "item_1"},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": "item_1"},
        {"type": "conversation.item.added", "previous_item_id": None, "item": item},
        {"type": "conversation.item.done", "previous_item_id": None, "item": item},
        {"type": "response.created", "response": response("in_progress")},
        {
            "type": f"{TRANSCRIPTION}.delta",
            "item_id": "item_1",
            "content_index": 0,
            "delta": "Hello from the probe.",
        },
        {
            "type": f"{TRANSCRIPTION}.completed",
            "item_id": "item_1",
            "content_index": 0,
            "transcript": "Hello from the probe.",
            "usage": {"type": "duration", "seconds": 2.764},
        },
    ]
    assert types(named[8:]) == [*SPOKEN, "response.output_audio.delta", *AUDIO_CLOSE, *END]
    assert of(named, "conversation.item.added")[1]["previous_item_id"] == "item_1"
    assert messages(d) == [("user", "Hello from the probe.")]


def test_the_recogniser_hears_the_turn_and_is_given_exactly_its_audio() -> None:
    d = driver()
    d.update(audio={"input": {"transcription": {"model": "m", "language": "de", "prompt": "p"}}})
    d.append(1000)
    d.perform(d.session.speech_started(896))
    item_id = of(d.events, "input_audio_buffer.speech_started")[0]["item_id"]
    assert d.kind(HearTurn) == [HearTurn(item_id, pcm(1000 - 596), AudioFormat())]
    d.append(1000)
    d.perform(d.session.speech_stopped(1952))
    (transcribe,) = d.kind(Transcribe)
    assert (transcribe.item_id, transcribe.audio) == (item_id, pcm(1952 - 596))
    assert (transcribe.settings.language, transcribe.settings.prompt) == ("de", "p")


def test_without_transcription_the_turn_is_answered_in_the_same_way() -> None:
    d = driver()
    events = d.speak()
    item_id = d.items()[0]
    assert d.heard(item_id, "Hello.") == []
    assert types(events)[-1] == "response.created"
    assert messages(d) == [("user", "Hello.")]


def test_a_turn_may_be_committed_without_an_answer() -> None:
    d = driver(create_response=False)
    assert types(d.speak()) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
    ]
    d.heard(d.items()[0], "Hello.")
    assert d.requests == []


def test_a_turn_of_the_detector_may_be_short() -> None:
    d = driver(prefix_padding_ms=0)
    d.append(200)
    d.perform(d.session.speech_started(96))
    assert types(d.perform(d.session.speech_stopped(192)))[:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_transcription_applies_to_items_committed_after_it_was_set() -> None:
    d = driver(create_response=False)
    d.speak(0, 960)
    d.transcribe()
    first = d.items()[0]
    d.speak(2048, 3008)
    second = d.items()[1]
    d.update(audio={"input": {"transcription": None}})
    assert d.heard(first, "Not announced.") == []
    assert types(d.heard(second, "Announced.")) == [
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]


def test_transcripts_may_come_out_of_order() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.speak(0, 960)
    d.speak(2048, 3008)
    first, second = d.items()
    assert {event["item_id"] for event in d.heard(second, "Two.")} == {second}
    assert {event["item_id"] for event in d.heard(first, "One.")} == {first}
    d.respond()
    assert messages(d) == [("user", "One."), ("user", "Two.")]


def test_a_transcript_may_come_in_the_middle_of_an_answer() -> None:
    d = driver(create_response=False, interrupt_response=False)
    d.transcribe()
    d.say("Hi.")
    d.respond()
    d.text("Hello")
    d.speak()
    assert types(d.heard(d.items()[-1], "One.")) == [
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]
    assert types(d.text(" there.")) == ["response.output_audio_transcript.delta"]


def test_an_item_is_transcribed_once() -> None:
    d = driver()
    d.transcribe()
    d.speak()
    item_id = d.items()[0]
    d.heard(item_id, "Hello.")
    assert d.heard(item_id, "Again.") == []
    assert d.perform(d.session.transcription_failed(item_id, FAILURE)) == []
    assert d.heard("nobody", "Hello.") == []


def test_silence_is_transcribed_by_an_empty_transcript_without_delta() -> None:
    d = driver(create_response=False)
    d.transcribe()
    d.speak()
    (completed,) = d.heard(d.items()[0], "")
    assert completed["type"] == f"{TRANSCRIPTION}.completed"
    assert completed["transcript"] == ""


def test_a_noise_taken_for_a_turn_is_not_answered_but_its_response_ends() -> None:
    d = driver()
    d.speak()
    assert types(d.heard(d.items()[0], "")) == END
    (done,) = of(d.events, "response.done")
    assert (done["response"]["status"], done["response"]["output"]) == ("completed", [])
    assert d.requests == []


def test_a_failed_transcription_is_reported_and_fails_its_response() -> None:
    d = driver()
    d.transcribe()
    d.speak()
    item_id = d.items()[0]
    events = d.perform(d.session.transcription_failed(item_id, FAILURE))
    assert types(events) == [f"{TRANSCRIPTION}.failed", "response.done"]
    assert events[0]["item_id"] == item_id
    assert events[0]["error"] == {
        "type": "server_error",
        "code": "provider_error",
        "message": "The recogniser is gone.",
    }
    assert events[1]["response"]["status"] == "failed"
    # The next turn works.
    d.speak(2048, 3008)
    d.heard(d.items()[1], "Still there?")
    assert messages(d) == [("user", "Still there?")]


def test_the_transcript_is_there_when_the_item_is_retrieved() -> None:
    d = driver()
    d.speak()
    item_id = d.items()[0]
    (before,) = d.send("conversation.item.retrieve", item_id=item_id)
    assert before["item"]["content"][0]["transcript"] is None
    d.heard(item_id, "Hello.")
    (after,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = after["item"]["content"]
    assert (part["type"], part["transcript"]) == ("input_audio", "Hello.")
    assert base64.b64decode(part["audio"]) == pcm(960)


# --- §B.4: manual turns ---


def test_a_manual_turn() -> None:
    d = driver()
    d.manual()
    d.transcribe()
    assert d.append(500) + d.append(500) == []
    events = d.send("input_audio_buffer.commit")
    events += d.respond()
    item_id = d.items()[0]
    assert d.requests == []
    events += d.heard(item_id, "Hello.")
    named = d.named(events)
    assert types(named) == [
        *COMMITTED,
        "response.created",
        f"{TRANSCRIPTION}.delta",
        f"{TRANSCRIPTION}.completed",
    ]
    assert named[0] == {
        "type": "input_audio_buffer.committed",
        "previous_item_id": None,
        "item_id": "item_1",
    }
    assert named[1]["item"] == named[2]["item"]
    assert d.kind(Transcribe)[0].audio == pcm(1000)
    assert messages(d) == [("user", "Hello.")]


def test_a_commit_never_creates_a_response() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert types(d.send("input_audio_buffer.commit")) == COMMITTED
    d.heard(d.items()[0], "Hello.")
    assert d.requests == []


def test_a_response_does_not_use_audio_that_is_not_committed() -> None:
    d = driver()
    d.manual()
    d.append(500)
    d.respond()
    assert d.requests[0].messages == []


def test_each_commit_names_the_tail_as_its_predecessor() -> None:
    d = driver()
    d.manual()
    d.say("Hi.", id="mine")
    for previous in ("mine", None):
        d.append(200)
        tail = d.session.conversation.tail_id
        committed, added, done = d.send("input_audio_buffer.commit")
        assert committed["previous_item_id"] == (previous or tail)
        assert added["previous_item_id"] == done["previous_item_id"] == (previous or tail)


def test_the_detector_is_not_listened_to_in_manual_mode() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert d.session.speech_started(96) == []
    assert d.session.speech_stopped(480) == []


def test_clear_drops_the_turn_in_progress() -> None:
    d = driver()
    d.manual()
    d.append(500)
    assert types(d.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert [type(effect) for effect in d.effects[-2:]] == [ForgetTurn, ResetTurnDetection]
    (error,) = d.send("input_audio_buffer.commit")
    assert error["error"]["code"] == "input_audio_buffer_commit_empty"


def test_clear_in_the_middle_of_speech_abandons_the_announced_item() -> None:
    d = driver()
    d.append(500)
    d.perform(d.session.speech_started(320))
    announced = d.events[-1]["item_id"]
    d.send("input_audio_buffer.clear")
    assert d.kind(ForgetTurn) == [ForgetTurn(announced)]
    assert d.session.speech_stopped(480) == []
    d.append(1000)
    (started,) = d.perform(d.session.speech_started(1056))
    assert started["item_id"] != announced
    assert started["audio_start_ms"] == 756


def test_clear_is_always_acknowledged() -> None:
    assert types(driver().send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


def test_a_commit_during_speech_uses_the_announced_id_and_sends_no_speech_stopped() -> None:
    d = driver()
    d.append(500)
    (started,) = d.perform(d.session.speech_started(320))
    d.append(500)
    events = d.send("input_audio_buffer.commit")
    assert types(events) == COMMITTED
    assert events[0]["item_id"] == events[1]["item"]["id"] == started["item_id"]
    assert d.kind(ResetTurnDetection) == [ResetTurnDetection()]
    assert d.session.speech_stopped(960) == []


def test_an_announced_id_cannot_be_taken_by_the_client() -> None:
    d = driver()
    d.append(500)
    (started,) = d.perform(d.session.speech_started(320))
    (error,) = d.say("Hi.", id=started["item_id"])
    assert error["error"]["code"] == "item_create_duplicate_item_id"
    assert "conversation.item.added" in types(d.perform(d.session.speech_stopped(480)))


# --- §B.5: barge-in ---


def test_barge_in_closes_the_running_response_after_speech_started() -> None:
    d = driver()
    d.say("Tell me a story.")
    d.respond()
    running = d.running
    d.text("Once upon a time.")
    d.audio(1000)
    d.append(5000)
    events = d.perform(d.session.speech_started(4896))
    assert types(events) == ["input_audio_buffer.speech_started", *AUDIO_CLOSE, *END]
    named = d.named(events)
    incomplete = named[4]["item"]
    assert incomplete["status"] == "incomplete"
    assert named[5]["item"] == incomplete
    done = named[6]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"] == [incomplete]
    assert done["usage"]["output_token_details"]["audio_tokens"] == 20
    assert d.kind(StopGenerating) == [StopGenerating(running)]
    # Nothing more of it is heard, whatever the pipeline still reports.
    late = d.text("more", running) + d.audio(10, running) + d.finish(response_id=running)
    assert late == []
    # The client cuts what it did not play, then the turn goes on.
    item_id = d.items()[1]
    (truncated,) = d.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=600
    )
    assert {key: truncated[key] for key in ("item_id", "content_index", "audio_end_ms")} == {
        "item_id": item_id,
        "content_index": 0,
        "audio_end_ms": 600,
    }
    d.append(1000)
    assert types(d.perform(d.session.speech_stopped(5888))) == [
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
        "response.created",
    ]
    d.heard(d.items()[2], "Stop.")
    assert messages(d) == [
        ("user", "Tell me a story."),
        ("assistant", "Once upon"),
        ("user", "Stop."),
    ]


def test_barge_in_before_anything_was_said() -> None:
    d = driver()
    d.respond()
    d.append(500)
    events = d.perform(d.session.speech_started(96))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    done = events[1]["response"]
    assert (done["status"], done["output"], done["usage"]) == ("cancelled", [], ZERO)


def test_barge_in_while_the_transcript_is_still_awaited() -> None:
    d = driver()
    d.speak(0, 960)
    d.append(1000)
    events = d.perform(d.session.speech_started(1056))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    assert events[1]["response"]["usage"] == ZERO
    assert d.heard(d.items()[0], "One.") == []
    assert d.requests == []
    d.perform(d.session.speech_stopped(1920))
    d.heard(d.items()[1], "Two.")
    assert messages(d) == [("user", "One."), ("user", "Two.")]


def test_speech_after_the_end_of_a_response_ends_nothing() -> None:
    d = driver()
    d.respond()
    d.answer()
    d.append(500)
    assert types(d.perform(d.session.speech_started(96))) == ["input_audio_buffer.speech_started"]


def test_without_interruption_the_answer_to_the_turn_waits_for_the_running_one() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.text("Once upon")
    events = d.speak()
    assert types(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        *COMMITTED,
    ]
    d.heard(d.items()[1], "And then?")
    assert types(d.text(" a time.")) == ["response.output_audio_transcript.delta"]
    assert types(d.finish()) == [*AUDIO_CLOSE, *END, "response.created"]
    assert messages(d) == [("assistant", "Once upon a time."), ("user", "And then?")]


def test_cancelling_does_not_cancel_the_answer_that_waits() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.speak()
    d.heard(d.items()[0], "And then?")
    events = d.send("response.cancel")
    assert types(events) == ["response.done", "response.created"]
    assert events[0]["response"]["id"] != events[1]["response"]["id"]
    assert messages(d) == [("user", "And then?")]


def test_an_answer_that_waits_is_dropped_when_the_user_speaks_again() -> None:
    d = driver()
    d.append(500)
    d.perform(d.session.speech_started(96))
    d.respond()
    d.perform(d.session.speech_stopped(480))
    d.append(1000)
    events = d.perform(d.session.speech_started(1056))
    assert types(events) == ["input_audio_buffer.speech_started", "response.done"]
    assert types(d.perform(d.session.speech_stopped(1472)))[-1] == "response.created"


def test_each_waiting_turn_is_answered_once() -> None:
    d = driver(interrupt_response=False)
    d.respond()
    d.speak(0, 960)
    d.speak(2048, 3008)
    for item_id, text in zip(d.items(), ("One.", "Two."), strict=True):
        d.heard(item_id, text)
    assert types(d.finish())[-1] == "response.created"
    assert messages(d) == [("user", "One."), ("user", "Two.")]
    assert "response.created" not in types(d.text("Three.") + d.finish())


def test_without_interruption_an_answer_knows_only_what_was_said_before_it() -> None:
    d = driver(interrupt_response=False)
    d.speak(0, 960)
    d.speak(2048, 3008)
    first, second = d.items()
    d.heard(first, "One.")
    assert messages(d) == [("user", "One.")]
    d.heard(second, "Two.")
    d.text("Uno.")
    d.finish()
    assert messages(d) == [("user", "One."), ("user", "Two."), ("assistant", "Uno.")]


def test_an_update_in_the_middle_of_speech_does_not_disturb_the_turn() -> None:
    d = driver()
    d.append(500)
    (started,) = d.perform(d.session.speech_started(96))
    before = len(d.kind(SetTurnDetection))
    d.update(instructions="New.", audio={"output": {"voice": "ash"}})
    d.turn_detection()
    assert len(d.kind(SetTurnDetection)) == before
    (stopped, *_) = d.perform(d.session.speech_stopped(480))
    assert stopped["item_id"] == started["item_id"]


def test_other_detection_settings_reach_the_detector_after_the_echo() -> None:
    d = driver()
    d.turn_detection(threshold=0.9)
    assert d.effects[-2].event["type"] == "session.updated"  # type: ignore[union-attr]
    assert d.effects[-1] == SetTurnDetection(d.session.config.turn_detection)
    d.manual()
    assert d.effects[-1] == SetTurnDetection(None)


def test_switching_detection_off_in_the_middle_of_speech_abandons_the_turn() -> None:
    d = driver()
    d.append(500)
    (started,) = d.perform(d.session.speech_started(96))
    d.manual()
    assert d.kind(ForgetTurn) == [ForgetTurn(started["item_id"])]


# --- §B.6: response.cancel ---


def test_cancelling_closes_out_where_the_response_stands() -> None:
    d = driver()
    d.update(output_modalities=["text"])
    d.respond()
    running = d.running
    d.text("One, two")
    events = d.send("response.cancel", response_id=running)
    assert types(events) == [
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        *END,
    ]
    assert events[0]["text"] == "One, two"
    item = events[2]["item"]
    assert (item["status"], events[3]["item"]) == ("incomplete", item)
    done = events[4]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["output"] == [item]
    assert done["usage"]["total_tokens"] > 0
    assert d.items() == [item["id"]]
    assert d.kind(StopGenerating) == [StopGenerating(running)]
    (error,) = d.send("response.cancel", response_id=running)
    assert error["error"]["code"] == "response_cancel_not_active"
    # The partial item stays in the conversation.
    d.respond()
    assert messages(d) == [("assistant", "One, two")]


def test_cancelling_while_the_transcript_is_awaited_stops_nothing_that_never_ran() -> None:
    d = driver()
    d.speak()
    assert types(d.send("response.cancel")) == ["response.done"]
    assert d.heard(d.items()[0], "One.") == []
    assert (d.kind(Generate), d.kind(StopGenerating)) == ([], [])


# --- §B.7: function calls ---


def test_a_function_call_and_its_result() -> None:
    d = driver()
    d.update(tools=[{"type": "function", "name": "get_weather"}])
    d.say("How is Montreal?")
    events = d.respond()
    events += d.call("{")
    events += d.call('"city":"Montreal"}')
    events += d.finish("tool_calls")
    result = {"type": "function_call_output", "call_id": "call_a", "output": "21C and sunny"}
    events += d.send("conversation.item.create", item=result)
    events += d.respond()
    events += d.text("It is sunny.")

    call = {
        "id": "item_2",
        "type": "function_call",
        "status": "in_progress",
        "name": "get_weather",
        "call_id": "call_a",
        "arguments": "",
    }
    whole = {**call, "status": "completed", "arguments": '{"city":"Montreal"}'}
    place = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "call_id": "call_a"}
    d.named(d.events[:4])
    named = d.named(events)
    arguments = "response.function_call_arguments"
    assert named[:8] == [
        {"type": "response.created", "response": response("in_progress")},
        {
            "type": "response.output_item.added",
            "response_id": "resp_1",
            "output_index": 0,
            "item": call,
        },
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": call},
        {"type": f"{arguments}.delta", **place, "delta": "{"},
        {"type": f"{arguments}.delta", **place, "delta": '"city":"Montreal"}'},
        {
            "type": f"{arguments}.done",
            **place,
            "name": "get_weather",
            "arguments": '{"city":"Montreal"}',
        },
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": whole},
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": whole,
        },
    ]
    assert types(named[8:]) == [
        *END,
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        *SPOKEN,
    ]
    assert named[8]["response"]["output"] == [whole]
    assert named[10]["previous_item_id"] == "item_2"
    assert named[10]["item"] == {"id": "item_3", **result}
    assert named[11]["item"] == {"id": "item_3", **result}
    assert [message["role"] for message in d.requests[-1].messages] == ["user", "assistant", "tool"]


def test_a_result_alone_is_not_answered() -> None:
    d = driver()
    d.respond()
    d.call("{}")
    d.finish("tool_calls")
    result = {"type": "function_call_output", "call_id": "call_a", "output": ""}
    assert types(d.send("conversation.item.create", item=result)) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert len(d.requests) == 1


def test_the_response_is_over_when_the_call_is() -> None:
    """Clients act on `arguments.done`: the last four events come at once, then all is free."""
    d = driver()
    d.respond()
    d.call("{}")
    assert types(d.finish("tool_calls")) == [
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        *END,
    ]
    assert types(d.respond()) == ["response.created"]


def test_a_client_s_own_call_gets_an_id_and_may_be_answered() -> None:
    d = driver()
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    added, done = d.send("conversation.item.create", item=call)
    assert added["item"] == done["item"]
    call_id = added["item"]["call_id"]
    assert call_id.startswith("call_")
    assert len(call_id) == 21
    result = {"type": "function_call_output", "call_id": call_id, "output": "1"}
    assert len(d.send("conversation.item.create", item=result)) == 2


# --- §B.8: out of band ---


def test_an_out_of_band_response_runs_beside_the_conversation() -> None:
    d = driver()
    d.say("Hi.", id="hi")
    d.respond()
    spoken = d.running
    d.text("Hello")
    (created,) = d.respond(
        conversation="none",
        metadata={"topic": "x"},
        output_modalities=["text"],
        input=[
            {"type": "item_reference", "id": "hi"},
            {
                "type": "message",
                "role": "system",
                "content": [{"type": "input_text", "text": "Classify."}],
            },
        ],
    )
    assert created["response"]["conversation_id"] is None
    assert created["response"]["metadata"] == {"topic": "x"}
    aside = d.running
    assert messages(d) == [("user", "Hi."), ("system", "Classify.")]
    before = d.items()
    events = d.text("greeting") + d.finish()
    assert types(events) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        *END,
    ]
    assert {event.get("response_id", aside) for event in events} == {aside}
    assert d.items() == before
    (error,) = d.send("conversation.item.retrieve", item_id=events[0]["item"]["id"])
    assert error["error"]["code"] == "item_retrieve_invalid_item_id"
    assert types(d.text(" there.", spoken)) == ["response.output_audio_transcript.delta"]


def test_any_number_of_out_of_band_responses_may_run() -> None:
    d = driver()
    for _ in range(3):
        assert types(d.respond(conversation="none")) == ["response.created"]
    assert types(d.respond()) == ["response.created"]
    assert len(d.requests) == 4


def test_out_of_band_responses_are_not_interrupted() -> None:
    d = driver()
    d.respond(conversation="none")
    d.append(500)
    assert types(d.perform(d.session.speech_started(96))) == ["input_audio_buffer.speech_started"]
    assert types(d.text("still here"))[-1] == "response.output_audio_transcript.delta"


def test_out_of_band_responses_are_cancelled_by_id_only() -> None:
    d = driver()
    d.respond(conversation="none")
    aside = d.running
    (error,) = d.send("response.cancel")
    assert error["error"]["code"] == "response_cancel_not_active"
    (done,) = d.send("response.cancel", response_id=aside)
    assert (done["response"]["id"], done["response"]["status"]) == (aside, "cancelled")


def test_out_of_band_speech_does_not_settle_the_voice() -> None:
    d = driver()
    d.respond(conversation="none")
    d.answer()
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_an_own_context_may_be_empty_and_replaces_the_conversation() -> None:
    d = driver()
    d.say("Hi.")
    d.respond(input=[])
    assert d.requests[0].messages == []


def test_a_reference_to_deleted_speech_does_not_hang_the_response() -> None:
    d = driver(create_response=False)
    d.speak()
    item_id = d.items()[0]
    d.respond(conversation="none", input=[{"type": "item_reference", "id": item_id}])
    assert d.requests == []
    d.send("conversation.item.delete", item_id=item_id)
    assert len(d.requests) == 1
    assert d.requests[0].messages == []


def test_a_response_waits_for_every_transcript_it_needs_and_for_no_other() -> None:
    d = driver(create_response=False)
    d.speak(0, 960)
    first = d.items()[0]
    d.respond(conversation="none")
    d.speak(2048, 3008)
    assert d.requests == []
    d.heard(first, "One.")
    assert messages(d) == [("user", "One.")]


def test_a_waiting_answer_and_a_waiting_aside_start_together() -> None:
    d = driver(interrupt_response=False)
    d.speak(0, 960)
    first = d.items()[0]
    d.respond(conversation="none", input=[{"type": "item_reference", "id": first}])
    d.speak(2048, 3008)
    second = d.items()[1]
    # A noise: its response ends at once, the answer to the second turn follows.
    events = d.heard(first, "")
    assert types(events) == [*END, "response.created"]
    assert len(d.requests) == 1
    d.heard(second, "Two.")
    assert len(d.requests) == 2


# --- §B.9: text only ---


def test_a_text_turn_answered_in_text() -> None:
    d = driver()
    d.update(output_modalities=["text"])
    d.say("Say exactly: live hello")
    events = d.respond()
    assert d.requests[0].spoken is False
    events += d.text("live ")
    events += d.text("hello")
    events += d.finish()
    d.named(d.events[:4])
    named = d.named(events)
    assert named[0]["response"] == response("in_progress", output_modalities=["text"])
    assert named[3:8] == [
        {"type": "response.content_part.added", **PLACE, "part": {"type": "text", "text": ""}},
        {"type": "response.output_text.delta", **PLACE, "delta": "live "},
        {"type": "response.output_text.delta", **PLACE, "delta": "hello"},
        {"type": "response.output_text.done", **PLACE, "text": "live hello"},
        {
            "type": "response.content_part.done",
            **PLACE,
            "part": {"type": "text", "text": "live hello"},
        },
    ]
    assert types(named) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        *END,
    ]
    done = named[10]["response"]
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "live hello"}]
    assert done["audio"] == {"output": {"format": PCM, "voice": "alloy"}}


# --- §B.10: failures ---


def test_a_failure_ends_the_response_without_an_error_event_and_the_session_goes_on() -> None:
    d = driver()
    d.respond()
    failed = d.running
    error = ProviderError("No credit.", "insufficient_quota", "insufficient_quota")
    events = d.perform(d.session.response_failed(failed, error))
    assert types(events) == ["response.done"]
    assert events[0]["response"]["status_details"]["error"]["code"] == "insufficient_quota"
    assert d.kind(StopGenerating) == [StopGenerating(failed)]
    assert d.session.is_active(failed) is False
    assert types(d.respond()) == ["response.created"]


def test_a_response_is_active_from_created_to_done() -> None:
    d = driver()
    (created,) = d.respond()
    response_id = created["response"]["id"]
    assert d.session.is_active(response_id)
    d.answer()
    assert not d.session.is_active(response_id)
    assert not d.session.is_active("resp_nobody")


# --- items on request (§A.5–A.8) ---


@pytest.mark.parametrize("previous", [None, ""])
def test_an_item_is_appended_by_default(previous: str | None) -> None:
    d = driver()
    d.say("one", id="one")
    item = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
    added, done = d.send("conversation.item.create", item=item, previous_item_id=previous)
    assert (added["previous_item_id"], done["previous_item_id"]) == ("one", "one")
    assert added["item"] == done["item"]


def test_items_are_put_where_the_client_says() -> None:
    d = driver()
    d.say("one", id="one")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}

    def put(item_id: str, previous: str) -> Any:
        added, done = d.send(
            "conversation.item.create", item={**item, "id": item_id}, previous_item_id=previous
        )
        assert added["previous_item_id"] == done["previous_item_id"]
        return added["previous_item_id"]

    assert put("zero", "root") is None
    assert put("half", "zero") == "zero"
    assert d.items() == ["zero", "half", "one"]
    (deleted,) = d.send("conversation.item.delete", item_id="half")
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", "half")
    assert put("two", "one") == "one"
    assert d.items() == ["zero", "one", "two"]


def test_an_assistant_s_words_may_be_given() -> None:
    d = driver()
    content = [{"type": "output_text", "text": "Earlier I said yes."}]
    item = {"type": "message", "role": "assistant", "content": content}
    added, _ = d.send("conversation.item.create", item=item)
    assert added["item"]["content"] == content
    d.respond()
    assert messages(d) == [("assistant", "Earlier I said yes.")]


def test_spoken_items_are_retrieved_with_their_audio() -> None:
    d = driver()
    d.respond()
    item_id = d.answer("Hello.", 250)
    (retrieved,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert (part["type"], part["transcript"]) == ("output_audio", "Hello.")
    assert base64.b64decode(part["audio"]) == pcm(250)


def test_a_truncated_item_is_retrieved_without_its_transcript() -> None:
    d = driver()
    d.respond()
    item_id = d.answer("One two three four.", 1000)
    d.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=500)
    (retrieved,) = d.send("conversation.item.retrieve", item_id=item_id)
    (part,) = retrieved["item"]["content"]
    assert part["transcript"] is None
    assert base64.b64decode(part["audio"]) == pcm(500)
    d.respond()
    assert messages(d) == [("assistant", "One two")]


def test_an_item_may_be_deleted_while_it_is_streamed() -> None:
    d = driver()
    d.respond()
    d.text("Hello")
    item_id = d.items()[0]
    assert types(d.send("conversation.item.delete", item_id=item_id)) == [
        "conversation.item.deleted"
    ]
    d.audio(100)
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]
    assert d.items() == []


def test_an_item_may_be_truncated_while_it_is_streamed() -> None:
    d = driver()
    d.respond()
    d.text("Hello there.")
    (error,) = d.send(
        "conversation.item.truncate", item_id=d.items()[0], content_index=0, audio_end_ms=0
    )
    assert error["error"]["message"] == "Only model output audio messages can be truncated"
    d.audio(400)
    for _ in range(2):
        (truncated,) = d.send(
            "conversation.item.truncate", item_id=d.items()[0], content_index=0, audio_end_ms=0
        )
        assert truncated["type"] == "conversation.item.truncated"
    assert types(d.finish()) == [*AUDIO_CLOSE, *END]


def test_the_voice_is_settled_by_the_first_speech() -> None:
    d = driver()
    assert types(d.update(audio={"output": {"voice": "ash"}})) == ["session.updated"]
    d.respond()
    d.text("Hello.")
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]
    d.audio(100)
    (error,) = d.update(audio={"output": {"voice": "alloy"}})
    assert error["error"]["code"] == "cannot_update_voice"
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_text_alone_never_settles_the_voice() -> None:
    d = driver()
    d.update(output_modalities=["text"])
    d.respond()
    d.text("Hello.")
    d.finish()
    assert types(d.update(audio={"output": {"voice": "cedar"}})) == ["session.updated"]


def test_append_is_not_acknowledged_and_hands_its_audio_on() -> None:
    d = driver()
    assert d.append(20) == []
    effects, audio = d.session.receive(
        '{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm(20)).decode() + '"}'
    )
    assert (effects, audio) == ([], pcm(20))


def test_events_are_processed_in_the_order_of_their_arrival() -> None:
    d = driver()
    d.say("one")
    d.respond()
    d.update(instructions="New.")
    d.say("two")
    assert types(d.events)[1:] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert messages(d) == [("user", "one")]
