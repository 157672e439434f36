"""What the model reads, as chat-completions messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session.content import InputImage
from session.items import UserMessage
from session.reading_order import Readable, ToolExchange


def render_messages(read: Sequence[Readable]) -> list[dict[str, Any]]:
    """Write what the model reads as chat-completions messages.

    Messages without words and images are left out.

    Args:
        read: The conversation in the order of `session.reading_order`.
    """
    messages: list[dict[str, Any]] = []
    for item in read:
        if isinstance(item, ToolExchange):
            messages += _tool_messages(item)
        elif isinstance(item, UserMessage) and item.images:
            messages.append({"role": "user", "content": _parts(item)})
        elif (text := item.text).strip():
            messages.append({"role": item.role, "content": text})
    return messages


def _parts(message: UserMessage) -> list[dict[str, Any]]:
    """Return texts and images in the client's order."""
    return [
        {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}}
        if isinstance(part, InputImage)
        else {"type": "text", "text": part.text}
        for part in message.content
        if isinstance(part, InputImage) or part.text.strip()
    ]


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
