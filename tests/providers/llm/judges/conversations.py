"""Conversations of every shape, for judges: each text in them is one of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Message = dict[str, Any]

PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "auto"}}
PLAIN_SHAPES = ("user", "assistant", "system", "image", "call*1", "call+text*2")
ALL_SHAPES = (
    *PLAIN_SHAPES,
    "parts",
    "empty",
    "call*2",
    "call*3",
    "call+text*1",
    "twice",
    "pending",
)
"""Roles; `image`, `parts`: a user message of several parts; `empty`: messages without text;
`call*N`: N parallel calls and their results; `twice`: a call whose result came late, after a
stand-in; `pending`: a call without one."""


def user(content: str | list[Message]) -> Message:
    return {"role": "user", "content": content}


def assistant(words: str) -> Message:
    return {"role": "assistant", "content": words}


def system(words: str) -> Message:
    return {"role": "system", "content": words}


def text(words: str) -> Message:
    return {"type": "text", "text": words}


def call(call_id: str, name: str = "look_up", arguments: str = '{"what": "it"}') -> Message:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def calls(*made: Message, content: str | None = None) -> Message:
    return {"role": "assistant", "content": content, "tool_calls": list(made)}


def result(call_id: str, output: str) -> Message:
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def conversation(shapes: Iterable[str], ids: Iterator[str] | None = None) -> list[Message]:
    """Make a conversation of shapes."""
    ids = ids or (f"call_{n:016}" for n in itertools.count())
    words = (f"‹{n}›" for n in itertools.count(1))
    return [message for shape in shapes for message in _shaped(shape, words, ids)]


def _shaped(shape: str, words: Iterator[str], ids: Iterator[str]) -> list[Message]:
    kind, _, number = shape.partition("*")
    match kind:
        case "parts":
            return [user([text(next(words)), text(next(words))])]
        case "image":
            return [user([text(next(words)), PIXEL, text(next(words))])]
        case "empty":
            return [user(""), user([text("")]), assistant(" "), system("")]
        case "call" | "call+text":
            content = next(words) if kind == "call+text" else None
            made = [call(next(ids)) for _ in range(int(number))]
            return [
                calls(*made, content=content),
                *(result(one["id"], next(words)) for one in made),
            ]
        case "twice":
            once = call(next(ids))
            return [
                calls(once),
                result(once["id"], next(words)),
                calls(once),
                result(once["id"], next(words)),
            ]
        case "pending":
            return [calls(call(next(ids)), content=next(words))]
        case role:
            return [{"role": role, "content": next(words)}]


def strings(messages: Sequence[Message]) -> Iterator[str]:
    """Yield all texts of a conversation."""
    for one in messages:
        content = one["content"] or ""
        if isinstance(content, str):
            yield content
        else:
            yield from (part["text"] for part in content if part["type"] == "text")


def said(*texts: str) -> list[str]:
    """Return what of a conversation's own texts is in others, in order."""
    return re.findall(r"‹\d+›", " ".join(texts))
