"""What of a conversation outlives its session: words, calls and their results, and no sound."""

from __future__ import annotations

import json

import pytest

from audio.formats import AudioFormat
from session.content import AssistantAudio, InputImage, InputText, OutputText, UserAudio
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.keeping import PICTURE, keep_items, restore_items
from session.mcp import McpError, McpServer, McpTool
from session.mcp_items import McpApprovalRequest, McpCall, McpToolList

SERVER = McpServer("docs", "https://docs.example.com", "Bearer private", (("x-key", "private"),))


def through(*items: Item) -> tuple[Item, ...]:
    """Keep items, and restore them, by way of JSON."""
    return restore_items(json.loads(json.dumps(keep_items(items))))


def spoken(text: str, ms: int = 1000) -> AssistantAudio:
    part = AssistantAudio(data=bytearray(ms * AudioFormat().bytes_per_ms))
    part.write(text)
    return part


@pytest.mark.parametrize(
    "item",
    [
        SystemMessage("i1", [InputText("Be brief."), InputText("Be kind.")]),
        UserMessage("i1", [InputText("Hello.")]),
        AssistantMessage("i1", [OutputText("Hi.")], phase="final_answer"),
        AssistantMessage("i1", [OutputText("Hi.", "output_audio")], "incomplete"),
        FunctionCall("i1", "call_1", "weather", '{"city": "Ulm"}'),
        FunctionCallOutput("i1", "call_1", "rain"),
        McpCall("i1", SERVER, "find", "docs__find", "{}", "i0", "found", ("i2", "i3")),
        McpCall("i1", SERVER, "find", "docs__find", "{}", None, McpError("http_error", "no", 500)),
    ],
    ids=lambda item: type(item).__name__,
)
def test_an_item_is_what_it_was(item: Item) -> None:
    [restored] = through(item)
    assert type(restored) is type(item)
    assert restored.wire() == item.wire()
    assert restored.text == item.text
    if isinstance(item, McpCall) and isinstance(restored, McpCall):
        assert (restored.called, restored.output) == (item.called, item.output)
        assert restored.ended_behind == item.ended_behind


def test_a_turn_is_kept_as_its_transcript() -> None:
    audio = UserAudio(data=bytearray(48_000))
    audio.understood("hello there")
    [restored] = through(UserMessage("i1", [audio]))
    assert restored.text == "hello there"
    assert restored.wire()["content"] == [{"type": "input_audio", "transcript": "hello there"}]
    assert restored.untranscribed is None
    assert restored.audio is not None
    assert (restored.audio.ms, bytes(restored.audio.data)) == (audio.ms, b"")


def test_a_turn_without_words_is_left_out() -> None:
    assert through(UserMessage("i1", [UserAudio(data=bytearray(48_000))])) == ()


def test_a_picture_is_not_kept() -> None:
    picture = InputImage("data:image/png;base64,AAAA")
    [restored] = through(UserMessage("i1", [InputText("What is this?"), picture]))
    assert restored.text == f"What is this?\n{PICTURE}"


def test_an_answer_is_kept_as_the_words_that_were_heard() -> None:
    part = spoken("One two three four five six seven eight.")
    part.forget_unheard(500)
    message = AssistantMessage("i1", [part], "incomplete")
    [restored] = through(message)
    assert restored.text == message.text != part.transcript
    assert restored.wire() == message.wire()
    assert restored.audio is not None
    assert restored.audio.ms == 1000


def test_an_answer_that_was_truncated_has_no_transcript() -> None:
    part = spoken("One two three four five six seven eight.")
    part.truncate(500)
    message = AssistantMessage("i1", [part])
    [restored] = through(message)
    assert restored.wire() == message.wire()
    assert restored.wire()["content"] == [{"type": "output_audio", "transcript": None}]
    assert restored.text == message.text


def test_an_answer_that_was_being_given_is_incomplete() -> None:
    [restored] = through(AssistantMessage("i1", [spoken("One two")], "in_progress"))
    assert restored.wire()["status"] == "incomplete"


@pytest.mark.parametrize(
    "item",
    [
        FunctionCall("i1", "call_1", "weather", '{"ci', "in_progress"),
        McpCall("i1", SERVER, "find", "docs__find", "{}"),
        McpApprovalRequest("i1", SERVER, "find", "docs__find"),
        McpToolList("i1", "docs", (McpTool("find", "Finds.", {}),)),
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_is_not_over_or_is_asked_for_again_is_left_out(item: Item) -> None:
    assert through(item) == ()


def test_a_call_does_not_keep_how_its_server_is_reached() -> None:
    call = McpCall("i1", SERVER, "find", "docs__find", "{}", None, "found")
    assert "private" not in json.dumps(keep_items([call]))
