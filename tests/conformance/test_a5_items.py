"""§A.5: `conversation.item.create`: what a client may put into the conversation, and where."""

from __future__ import annotations

from typing import Any

import pytest

from session.decisions import SpeechStarted, SpeechStopped
from session.effects import Transcribe
from tests.conformance.beta_wire import BetaDriver
from tests.conformance.misuse import (
    ITEM,
    TEXT,
    create_item,
    missing,
    other,
    refusals,
    too_long,
    unknown,
    user,
)
from tests.conformance.sequences import added, driver, messages
from tests.support.running_server import running
from tests.support.session_driver import Driver, encoded, of, pcm, types
from tests.support.wire_client import client

OUTPUT = {"type": "function_call_output", "output": "1"}


ROWS = [
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
                user({"type": "input_audio", "audio": "*"}),
                "Invalid 'item.content[0].audio'. Expected base64-encoded audio bytes "
                "(mono PCM16 at 24kHz) but got an invalid value."),
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
    create_item("a phase of the user's", "unknown_parameter", "item.phase",
                user(TEXT, phase="commentary")),
    create_item("a phase there is not", "invalid_value", "item.phase",
                {"type": "message", "role": "assistant", "content": [], "phase": "x"},
                "Invalid value: 'x'. Supported values are: 'commentary' and 'final_answer'."),
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
    create_item("an approval of nothing", "invalid_value", "item.approval_request_id",
                {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
                "Approval request ID 'a' not found in conversation."),
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


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


@pytest.mark.parametrize("length", [32, 1])
def test_ids_may_be_chosen_up_to_32_characters(length: int) -> None:
    driver = Driver()
    added, _ = driver.say("hi", id="i" * length, status="incomplete", object="realtime.item")
    assert added["item"]["id"] == "i" * length
    assert added["item"]["status"] == "completed"


def create(driver: Driver, *content: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    item = {"type": "message", "role": "user", "content": list(content)}
    return driver.send("conversation.item.create", item=item, **fields)


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


def test_an_assistant_s_words_may_be_given() -> None:
    d = driver()
    content = [{"type": "output_text", "text": "Earlier I said yes."}]
    item = {"type": "message", "role": "assistant", "content": content}
    added, _ = d.send("conversation.item.create", item=item)
    assert added["item"]["content"] == content
    d.respond()
    assert messages(d) == [("assistant", "Earlier I said yes.")]


def test_an_announced_id_cannot_be_taken_by_the_client() -> None:
    d = driver()
    d.append(500)
    (started,) = d.decided(SpeechStarted(320))
    (error,) = d.say("Hi.", id=started["item_id"])
    assert error["error"]["code"] == "item_create_duplicate_item_id"
    assert "conversation.item.added" in types(d.decided(SpeechStopped(480)))


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


def test_audio_is_transcribed_before_the_model_reads_it():
    driver = Driver()
    events = create(driver, {"type": "input_audio", "audio": encoded(pcm(500))})
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    item = events[0]["item"]
    assert item["content"] == [{"type": "input_audio", "transcript": None}]
    (transcribe,) = driver.kind(Transcribe)
    assert (transcribe.item_id, transcribe.clip.audio) == (item["id"], pcm(500))
    driver.respond()
    assert driver.requests == []
    driver.heard(item["id"], "good morning")
    assert driver.requests[0].messages == [{"role": "user", "content": "good morning"}]


def test_a_transcript_that_comes_along_spares_the_recogniser():
    driver = Driver()
    part = {"type": "input_audio", "audio": encoded(pcm(500)), "transcript": "good evening"}
    create(driver, part)
    driver.respond()
    assert driver.kind(Transcribe) == []
    assert driver.requests[0].messages == [{"role": "user", "content": "good evening"}]


@pytest.mark.parametrize("audio", [{}, {"audio": None}, {"audio": ""}])
def test_a_part_of_a_past_conversation_may_have_its_words_alone(audio: dict[str, Any]):
    driver = Driver()
    events = create(driver, {"type": "input_audio", "transcript": "good evening", **audio})
    assert types(events) == ["conversation.item.added", "conversation.item.done"]
    driver.respond()
    assert driver.requests[0].messages == [{"role": "user", "content": "good evening"}]


def test_a_part_without_audio_and_words_lacks_its_audio():
    (event,) = create(Driver(), {"type": "input_audio", "audio": None})
    error = event["error"]
    assert (error["code"], error["param"]) == (
        "missing_required_parameter",
        "item.content[0].audio",
    )


def test_retrieve_gives_the_audio_back_where_it_was():
    driver = Driver()
    text = {"type": "input_text", "text": "listen: "}
    events = create(driver, text, {"type": "input_audio", "audio": encoded(pcm(200))})
    item_id = events[0]["item"]["id"]
    driver.heard(item_id, "la la")
    (retrieved,) = driver.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"] == [
        text,
        {"type": "input_audio", "transcript": "la la", "audio": encoded(pcm(200))},
    ]


def test_audio_beside_a_turn_that_is_being_spoken_disturbs_nothing():
    driver = Driver()
    driver.append(500)
    driver.decided(SpeechStarted(96))
    turn = driver.inside.buffer.open
    create(driver, {"type": "input_audio", "audio": encoded(pcm(500))})
    assert driver.inside.buffer.open == turn


MESSAGE = {"type": "message", "status": "completed"}
CALL = {"type": "function_call", "status": "completed", "name": "f", "call_id": "call_1"}


@pytest.mark.parametrize(
    "item",
    [
        {**MESSAGE, "role": "system", "content": [TEXT]},
        {**MESSAGE, "role": "user", "content": [TEXT, TEXT]},
        {**MESSAGE, "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        {**CALL, "arguments": "{}"},
    ],
    ids=lambda item: item.get("role", item["type"]),
)
def test_an_item_is_echoed_as_it_was_given_in_added_and_done(item: dict[str, Any]) -> None:
    d = Driver()
    events = d.send("conversation.item.create", item={"id": "mine", **item})
    assert d.named(events) == added({"id": "mine", **item}, None)


@pytest.mark.parametrize("phase", ["commentary", "final_answer"])
def test_the_phase_of_an_assistant_s_words_is_kept(phase: str) -> None:
    d = Driver()
    content = [{"type": "output_text", "text": "Let me look."}]
    item = {"id": "mine", **MESSAGE, "role": "assistant", "content": content, "phase": phase}
    events = d.send("conversation.item.create", item=item)
    assert d.named(events) == added(item, None)
    (retrieved,) = d.send("conversation.item.retrieve", item_id="mine")
    assert retrieved["item"] == item
    d.respond()
    assert messages(d) == [("assistant", "Let me look.")]
    assert all("phase" not in event["item"] for event in of(d.finish(), "conversation.item.done"))


def test_no_phase_is_shown_where_none_was_given() -> None:
    content = [{"type": "output_text", "text": "Yes."}]
    item = {"id": "mine", **MESSAGE, "role": "assistant", "content": content}
    d = Driver()
    events = d.send("conversation.item.create", item={**item, "phase": None})
    assert d.named(events) == added(item, None)


@pytest.mark.parametrize("dialect", [Driver, BetaDriver])
def test_a_typed_client_s_nulls_change_nothing(dialect: type[Driver]) -> None:
    empty = dict.fromkeys(
        ("id", "object", "status", "name", "call_id", "arguments", "output", "phase")
    )
    part = {**TEXT, "audio": None, "transcript": None}
    item = {**empty, "type": "message", "role": "user", "content": [part]}
    d = dialect()
    events = d.send("conversation.item.create", previous_item_id=None, item=item)
    assert [event["item"]["content"] for event in events] == [[TEXT]] * len(events)
    call = {**empty, "role": None, "content": None, "type": "function_call", "name": "f"}
    events = d.send("conversation.item.create", item={**call, "arguments": "{}"})
    shown = events[0]["item"]
    assert not {"role", "content", "output", "phase"} & shown.keys()
    result = {**empty, "type": "function_call_output", "role": None, "content": None, "output": ""}
    d.send("conversation.item.create", item={**result, "call_id": shown["call_id"]})
    assert [item.text for item in d.inside.conversation] == ["x", "{}", ""]


def test_a_result_is_echoed_without_a_status() -> None:
    d = Driver()
    d.send("conversation.item.create", item={"id": "call", **CALL, "arguments": "{}"})
    result = {"id": "mine", "type": "function_call_output", "call_id": "call_1", "output": ""}
    events = d.send("conversation.item.create", item={**result, "status": "completed"})
    assert d.named(events) == added(result, "call")


async def test_half_a_sample_at_the_end_of_an_item_s_audio_is_dropped():
    audio = encoded(pcm(300) + b"\x01")
    part = {"type": "input_audio", "audio": audio}
    async with running() as server, client(server.url) as wire:
        message = {"type": "message", "role": "user", "content": [part]}
        await wire.send("conversation.item.create", item=message)
        await wire.send("response.create")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        await wire.send("response.create", response={"conversation": "none", "input": [message]})
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
