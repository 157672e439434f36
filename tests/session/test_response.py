"""One response: its events, their order, and its one end (protocol §B, B.2, B.5–B.10, F.7)."""

from __future__ import annotations

from typing import Any

import pytest

from audio.formats import AudioFormat
from session.content import AssistantAudio, InputText
from session.conversation import Conversation
from session.effects import Effect, OutputAudio, Send
from session.items import AssistantMessage, UserMessage
from session.ports import FailureReason, TokenUsage
from session.response import Response
from session.response_spec import ResponseSpec
from tests.support.session_driver import of, on_a_socket, pcm, types
from tests.support.strict_reader import Event, check_event, normalise

PCM_24K = AudioFormat()
PCM = {"type": "audio/pcm", "rate": 24000}
TEXT_CLOSE = [
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
AUDIO_CLOSE = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
]
CALL_CLOSE = [
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
]
OPEN = ["response.output_item.added", "conversation.item.added"]
END = ["response.done", "rate_limits.updated"]
FAILURE = FailureReason("The voice is out of credit.", "insufficient_quota", "insufficient_quota")


def user(item_id: str) -> UserMessage:
    return UserMessage(item_id, [InputText("hi")])


class Played:
    """A response whose events are collected and held against the SDK."""

    def __init__(
        self,
        *,
        spoken: bool = True,
        in_conversation: bool = True,
        audio_format: AudioFormat = PCM_24K,
    ) -> None:
        self.conversation = Conversation("conv_1")
        self.conversation.insert(user("before"))
        spec = ResponseSpec(
            id="resp_1",
            modalities=["audio"] if spoken else ["text"],
            voice="alloy",
            format=audio_format,
            instructions="",
            tools=[],
            tool_choice="auto",
            max_output_tokens="inf",
            metadata={"topic": "x"},
            in_conversation=in_conversation,
        )
        self.response = Response(spec, self.conversation)
        self.response.read = []
        self.events: list[Event] = []

    def __call__(self, effects: list[Effect]) -> list[Event]:
        written = [
            effect.event.wire() for effect in on_a_socket(effects) if isinstance(effect, Send)
        ]
        assert len(written) == len(effects)
        for event in written:
            check_event(event)
        self.events += written
        return written

    def message(self) -> AssistantMessage:
        """The answer, as it stands in the conversation."""
        item = list(self.conversation)[-1]
        assert isinstance(item, AssistantMessage)
        return item

    def speech(self) -> AssistantAudio:
        """Its audio."""
        audio = self.message().audio
        assert audio is not None
        return audio

    def text(self, delta: str) -> list[Event]:
        return self(self.response.text(delta))

    def audio(self, ms: float) -> list[Event]:
        return self(self.response.audio(pcm(ms)))

    def call(
        self, arguments: str, index: int = 0, call_id: str = "call_a", name: str = "f"
    ) -> list[Event]:
        return self(self.response.tool_call(index, call_id, name, arguments))

    def finish(self, reason: Any = "stop", usage: TokenUsage | None = None) -> list[Event]:
        return self(self.response.finish(reason, usage))

    @property
    def done(self) -> dict[str, Any]:
        (event,) = of(self.events, "response.done")
        response: dict[str, Any] = event["response"]
        return response


def test_created_is_the_object_of_the_service_key_by_key() -> None:
    played = Played()
    (event,) = played(played.response.announce())
    assert list(event["response"].items()) == list(
        {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": PCM, "voice": "alloy"}},
            "usage": None,
            "metadata": {"topic": "x"},
        }.items()
    )


def test_a_text_response_still_shows_its_audio_settings() -> None:
    played = Played(spoken=False)
    (event,) = played(played.response.announce())
    assert event["response"]["output_modalities"] == ["text"]
    assert event["response"]["audio"] == {"output": {"format": PCM, "voice": "alloy"}}


def test_a_spoken_answer_opens_streams_and_closes_in_order() -> None:
    played = Played()
    assert types(played.text("Live ")) == [
        *OPEN,
        "response.content_part.added",
        "response.output_audio_transcript.delta",
    ]
    assert types(played.text("hello.")) == ["response.output_audio_transcript.delta"]
    assert types(played.audio(100)) == ["response.output_audio.delta"]
    assert types(played.audio(100)) == ["response.output_audio.delta"]
    assert types(played.finish()) == [*AUDIO_CLOSE, *END]


def test_a_written_answer_opens_streams_and_closes_in_order() -> None:
    played = Played(spoken=False)
    assert types(played.text("Live ")) == [
        *OPEN,
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert types(played.text("hello.")) == ["response.output_text.delta"]
    assert types(played.finish()) == [*TEXT_CLOSE, *END]


def test_the_item_grows_from_empty_to_whole() -> None:
    played = Played()
    played.text("Live ")
    played.text("hello.")
    played.audio(100)
    played.finish()
    message = {"id": "item_1", "type": "message", "role": "assistant"}
    opened = {**message, "status": "in_progress", "content": []}
    whole = {
        **message,
        "status": "completed",
        "content": [{"type": "output_audio", "transcript": "Live hello."}],
    }
    events = normalise(played.events)
    assert of(events, "response.output_item.added")[0]["item"] == opened
    assert of(events, "conversation.item.added")[0]["item"] == opened
    assert of(events, "conversation.item.done")[0]["item"] == whole
    assert of(events, "response.output_item.done")[0]["item"] == whole
    assert of(events, "response.done")[0]["response"]["output"] == [whole]


@pytest.mark.parametrize(
    ("spoken", "first", "last"),
    [
        (True, {"type": "audio", "transcript": ""}, {"type": "audio", "transcript": "Hello."}),
        (False, {"type": "text", "text": ""}, {"type": "text", "text": "Hello."}),
    ],
)
def test_parts_are_called_audio_and_text_and_never_carry_audio(
    spoken: bool, first: Event, last: Event
) -> None:
    played = Played(spoken=spoken)
    played.text("Hello.")
    played.finish()
    assert of(played.events, "response.content_part.added")[0]["part"] == first
    assert of(played.events, "response.content_part.done")[0]["part"] == last


def test_every_event_of_a_part_says_where_it_belongs() -> None:
    played = Played()
    played.text("Hello.")
    played.audio(10)
    played.finish()
    item_id = played.done["output"][0]["id"]
    place = {
        "response_id": "resp_1",
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
    }
    kinds = ("response.content_part", "response.output_audio")
    parts = [event for event in played.events if event["type"].startswith(kinds)]
    assert len(parts) == 6
    assert all({key: event[key] for key in place} == place for event in parts)


@pytest.mark.parametrize(
    ("spoken", "kind", "field"),
    [(True, "output_audio_transcript", "transcript"), (False, "output_text", "text")],
)
def test_deltas_add_up_to_what_done_says(spoken: bool, kind: str, field: str) -> None:
    played = Played(spoken=spoken)
    for delta in ("One ", "two", "", " three."):
        played.text(delta)
    played.finish()
    deltas = [event["delta"] for event in of(played.events, f"response.{kind}.delta")]
    assert deltas == ["One ", "two", " three."]
    assert of(played.events, f"response.{kind}.done")[0][field] == "One two three."


def test_audio_is_played_as_it_is_made_and_the_item_keeps_it() -> None:
    played = Played()
    played.text("Hello.")
    effects = played.response.audio(pcm(10)) + played.response.audio(pcm(20))
    item_id = played.message().id
    assert effects == [
        OutputAudio("resp_1", item_id, 0, 0, pcm(10)),
        OutputAudio("resp_1", item_id, 0, 0, pcm(20)),
    ]
    assert bytes(played.speech().data) == pcm(30)


def test_audio_is_played_in_the_format_that_was_asked_for() -> None:
    played = Played(audio_format=AudioFormat("audio/pcmu"))
    effects = [*played.response.audio(pcm(100)), *played.response.finish("stop", None)]
    audio = b"".join(effect.audio for effect in effects if isinstance(effect, OutputAudio))
    # The encoder gives out its last samples when the answer is complete, and the item has them.
    assert isinstance(effects[-len(AUDIO_CLOSE) - len(END) - 1], OutputAudio)
    assert len(audio) == 800
    assert bytes(played.speech().data) == audio


def test_audio_may_come_before_any_text() -> None:
    played = Played()
    assert types(played.audio(10)) == [
        *OPEN,
        "response.content_part.added",
        "response.output_audio.delta",
    ]


def test_nothing_said_is_no_event() -> None:
    played = Played()
    assert [*played.text(""), *played.audio(0)] == []


def test_a_text_response_never_carries_audio() -> None:
    played = Played(spoken=False)
    assert played.audio(100) == []
    played.text("Hello.")
    assert played.audio(100) == []
    assert types(played.finish()) == [*TEXT_CLOSE, *END]


def test_an_answer_of_nothing_is_complete_and_empty() -> None:
    played = Played()
    assert types(played.finish()) == END
    assert (played.done["status"], played.done["output"]) == ("completed", [])


def test_the_item_stands_in_the_conversation_from_the_start() -> None:
    played = Played()
    played.text("Hello.")
    (added,) = of(played.events, "conversation.item.added")
    assert added["previous_item_id"] == "before"
    assert played.message().id == added["item"]["id"]


def test_done_repeats_the_predecessor_that_added_named() -> None:
    played = Played()
    played.text("Hello.")
    played.conversation.insert(user("after"))
    played.finish()
    assert of(played.events, "conversation.item.done")[0]["previous_item_id"] == "before"


# --- calls ---


def test_a_call_opens_streams_and_closes_in_order_without_parts() -> None:
    played = Played()
    assert types(played.call("{")) == [*OPEN, "response.function_call_arguments.delta"]
    assert types(played.call('"a":1}')) == ["response.function_call_arguments.delta"]
    assert types(played.finish("tool_calls")) == [*CALL_CLOSE, *END]
    call = {"id": "item_1", "type": "function_call", "name": "f", "call_id": "call_a"}
    opened = {**call, "status": "in_progress", "arguments": ""}
    whole = {**call, "status": "completed", "arguments": '{"a":1}'}
    events = normalise(played.events)
    assert of(events, "response.output_item.added")[0]["item"] == opened
    assert of(events, "conversation.item.added")[0]["item"] == opened
    assert of(events, "conversation.item.done")[0]["item"] == whole
    assert of(events, "response.output_item.done")[0]["item"] == whole
    assert of(events, "response.done")[0]["response"]["output"] == [whole]
    (done,) = of(events, "response.function_call_arguments.done")
    assert done == {
        "type": "response.function_call_arguments.done",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "call_id": "call_a",
        "name": "f",
        "arguments": '{"a":1}',
    }


def test_a_call_without_arguments_yet_is_announced_at_once() -> None:
    assert types(Played().call("")) == OPEN


@pytest.mark.parametrize("order", ["0011", "0101", "0110"])
@pytest.mark.parametrize("speech", ["", "Let me see."])
def test_parallel_calls_are_items_one_after_the_other_however_they_are_written(
    order: str, speech: str
) -> None:
    played = Played()
    played.text(speech)
    pieces = {"0": iter("{}"), "1": iter("{}")}
    for index in order:
        call_id, name = {"0": ("call_a", "f"), "1": ("call_b", "g")}[index]
        played.call(next(pieces[index]), int(index), call_id, name)
    played.finish("tool_calls")
    output = [item for item in played.done["output"] if item["type"] == "function_call"]
    assert [(item["call_id"], item["name"], item["arguments"]) for item in output] == [
        ("call_a", "f", "{}"),
        ("call_b", "g", "{}"),
    ]
    opened = of(played.events, "response.output_item.added")
    assert [event["output_index"] for event in opened] == list(range(len(opened)))


def test_a_call_that_is_over_is_not_made_again() -> None:
    played = Played(spoken=False)
    played.call("{}")
    played.text("Done.")
    assert played.call(" ") == []
    played.finish("tool_calls")
    assert [item["type"] for item in played.done["output"]] == ["function_call", "message"]


def test_a_call_that_waits_is_not_torn_by_text_after_the_call_before_it() -> None:
    played = Played(spoken=False)
    played.call("{}", 0, "call_a")
    played.call('{"a":', 1, "call_b")
    played.text("Let me see.")
    played.call("1}", 1, "call_b")
    played.finish("tool_calls")
    output = [(item.get("call_id"), item.get("arguments")) for item in played.done["output"]]
    assert output == [("call_a", "{}"), (None, None), ("call_b", '{"a":1}')]


def test_a_call_waits_for_the_speech_before_it() -> None:
    played = Played()
    played.text("Let me see.")
    assert played.call('{"a":') == []
    assert types(played.audio(100)) == ["response.output_audio.delta"]
    assert played.call("1}") == []
    assert types(played.finish("tool_calls")) == [
        *AUDIO_CLOSE,
        *OPEN,
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        *CALL_CLOSE,
        *END,
    ]
    speech, call = played.done["output"]
    assert (speech["type"], speech["status"]) == ("message", "completed")
    assert (call["arguments"], call["status"]) == ('{"a":1}', "completed")


def test_a_call_after_written_text_does_not_wait() -> None:
    played = Played(spoken=False)
    played.text("Let me see.")
    assert types(played.call("{}")) == [
        *TEXT_CLOSE,
        *OPEN,
        "response.function_call_arguments.delta",
    ]


def test_words_after_a_call_are_another_item() -> None:
    played = Played(spoken=False)
    played.call("{}")
    assert types(played.text("Done.")) == [
        *CALL_CLOSE,
        *OPEN,
        "response.content_part.added",
        "response.output_text.delta",
    ]
    played.finish()
    assert [item["type"] for item in played.done["output"]] == ["function_call", "message"]


# --- the end ---


def test_completed_has_usage_and_no_details() -> None:
    played = Played()
    played.text("Hello.")
    played.audio(1200)
    played.finish(usage=TokenUsage(12, 11))
    assert (played.done["status"], played.done["status_details"]) == ("completed", None)
    assert played.done["usage"]["total_tokens"] == 12 + 11 + 24
    assert played.done["metadata"] == {"topic": "x"}


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled"])
def test_cancelling_closes_the_item_as_incomplete(reason: Any) -> None:
    played = Played()
    played.text("Hello there.")
    played.audio(100)
    assert types(played(played.response.cancel(reason))) == [*AUDIO_CLOSE, *END]
    assert played.done["status"] == "cancelled"
    assert played.done["status_details"] == {"type": "cancelled", "reason": reason}
    assert [item["status"] for item in played.done["output"]] == ["incomplete"]
    assert of(played.events, "conversation.item.done")[0]["item"]["status"] == "incomplete"
    assert played.done["usage"]["output_tokens"] > 0


def test_cancelling_before_anything_was_made_is_just_the_end() -> None:
    played = Played()
    assert types(played(played.response.cancel("turn_detected"))) == ["response.done"]
    assert (played.done["output"], played.done["usage"]["total_tokens"]) == ([], 0)


def test_cancelling_leaves_finished_items_completed() -> None:
    played = Played(spoken=False)
    played.text("Let me see.")
    played.call("{")
    played(played.response.cancel("client_cancelled"))
    assert [item["status"] for item in played.done["output"]] == ["completed", "incomplete"]


def test_cancelling_drops_calls_that_waited_for_the_speech() -> None:
    played = Played()
    played.text("Let me see.")
    played.call("{}")
    assert types(played(played.response.cancel("client_cancelled"))) == [*AUDIO_CLOSE, *END]
    assert [item["type"] for item in played.done["output"]] == ["message"]


def test_after_cancelling_the_model_remembers_what_was_spoken_and_no_more() -> None:
    played = Played()
    played.text("Hello there. How are you? I am fine.")
    played.response.speaking("Hello there.")
    played.audio(1000)
    played.response.speaking("How are you?")
    played.audio(1000)
    played.response.speaking("I am fine.")
    played(played.response.cancel("turn_detected"))
    item = played.message()
    assert item.text == "Hello there. How are you?"
    # The wire still shows the transcript that was sent.
    assert item.wire()["content"][0]["transcript"] == "Hello there. How are you? I am fine."


def test_a_written_answer_is_remembered_as_far_as_it_was_sent() -> None:
    played = Played(spoken=False)
    played.text("Hello")
    played(played.response.cancel("client_cancelled"))
    assert played.message().text == "Hello"


@pytest.mark.parametrize(
    ("played_ms", "remembered"),
    [
        (None, "Hello there. How are you?"),
        (1500, "Hello there. How"),
        (1000, "Hello there."),
        (0, ""),
    ],
)
def test_after_cancelling_the_model_remembers_what_was_played(
    played_ms: float | None, remembered: str
) -> None:
    played = Played()
    played.text("Hello there. How are you? I am fine.")
    played.response.speaking("Hello there.")
    played.audio(1000)
    played.response.speaking("How are you?")
    played.audio(1000)
    if played_ms is not None:
        played.conversation.played(played.message().id, played_ms)
    played(played.response.cancel("turn_detected"))
    assert played.message().text == remembered
    # The client keeps its audio and its transcript until it cuts them.
    assert played.message().audio_ms == 2000
    assert played.message().wire()["content"][0]["transcript"].endswith("I am fine.")


def test_an_answer_that_ends_well_is_remembered_whole_however_much_was_played() -> None:
    played = Played()
    played.text("Hello there.")
    played.audio(100)
    played.conversation.played(played.message().id, 50)
    played.finish()
    assert played.message().text == "Hello there."


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_cut_short_is_incomplete(finish: Any, reason: str) -> None:
    played = Played()
    played.text("Hello")
    played.audio(50)
    assert types(played.finish(finish, TokenUsage(3, 1))) == [*AUDIO_CLOSE, *END]
    assert played.done["status"] == "incomplete"
    assert played.done["status_details"] == {"type": "incomplete", "reason": reason}
    assert [item["status"] for item in played.done["output"]] == ["incomplete"]
    assert played.done["usage"]["total_tokens"] == 5


def test_only_the_last_item_of_an_answer_cut_short_is_incomplete() -> None:
    played = Played()
    played.text("Let me see.")
    played.audio(50)
    played.call('{"a":')
    played.finish("length")
    statuses = [(item["type"], item["status"]) for item in played.done["output"]]
    assert statuses == [("message", "completed"), ("function_call", "incomplete")]


def test_a_failure_before_anything_was_made_is_just_the_end() -> None:
    played = Played()
    assert types(played(played.response.fail(FAILURE))) == ["response.done"]
    assert played.done["status"] == "failed"
    assert played.done["status_details"] == {
        "type": "failed",
        "error": {
            "type": "insufficient_quota",
            "code": "insufficient_quota",
            "message": "The voice is out of credit.",
        },
    }
    assert (played.done["output"], played.done["usage"]["total_tokens"]) == ([], 0)


def test_a_failure_in_the_middle_closes_the_item() -> None:
    played = Played()
    played.text("Hello")
    assert types(played(played.response.fail(FAILURE))) == [*AUDIO_CLOSE, *END]
    assert [item["status"] for item in played.done["output"]] == ["incomplete"]


@pytest.mark.parametrize("end", ["finish", "cancel", "fail"])
def test_nothing_comes_after_the_end(end: str) -> None:
    played = Played()
    played.text("Hello.")
    ends = {
        "finish": lambda: played.response.finish("stop", None),
        "cancel": lambda: played.response.cancel("turn_detected"),
        "fail": lambda: played.response.fail(FAILURE),
    }
    played(ends[end]())
    played.response.speaking("more")
    late = [*played.text("more"), *played.audio(10), *played.call("{}")]
    assert [*late, *(effect for other in ends.values() for effect in other())] == []
    assert not played.response.active


def test_limits_are_reported_once_for_tokens_only() -> None:
    played = Played()
    played.text("Hello.")
    played.finish()
    (limits,) = of(played.events, "rate_limits.updated")
    (limit,) = limits["rate_limits"]
    assert set(limit) == {"name", "limit", "remaining", "reset_seconds"}
    assert limit["name"] == "tokens"


# --- truncation while it streams ---


def test_truncating_a_streaming_item_leaves_its_events_whole() -> None:
    played = Played()
    played.text("Hello there. ")
    played.response.speaking("Hello there.")
    played.audio(900)
    played.conversation.truncate(played.message().id, 0, 900)
    played.response.speaking("How are you?")
    played.text("How are you?")
    played.audio(900)
    played.finish()
    (transcript,) = of(played.events, "response.output_audio_transcript.done")
    assert transcript["transcript"] == "Hello there. How are you?"
    assert of(played.events, "response.content_part.done")[0]["part"]["transcript"] == (
        "Hello there. How are you?"
    )
    item = played.message()
    assert (item.audio_ms, item.text) == (900, "Hello there.")
    assert item.wire()["content"] == [{"type": "output_audio", "transcript": None}]


def test_cancelling_a_truncated_item_keeps_what_was_heard() -> None:
    played = Played()
    played.text("One two three four.")
    played.audio(1000)
    played.conversation.truncate(played.message().id, 0, 500)
    played.audio(1000)
    played(played.response.cancel("client_cancelled"))
    item = played.message()
    assert (item.audio_ms, item.text) == (500, "One two")


# --- out of band ---


def test_out_of_band_output_never_enters_the_conversation() -> None:
    played = Played(in_conversation=False, spoken=False)
    (created,) = played(played.response.announce())
    played.text("Hello.")
    played.call("{}")
    played.finish("tool_calls")
    assert created["response"]["conversation_id"] is None
    assert played.done["conversation_id"] is None
    assert not [event for event in played.events if event["type"].startswith("conversation.")]
    assert [item.id for item in played.conversation] == ["before"]
    assert [item["type"] for item in played.done["output"]] == ["message", "function_call"]


def test_what_was_made_is_told_before_it_is_known_how_it_ended() -> None:
    played = Played()
    played.text("Hi.")
    played.audio(100)
    assert types(played(played.response.output_made())) == AUDIO_CLOSE
    # Nothing is added to what the client takes for the whole.
    assert played.text("More.") == played.audio(100) == played.call("{}") == []
    assert types(played.finish("length", TokenUsage(3, 2))) == END
    response = played.events[-2]["response"]
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert response["usage"]["input_tokens"] == 3


def test_calls_that_waited_for_the_speech_are_told_with_it() -> None:
    played = Played()
    played.text("Hi.")
    played.call('{"a":1}')
    assert played.call('{"b":1}', 1, "call_b") == []
    told = types(played(played.response.output_made()))
    assert told[: len(AUDIO_CLOSE)] == AUDIO_CLOSE
    assert told.count("response.output_item.done") == 3
    assert types(played.finish("tool_calls")) == END


def test_what_was_made_can_fail_all_the_same() -> None:
    played = Played()
    played.text("Hi.")
    played(played.response.output_made())
    assert types(played(played.response.fail(FAILURE))) == END
    assert played.events[-2]["response"]["status"] == "failed"
    assert played(played.response.output_made()) == []
