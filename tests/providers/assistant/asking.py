"""Conversations with the built-in assistant, and what it answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from providers.assistant.reply import Answer, reply

NOW = datetime(2029, 11, 22, 15, 5)
"""A Thursday."""
STRING = {"type": "string"}
INTEGER = {"type": "integer"}

WORDS = (
    "get weather timer count to two ten from say repeat after me what is plus minus times over "
    "divided by zero my name in for at and hundred point a 5 1,000 - / ' \" 数到 十 跟我说 please "
    "tell story time date tomorrow not"
)
VOCABULARY = st.sampled_from(WORDS.split())
SPOKEN = st.lists(VOCABULARY, max_size=12).map(" ".join) | st.text(max_size=60)
"""What people say: of the words that matter to the rules, or anything."""


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def called(*calls: tuple[str, str]) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
            for call_id, name in calls
        ],
    }


def returned(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def tool(name: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required or []}
    return {"type": "function", "name": name, "description": "", "parameters": parameters}


def ask(
    *messages: dict[str, Any] | str,
    tools: list[Any] | None = None,
    choice: Any = "auto",
    instructions: str = "You are helpful.",
    now: datetime = NOW,
) -> Answer:
    conversation = [user(m) if isinstance(m, str) else m for m in messages]
    return reply(conversation, tools or [], choice, instructions, now)


def say(*messages: dict[str, Any] | str, **kwargs: Any) -> str:
    answer = ask(*messages, **kwargs)
    assert answer.tool_calls == ()
    return answer.text


def numbers(first: int, last: int) -> str:
    step = 1 if last >= first else -1
    return ", ".join(map(str, range(first, last + step, step)))


def arguments(said: str, required: list[str], **properties: Any) -> dict[str, Any]:
    (call,) = ask(said, tools=[tool("do_it", required, **properties)], choice="required").tool_calls
    return call.arguments
