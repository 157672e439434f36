"""The items of a conversation, as they stand after each event."""

from __future__ import annotations

from typing import Any

from testing.items import Items
from wire.session_events import (
    InputTranscriptionCompleted,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemTruncated,
)

SPOKEN: Any = {
    "id": "u",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_audio", "transcript": None}],
}
CALL: Any = {"id": "c", "type": "function_call", "name": "f", "arguments": "{}"}
OUTPUT: Any = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "21"}


def answer(text: str) -> Any:
    content = [{"type": "output_audio", "transcript": text}] if text else []
    return {"id": "a", "type": "message", "role": "assistant", "content": content}


def test_a_conversation_reads_as_lines() -> None:
    items = Items()
    items.follow(ItemAdded(None, SPOKEN))
    items.follow(ItemAdded("u", answer("")))
    assert items.conversation() == "user: (audio)\nassistant: (audio)"
    usage: Any = {"type": "duration", "seconds": 1}
    items.follow(InputTranscriptionCompleted("u", 0, "hello", usage))
    # It is done without its transcript, which has come in between.
    items.follow(ItemDone(None, SPOKEN))
    items.follow(ItemDone("u", answer("It is sunny.")))
    items.follow(ItemDone("a", CALL))
    items.follow(ItemDone("c", OUTPUT))
    assert items.conversation() == ("user: hello\nassistant: It is sunny.\ncall: f({})\nresult: 21")
    assert SPOKEN["content"][0]["transcript"] is None


def test_items_stand_where_they_were_put_until_they_are_deleted() -> None:
    items = Items()
    items.follow(ItemAdded(None, CALL))
    items.follow(ItemAdded("c", answer("x")))
    items.follow(ItemAdded("c", OUTPUT))
    items.follow(ItemAdded(None, SPOKEN))
    assert [item["id"] for item in items.told()] == ["u", "c", "o", "a"]
    items.follow(ItemTruncated("a", 0, 1500))
    items.follow(ItemDeleted("c"))
    told = items.told()
    assert [item["id"] for item in told] == ["u", "o", "a"]
    assert told[-1]["truncated_at_ms"] == 1500
