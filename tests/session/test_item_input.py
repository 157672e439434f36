"""Items as clients describe them become items of the conversation (protocol §A.5)."""

from __future__ import annotations

from typing import Any

import pytest

from audio.formats import AudioFormat
from session.item_input import build_item
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.ports import Capabilities
from tests.support.session_driver import pcm
from wire import item_fields
from wire.errors import ProtocolError


def built(given: item_fields.ItemInput) -> Item:
    return build_item(given, AudioFormat(), Capabilities())


def user(*parts: Any) -> item_fields.UserMessageFields:
    return item_fields.UserMessageFields(
        id="item_1", type="message", role="user", content=list(parts)
    )


def said(audio: bytes, transcript: str | None = None) -> item_fields.AudioPartFields:
    return item_fields.AudioPartFields.of(audio, transcript)


def wrote(text: str) -> item_fields.TextPartFields:
    return item_fields.TextPartFields(type="input_text", text=text)


@pytest.mark.parametrize(
    ("model", "given", "kind", "text"),
    [
        (
            item_fields.SystemMessageFields,
            {"role": "system", "content": [{"type": "input_text", "text": "Be brief."}]},
            SystemMessage,
            "Be brief.",
        ),
        (
            item_fields.AssistantMessageFields,
            {"role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]},
            AssistantMessage,
            "Yes.",
        ),
        (
            # Clients may call their text so; it is still text, and shown as it came.
            item_fields.AssistantMessageFields,
            {"role": "assistant", "content": [{"type": "output_audio", "text": "Yes."}]},
            AssistantMessage,
            "Yes.",
        ),
    ],
)
def test_a_message_is_shown_as_it_came(
    model: type[Any], given: dict[str, Any], kind: type[Any], text: str
) -> None:
    item = built(model(id="item_1", type="message", **given))
    assert type(item) is kind
    assert item.text == text
    assert item.audio is None
    assert item.wire() == {"id": "item_1", "type": "message", "status": "completed", **given}


def test_calls_and_results_are_items_of_their_own() -> None:
    call = built(item_fields.FunctionCallFields(type="function_call", name="f", arguments="{}"))
    assert isinstance(call, FunctionCall)
    assert (call.name, call.arguments, call.status) == ("f", "{}", "completed")
    assert call.call_id.startswith("call_")
    given = item_fields.FunctionCallOutputFields(
        type="function_call_output", call_id=call.call_id, output="42"
    )
    result = built(given)
    assert isinstance(result, FunctionCallOutput)
    assert (result.call_id, result.output) == (call.call_id, "42")


def test_audio_waits_for_its_transcript_unless_that_comes_with_it() -> None:
    waiting = built(user(wrote("Listen: "), said(pcm(100))))
    assert isinstance(waiting, UserMessage)
    assert waiting.untranscribed is waiting.audio is not None
    assert (waiting.audio_index, waiting.audio_ms, waiting.text) == (1, 100, "Listen: ")
    known = built(user(wrote("Listen: "), said(pcm(100), "la la")))
    assert (known.untranscribed, known.text) == (None, "Listen: \nla la")


def test_half_a_sample_at_the_end_is_nothing_to_hear() -> None:
    item = built(user(said(pcm(100) + b"\1")))
    assert item.audio is not None
    assert bytes(item.audio.data) == pcm(100)


@pytest.mark.parametrize("first", [pcm(100), b"\1"])
def test_a_message_holds_one_part_that_is_audio(first: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        built(user(said(first), said(pcm(100))))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "item.content[1].type")
