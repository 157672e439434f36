"""What the model reads, as chat-completions messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session.content import InputImage, InputText, UserAudio
from session.heard_turns import HeardMessage
from session.items import UserMessage
from session.reading_order import Readable, ToolExchange


def render_messages(read: Sequence[Readable | HeardMessage]) -> list[dict[str, Any]]:
    """Write what the model reads, and hears, as messages of `ResponseRequest`.

    Messages without words, images and audio are left out.

    Args:
        read: The conversation in the order of `session.reading_order`.
    """
    messages: list[dict[str, Any]] = []
    for item in read:
        if isinstance(item, ToolExchange):
            messages += _tool_messages(item)
        elif isinstance(item, HeardMessage):
            messages.append({"role": "user", "content": _heard_parts(item)})
        elif isinstance(item, UserMessage) and item.images:
            messages.append({"role": "user", "content": _parts(item)})
        elif (text := item.text).strip():
            messages.append({"role": item.role, "content": text})
    return messages


def _parts(message: UserMessage) -> list[dict[str, Any]]:
    """Return texts and images in the client's order."""
    return [
        _part(part) for part in message.content if isinstance(part, InputImage) or part.text.strip()
    ]


def _heard_parts(heard: HeardMessage) -> list[dict[str, Any]]:
    """Return texts, images and the audio in the client's order."""
    audio = {"type": "input_audio", "item_id": heard.message.id, "clip": heard.clip}
    return [
        audio if isinstance(part, UserAudio) else _part(part)
        for part in heard.message.content
        if isinstance(part, InputImage | UserAudio) or part.text.strip()
    ]


def _part(part: InputText | InputImage | UserAudio) -> dict[str, Any]:
    if isinstance(part, InputImage):
        return {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}}
    return {"type": "text", "text": part.text}


def _tool_messages(exchange: ToolExchange) -> list[dict[str, Any]]:
    made = {
        "id": exchange.call_id,
        "type": "function",
        "function": {"name": exchange.name, "arguments": exchange.arguments},
    }
    return [
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": exchange.call_id, "content": exchange.output},
    ]
