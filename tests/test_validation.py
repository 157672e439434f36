"""What a client may not do: one case per row of the tables of misuse (protocol §A.0–A.10).

Every case says the code, the parameter and (where the protocol knows it) the message, and proves
that the client's `event_id` comes back and that nothing of the event was applied.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from effects import Send
from tests.session_driver import Driver, of, types
from tests.wire import Event

MINE = "mine_1"
ITEM = "<the answer>"
"""Stands for the id of the spoken answer, which the server minted."""


@dataclass(frozen=True)
class Case:
    """One misuse."""

    name: str
    event: dict[str, Any]
    code: str | None
    param: str | None
    message: str | None = None
    """None where the protocol does not know the wording."""
    given: tuple[str, ...] = field(default=())
    """What happened before: see `lived_in`."""


def update(
    name: str,
    code: str,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **session: Any,
) -> Case:
    event = {"type": "session.update", "session": {"type": "realtime", **session}}
    return Case(f"session.update: {name}", event, code, param, message, given)


def audio_in(name: str, code: str, path: str, message: str | None = None, **audio: Any) -> Case:
    return update(name, code, f"session.audio.input.{path}", message, audio={"input": audio})


def vad(name: str, code: str, key: str, message: str | None = None, **settings: Any) -> Case:
    detection = {"type": "server_vad", **settings}
    return audio_in(name, code, f"turn_detection.{key}", message, turn_detection=detection)


def create_item(
    name: str,
    code: str,
    param: str | None,
    item: Any,
    message: str | None = None,
    **fields: Any,
) -> Case:
    event = {"type": "conversation.item.create", "item": item, **fields}
    return Case(f"item.create: {name}", event, code, param, message)


def only(name: str, value: Any) -> dict[str, Any]:
    """One field."""
    return {name: value}


def user(*content: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content), **fields}


def respond(
    name: str,
    code: str,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **options: Any,
) -> Case:
    event = {"type": "response.create", "response": options}
    return Case(f"response.create: {name}", event, code, param, message, given)


def truncate(
    name: str, code: str | None, param: str | None, message: str | None = None, **changed: Any
) -> Case:
    event = {"item_id": ITEM, "content_index": 0, "audio_end_ms": 100, **changed}
    event = {key: value for key, value in event.items() if value is not None}
    return Case(
        f"truncate: {name}",
        {"type": "conversation.item.truncate", **event},
        code,
        param,
        message,
    )


def other(
    name: str,
    type_: str,
    code: str | None,
    param: str | None,
    message: str | None = None,
    *,
    given: tuple[str, ...] = (),
    **fields: Any,
) -> Case:
    return Case(f"{type_}: {name}", {"type": type_, **fields}, code, param, message, given)


TEXT = {"type": "input_text", "text": "x"}
OUTPUT = {"type": "function_call_output", "output": "1"}
NOT_BASE64 = (
    "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
    "but got an invalid value."
)
TOO_SMALL = (
    "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
    "but buffer only has {}ms of audio."
)
ONLY_AUDIO = "Only model output audio messages can be truncated"
NOT_ACTIVE = "Cancellation failed: no active response found"
LOCKED = "Cannot update a conversation's voice if assistant audio is present."


def too_long(param: str, limit: int, length: int) -> str:
    return (
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead."
    )


def missing(param: str) -> str:
    return f"Missing required parameter: '{param}'."


def unknown(param: str) -> str:
    return f"Unknown parameter: '{param}'."


SESSION_UPDATE = [
    other("no session", "session.update", "missing_required_parameter", "session",
          missing("session")),
    other("session is no object", "session.update", "invalid_type", "session", session=5),
    other("no session.type", "session.update", "missing_required_parameter", "session.type",
          missing("session.type"), session={"instructions": "x"}),
    other("type transcription", "session.update", "invalid_value", "session.type",
          "Passing a transcription session update event to a realtime session is not allowed.",
          session={"type": "transcription"}),
    other("type transcription, in full", "session.update", "invalid_value", "session.type",
          "Passing a transcription session update event to a realtime session is not allowed.",
          session={"type": "transcription", "include": [], "audio": {"input": {
              "transcription": {"model": "whisper-1"}, "turn_detection": {}}}}),
    other("another type", "session.update", "invalid_value", "session.type", session={"type": "x"}),
    update("unknown field", "unknown_parameter", "session.bogus_field",
           unknown("session.bogus_field"), bogus_field=1, instructions="not applied"),
    update("unknown field inside", "unknown_parameter", "session.audio.output.bogus",
           unknown("session.audio.output.bogus"), audio={"output": {"bogus": 1}}),
    update("both modalities", "invalid_value", "session.output_modalities",
           "Invalid modalities: ['audio', 'text']. "
           "Supported combinations are: ['text'] and ['audio'].",
           output_modalities=["audio", "text"]),
    update("no modality", "invalid_value", "session.output_modalities", output_modalities=[]),
    update("an unknown modality", "invalid_value", "session.output_modalities",
           output_modalities=["video"]),
    update("modalities are no array", "invalid_type", "session.output_modalities",
           output_modalities="audio"),
    *[update(f"beta's {name}", "unknown_parameter", f"session.{name}", unknown(f"session.{name}"),
             **only(name, value))
      for name, value in [("modalities", ["text"]), ("voice", "alloy"), ("temperature", 0.8),
                          ("input_audio_format", "pcm16"), ("output_audio_format", "pcm16"),
                          ("input_audio_transcription", None), ("turn_detection", None),
                          ("max_response_output_tokens", "inf")]],
    *[update(f"read-only {name}", "unknown_parameter", f"session.{name}", **only(name, value))
      for name, value in [("id", "sess_2"), ("object", "realtime.session"), ("expires_at", 1)]],
    update("the voice, once locked", "cannot_update_voice", None, LOCKED,
           audio={"output": {"voice": "cedar"}}, instructions="not applied"),
    update("instructions are no text", "invalid_type", "session.instructions", instructions=5),
    update("max_output_tokens 0", "integer_below_min_value", "session.max_output_tokens",
           max_output_tokens=0),
    update("max_output_tokens 4097", "integer_above_max_value", "session.max_output_tokens",
           max_output_tokens=4097),
    update("max_output_tokens a decimal", "invalid_type", "session.max_output_tokens",
           "Invalid type for 'session.max_output_tokens': expected an integer, but got a decimal "
           "number instead.", max_output_tokens=1.5),
    update("max_output_tokens a word", "invalid_type", "session.max_output_tokens",
           max_output_tokens="lots"),
    update("tool_choice unknown", "invalid_value", "session.tool_choice",
           "Invalid value: 'x'. Supported values are: 'auto', 'none', and 'required'.",
           tool_choice="x"),
    update("tool_choice a number", "invalid_type", "session.tool_choice", tool_choice=5),
    update("tool_choice without a name", "missing_required_parameter", "session.tool_choice.name",
           missing("session.tool_choice.name"), tool_choice={"type": "function"}),
    update("a tool without a name", "missing_required_parameter", "session.tools[1].name",
           missing("session.tools[1].name"),
           tools=[{"type": "function", "name": "a"}, {"type": "function"}]),
    update("a tool as chat completions write it", "unknown_parameter",
           "session.tools[0].function", tools=[{"type": "function", "name": "a", "function": {}}]),
    update("a server's tool", "invalid_value", "session.tools[0].type",
           tools=[{"type": "mcp", "server_label": "docs", "server_url": "https://x"}]),
    update("tools are no array", "invalid_type", "session.tools", tools={}),
    update("tracing of an unknown kind", "unknown_parameter", "session.tracing.bogus",
           tracing={"bogus": 1}),
    update("tracing changed after it was enabled", "invalid_value", "session.tracing",
           given=("tracing",), tracing={"workflow_name": "another"}),
    update("an unknown effort", "invalid_value", "session.reasoning.effort",
           reasoning={"effort": "maximum"}),
    update("parallel_tool_calls a word", "invalid_type", "session.parallel_tool_calls",
           parallel_tool_calls="yes"),
    update("a prompt template", "invalid_value", "session.prompt", prompt={"id": "pmpt_1"}),
    update("an unknown inclusion", "invalid_value", "session.include[0]", include=["x"]),
    update("retention above 1", "decimal_above_max_value", "session.truncation.retention_ratio",
           truncation={"type": "retention_ratio", "retention_ratio": 1.5}),
    update("unknown truncation", "invalid_value", "session.truncation", truncation="never"),
    *[audio_in(f"PCM at {rate} Hz", "integer_below_min_value", "format.rate",
               "Invalid 'session.audio.input.format.rate': integer below minimum value. "
               f"Expected a value >= 24000, but got {rate} instead.",
               format={"type": "audio/pcm", "rate": rate},
               transcription={"model": "whisper-1"})
      for rate in (16000, 8000)],
    audio_in("PCM at 48000 Hz", "integer_above_max_value", "format.rate",
             format={"type": "audio/pcm", "rate": 48000}),
    *[audio_in(f"format {name}", "invalid_value", "format.type", format={"type": name})
      for name in ("audio/opus", "audio/wav")],
    update("output format Opus", "invalid_value", "session.audio.output.format.type",
           audio={"output": {"format": {"type": "audio/opus"}}}),
    audio_in("noise reduction", "invalid_value", "noise_reduction",
             noise_reduction={"type": "near_field"}),
    audio_in("an unknown VAD", "invalid_value", "turn_detection.type",
             turn_detection={"type": "azure_semantic_vad"}),
    audio_in("an unknown eagerness", "invalid_value", "turn_detection.eagerness",
             turn_detection={"type": "semantic_vad", "eagerness": "very"}),
    audio_in("a threshold under semantic VAD", "unknown_parameter", "turn_detection.threshold",
             turn_detection={"type": "semantic_vad", "threshold": 0.5}),
    vad("threshold above 1", "decimal_above_max_value", "threshold", threshold=1.01),
    vad("threshold below 0", "decimal_below_min_value", "threshold", threshold=-0.01),
    vad("threshold a word", "invalid_type", "threshold", threshold="high"),
    vad("negative padding", "integer_below_min_value", "prefix_padding_ms", prefix_padding_ms=-1),
    vad("negative silence", "integer_below_min_value", "silence_duration_ms",
        silence_duration_ms=-1),
    vad("silence a decimal", "invalid_type", "silence_duration_ms", silence_duration_ms=0.5),
    vad("idle timeout below 5 s", "integer_below_min_value", "idle_timeout_ms",
        idle_timeout_ms=4999),
    vad("idle timeout above 30 s", "integer_above_max_value", "idle_timeout_ms",
        idle_timeout_ms=30001),
    vad("eagerness", "unknown_parameter", "eagerness", eagerness="low"),
    vad("create_response a word", "invalid_type", "create_response", create_response="yes"),
    update("speed 0.2", "decimal_below_min_value", "session.audio.output.speed",
           audio={"output": {"speed": 0.2}}),
    update("speed 9.0", "decimal_above_max_value", "session.audio.output.speed",
           audio={"output": {"speed": 9.0}}),
]  # fmt: skip

INPUT_AUDIO = [
    other("not base64", "input_audio_buffer.append", "invalid_value", "audio", NOT_BASE64,
          audio="%%%"),
    other("empty", "input_audio_buffer.append", "invalid_value", "audio", audio=""),
    other("no audio", "input_audio_buffer.append", "missing_required_parameter", "audio",
          missing("audio")),
    other("audio is no text", "input_audio_buffer.append", "invalid_type", "audio", audio=5),
    other("unknown field", "input_audio_buffer.append", "unknown_parameter", "rate",
          audio="AAAA", rate=16000),
    other("nothing buffered", "input_audio_buffer.commit", "input_audio_buffer_commit_empty", None,
          TOO_SMALL.format("0.00"), given=("manual",)),
    other("too little buffered", "input_audio_buffer.commit", "input_audio_buffer_commit_empty",
          None, TOO_SMALL.format("99.50"), given=("manual", "99.5 ms")),
    other("no speech under VAD", "input_audio_buffer.commit", "input_audio_buffer_commit_empty",
          None, TOO_SMALL.format("0.00"), given=("150 ms",)),
]  # fmt: skip

ITEM_CREATE = [
    other("no item", "conversation.item.create", "missing_required_parameter", "item",
          missing("item")),
    create_item("item is no object", "invalid_type", "item", 5),
    create_item("no type", "missing_required_parameter", "item.type", {}, missing("item.type")),
    create_item("unknown type", "invalid_value", "item.type", {"type": "x"}),
    create_item("no role", "missing_required_parameter", "item.role",
                {"type": "message", "content": []}, missing("item.role")),
    create_item("unknown role", "invalid_value", "item.role", user(role="tool"),
                "Invalid value: 'tool'. Supported values are: 'system', 'user', and 'assistant'."),
    create_item("no content", "missing_required_parameter", "item.content",
                {"type": "message", "role": "user"}, missing("item.content")),
    create_item("content is no array", "invalid_type", "item.content",
                {"type": "message", "role": "user", "content": "hi"}),
    create_item("no text", "missing_required_parameter", "item.content[1].text",
                user(TEXT, {"type": "input_text"}), missing("item.content[1].text")),
    create_item("text null", "invalid_type", "item.content[0].text",
                user({"type": "input_text", "text": None})),
    create_item("assistant audio", "missing_required_parameter", "item.content[0].text",
                {"type": "message", "role": "assistant",
                 "content": [{"type": "output_audio", "transcript": "x"}]},
                missing("item.content[0].text")),
    create_item("the user's words as output", "invalid_value", "item.content[0].type",
                user({"type": "output_text", "text": "x"})),
    create_item("the assistant's words as input", "invalid_value", "item.content[0].type",
                {"type": "message", "role": "assistant", "content": [TEXT]}),
    create_item("the system's words as output", "invalid_value", "item.content[0].type",
                {"type": "message", "role": "system",
                 "content": [{"type": "output_text", "text": "x"}]}),
    create_item("audio that is no base64", "invalid_value", "item.content[0].audio",
                user({"type": "input_audio", "audio": "*"})),
    create_item("an image that is none", "invalid_value", "item.content[0].image_url",
                user({"type": "input_image", "image_url": "data:image/png;base64,AAAA"})),
    create_item("unknown field", "unknown_parameter", "item.bogus", user(TEXT, bogus=1),
                unknown("item.bogus")),
    create_item("a field named like its type", "unknown_parameter", "item.message",
                user(TEXT, message="x"), unknown("item.message")),
    create_item("a field named like its role", "unknown_parameter", "item.user",
                user(TEXT, user="x"), unknown("item.user")),
    create_item("a field named like its type beside a bad part", "invalid_type",
                "item.content[0]", user(5, message=5)),
    create_item("a field named like its role beside a bad part", "invalid_type",
                "item.content[0]", user(5, user=5)),
    create_item("unknown field of a part", "unknown_parameter", "item.content[0].bogus",
                user({**TEXT, "bogus": 1})),
    create_item("id of 39 characters", "string_above_max_length", "item.id",
                user(TEXT, id="i" * 39), too_long("item.id", 32, 39)),
    create_item("call_id of 33 characters", "string_above_max_length", "item.call_id",
                {**OUTPUT, "call_id": "c" * 33}, too_long("item.call_id", 32, 33)),
    create_item("call_id of a call too long", "string_above_max_length", "item.call_id",
                {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c" * 33},
                too_long("item.call_id", 32, 33)),
    create_item("a call without a name", "missing_required_parameter", "item.name",
                {"type": "function_call", "arguments": "{}"}, missing("item.name")),
    create_item("a call without arguments", "missing_required_parameter", "item.arguments",
                {"type": "function_call", "name": "f"}, missing("item.arguments")),
    create_item("a result without call_id", "missing_required_parameter", "item.call_id",
                OUTPUT, missing("item.call_id")),
    create_item("a result without output", "missing_required_parameter", "item.output",
                {"type": "function_call_output", "call_id": "call_1"}, missing("item.output")),
    create_item("a result that is no text", "invalid_type", "item.output",
                {"type": "function_call_output", "call_id": "call_1", "output": {"a": 1}}),
    create_item("a reference", "invalid_value", "item.type",
                {"type": "item_reference", "id": ITEM}),
    create_item("an approval", "invalid_value", "item.type",
                {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}),
    create_item("duplicate id", "item_create_duplicate_item_id", None, user(TEXT, id=ITEM),
                f"Error adding item: an item with id '{ITEM}' already exists."),
    create_item("unknown previous item", "item_create_invalid_previous_item_id",
                "previous_item_id", user(TEXT),
                "Error adding item: the previous item with id 'nobody' does not exist.",
                previous_item_id="nobody"),
    create_item("result of an unknown call", "invalid_tool_call_id", None,
                {**OUTPUT, "call_id": "nobody"},
                "Tool call ID 'nobody' not found in conversation."),
]  # fmt: skip

ITEMS = [
    other("unknown", "conversation.item.retrieve", "item_retrieve_invalid_item_id", None,
          "Error retrieving item: the item with id 'nobody' does not exist.", item_id="nobody"),
    other("no id", "conversation.item.retrieve", "missing_required_parameter", "item_id",
          missing("item_id")),
    other("unknown", "conversation.item.delete", "item_delete_invalid_item_id", None,
          "Error deleting item: the item with id 'nobody' does not exist.", item_id="nobody"),
    other("no id", "conversation.item.delete", "missing_required_parameter", "item_id",
          missing("item_id")),
    truncate("unknown item", "item_truncate_invalid_item_id", None,
             "Item with item_id not found: nobody", item_id="nobody"),
    truncate("beyond the audio", "invalid_value", "audio_end_ms",
             "Audio content of 1000ms is already shorter than 1001ms", audio_end_ms=1001),
    truncate("the user's item", None, None, ONLY_AUDIO, item_id="the_question"),
    truncate("an assistant's text", None, None, ONLY_AUDIO, item_id="the_text"),
    truncate("a call", None, None, ONLY_AUDIO, item_id="the_call"),
    truncate("a decimal", "invalid_type", "audio_end_ms",
             "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number "
             "instead.", audio_end_ms=10.5),
    truncate("negative", "integer_below_min_value", "audio_end_ms", audio_end_ms=-1),
    truncate("another part", "invalid_value", "content_index", content_index=1),
    truncate("no content_index", "missing_required_parameter", "content_index",
             missing("content_index"), content_index=None),
    truncate("no audio_end_ms", "missing_required_parameter", "audio_end_ms",
             missing("audio_end_ms"), audio_end_ms=None),
    truncate("no item_id", "missing_required_parameter", "item_id", missing("item_id"),
             item_id=None),
]  # fmt: skip

RESPONSES = [
    respond("one is active", "conversation_already_has_active_response", None,
            "Conversation already has an active response in progress: <active>. "
            "Wait until the response is finished before creating a new one.", given=("response",)),
    respond("unknown field", "unknown_parameter", "response.bogus", unknown("response.bogus"),
            bogus=1),
    *[respond(f"beta's {name}", "unknown_parameter", f"response.{name}", **only(name, value))
      for name, value in [("modalities", ["text"]), ("voice", "alloy"), ("temperature", 0.8),
                          ("output_audio_format", "pcm16"), ("max_response_output_tokens", 5)]],
    respond("speed", "unknown_parameter", "response.audio.output.speed",
            audio={"output": {"speed": 1.0}}),
    respond("both modalities", "invalid_value", "response.output_modalities",
            "Invalid modalities: ['text', 'audio']. "
            "Supported combinations are: ['text'] and ['audio'].",
            output_modalities=["text", "audio"]),
    respond("conversation unknown", "invalid_value", "response.conversation",
            "Invalid value: 'x'. Supported values are: 'auto' and 'none'.", conversation="x"),
    respond("conversation a number", "invalid_type", "response.conversation", conversation=5),
    respond("another voice, once locked", "cannot_update_voice", None, LOCKED,
            audio={"output": {"voice": "cedar"}}),
    respond("format Opus", "invalid_value", "response.audio.output.format.type",
            audio={"output": {"format": {"type": "audio/opus"}}}),
    respond("max_output_tokens 0", "integer_below_min_value", "response.max_output_tokens",
            max_output_tokens=0),
    respond("max_output_tokens 4097", "integer_above_max_value", "response.max_output_tokens",
            max_output_tokens=4097),
    respond("17 pairs of metadata", "invalid_value", "response.metadata",
            metadata={str(n): "x" for n in range(17)}),
    respond("a metadata key too long", "string_above_max_length", f"response.metadata.{'k' * 65}",
            metadata={"k" * 65: "x"}),
    respond("a metadata value too long", "string_above_max_length", "response.metadata.k",
            too_long("response.metadata.k", 512, 513), metadata={"k": "v" * 513}),
    respond("a metadata value that is no text", "invalid_type", "response.metadata.k",
            metadata={"k": 5}),
    respond("a reference to nothing", "invalid_value", "response.input[1].id",
            input=[user(TEXT), {"type": "item_reference", "id": "nobody"}]),
    respond("a reference without id", "missing_required_parameter", "response.input[0].id",
            missing("response.input[0].id"), input=[{"type": "item_reference"}]),
    respond("an unknown item", "invalid_value", "response.input[0].type", input=[{"type": "x"}]),
    respond("an image", "invalid_value", "response.input[0].content[0].image_url",
            input=[user({"type": "input_image", "image_url": "data:,"})]),
    respond("a prompt template", "invalid_value", "response.prompt", prompt={"id": "pmpt_1"}),
    respond("an unknown effort", "invalid_value", "response.reasoning.effort",
            reasoning={"effort": "maximum"}),
    respond("parallel_tool_calls a word", "invalid_type", "response.parallel_tool_calls",
            parallel_tool_calls="yes"),
    respond("tool without a name", "missing_required_parameter", "response.tools[0].name",
            tools=[{"type": "function"}]),
    other("response is no object", "response.create", "invalid_type", "response", response="x"),
    other("none active", "response.cancel", "response_cancel_not_active", None, NOT_ACTIVE),
    other("unknown id", "response.cancel", "response_cancel_not_active", None, NOT_ACTIVE,
          response_id="resp_nobody"),
    other("unknown id beside an active one", "response.cancel", "response_cancel_not_active", None,
          NOT_ACTIVE, response_id="resp_nobody", given=("response",)),
    other("only an out-of-band one", "response.cancel", "response_cancel_not_active", None,
          NOT_ACTIVE, given=("out of band",)),
    other("response_id is no text", "response.cancel", "invalid_type", "response_id",
          response_id=5),
]  # fmt: skip

ENVELOPE = [
    other("unknown type", "nope", "invalid_value", "type"),
    *[other("another transport's", type_, "invalid_value", "type")
      for type_ in ("output_audio_buffer.clear", "transcription_session.update")],
]  # fmt: skip

CASES = [*ENVELOPE, *SESSION_UPDATE, *INPUT_AUDIO, *ITEM_CREATE, *ITEMS, *RESPONSES]


def lived_in(given: tuple[str, ...]) -> Driver:
    """A session with a question, a spoken answer of 1000 ms, a written one and a call."""
    driver = Driver()
    driver.say("a question", id="the_question")
    driver.respond()
    driver.answer("An answer.", 1000)
    written = {"type": "output_text", "text": "written"}
    driver.send(
        "conversation.item.create",
        item={"id": "the_text", "type": "message", "role": "assistant", "content": [written]},
    )
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    driver.send("conversation.item.create", item={"id": "the_call", **call})
    for step in given:
        if step == "manual":
            driver.manual()
        elif step.endswith(" ms"):
            driver.append(float(step.removesuffix(" ms")))
        elif step == "tracing":
            driver.update(tracing="auto")
        else:
            driver.respond(conversation="none" if step == "out of band" else "auto")
    return driver


def commit(driver: Driver, case: Case, **fields: Any) -> list[Event]:
    """Do what must not be done."""
    frame = json.dumps({**case.event, **fields})
    return driver.raw(frame.replace(ITEM, driver.items()[1]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_misuse_is_answered_by_one_error_and_nothing_is_applied(case: Case) -> None:
    driver = lived_in(case.given)
    before = driver.state()
    events = commit(driver, case, event_id=MINE)

    assert types(events) == ["error"]
    error = events[0]["error"]
    assert set(error) == {"type", "code", "message", "param", "event_id"}
    assert error["type"] == "invalid_request_error"
    assert (error["code"], error["param"]) == (case.code, case.param)
    assert error["event_id"] == MINE
    if case.message is None:
        assert "\n" not in error["message"]
        assert error["message"]
    else:
        message = case.message.replace("<active>", driver.running)
        assert error["message"] == message.replace(ITEM, driver.items()[1])
    assert driver.state() == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_an_event_id_the_error_has_a_null_one(case: Case) -> None:
    driver = lived_in(case.given)
    (event,) = commit(driver, case)
    assert event["error"]["event_id"] is None


def test_the_session_goes_on_after_every_misuse() -> None:
    driver = lived_in(())
    for case in CASES:
        commit(driver, case)
    assert types(driver.append(50)) == []
    assert types(driver.say("still here")) == ["conversation.item.added", "conversation.item.done"]


def test_the_first_finding_names_the_type_before_what_follows_from_it() -> None:
    driver = Driver()
    (event,) = driver.update(tools=[{"type": "mcp", "server_label": "docs"}], bogus=1)
    assert event["error"]["param"] == "session.tools[0].type"
    (event,) = driver.update(tools=[{"type": "function"}], instructions=5, bogus=1)
    assert event["error"]["param"] == "session.tools[0].name"
    (event,) = driver.update(instructions=5, bogus=1)
    assert event["error"]["param"] == "session.instructions"


@pytest.mark.parametrize(
    "session",
    [
        {"model": "another-model"},
        {"instructions": None},
        {"tools": None, "tool_choice": None, "max_output_tokens": None, "truncation": None},
        {"tracing": None},
        {"tracing": "auto"},
        {"tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}}},
        {"prompt": None, "include": None},
        {"max_output_tokens": "inf"},
        {"max_output_tokens": 4096},
        {"truncation": "disabled"},
        {"tool_choice": {"type": "function", "name": "f"}},
        {"tools": [{"type": "function", "name": "f", "description": None, "parameters": None}]},
        {
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "parameters": {"$schema": "x", "additionalProperties": False},
                }
            ]
        },
        {"audio": None},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"noise_reduction": None, "transcription": None}}},
        {"audio": {"input": {"turn_detection": {"type": "none"}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None}}}},
        {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 1}}}},
        {"audio": {"input": {"format": {"type": "audio/pcm"}}}},
        {"audio": {"output": {"speed": 1}}},
        {"audio": {"output": {"speed": 1.0, "voice": "marin"}}},
        {"audio": {"output": {"speed": None, "voice": None, "format": None}}},
        *[
            {"audio": {"input": {"transcription": {"model": name}}}}
            for name in (
                "whisper-1",
                "gpt-4o-mini-transcribe",
                "gpt-realtime-whisper",
                "gpt-live-transcribe",
            )
        ],
    ],
    ids=str,
)
def test_what_stock_clients_send_in_an_update_is_tolerated(session: dict[str, Any]) -> None:
    assert types(Driver().update(**session)) == ["session.updated"]


@pytest.mark.parametrize(
    "options",
    [
        {"instructions": None, "metadata": None, "input": None, "audio": None},
        {"conversation": None, "tools": None, "tool_choice": None, "max_output_tokens": None},
        {"prompt": None, "reasoning": None, "parallel_tool_calls": None},
        {"conversation": "auto", "metadata": {}},
        {"metadata": {"k" * 64: "v" * 512, **{str(n): "" for n in range(15)}}},
        {"input": []},
        {"audio": {"output": {"voice": "cedar", "format": {"type": "audio/pcm", "rate": 24000}}}},
    ],
    ids=str,
)
def test_what_stock_clients_send_for_a_response_is_tolerated(options: dict[str, Any]) -> None:
    assert types(Driver().respond(**options)) == ["response.created"]


def test_response_may_be_null() -> None:
    assert types(Driver().send("response.create", response=None)) == ["response.created"]


@pytest.mark.parametrize("length", [32, 1])
def test_ids_may_be_chosen_up_to_32_characters(length: int) -> None:
    driver = Driver()
    added, _ = driver.say("hi", id="i" * length, status="incomplete", object="realtime.item")
    assert added["item"]["id"] == "i" * length
    assert added["item"]["status"] == "completed"


def test_an_error_is_the_only_effect_of_a_refused_event() -> None:
    driver = lived_in(())
    effects, audio = driver.session.receive('{"type":"response.cancel"}')
    assert [type(effect) for effect in effects] == [Send]
    assert audio == b""
    assert of([effect.event for effect in effects if isinstance(effect, Send)], "error")
