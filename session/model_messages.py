"""Items as the model reads them: chat-completions messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from wire.strict_json import in_whole_characters


def _content(message: UserMessage) -> str | list[dict[str, Any]]:
    text, images = message.text, message.images
    if not images:
        return text
    words = [{"type": "text", "text": text}] if text else []
    pictures = [
        {"type": "image_url", "image_url": {"url": image.url, "detail": image.detail}}
        for image in images
    ]
    return words + pictures


def render_messages(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Write items as chat-completions messages.

    A tool call is followed by its result wherever that stands, as model APIs require. Calls
    without a result and empty messages are left out.
    """
    results = {item.call_id: item for item in items if isinstance(item, FunctionCallOutput)}
    messages: list[dict[str, Any]] = []
    for item in items:
        match item:
            case UserMessage():
                if content := _content(item):
                    messages.append({"role": "user", "content": content})
            case AssistantMessage() | SystemMessage():
                if text := item.text:
                    messages.append({"role": item.role, "content": text})
            case FunctionCall() if item.call_id in results:
                messages += _call(item, results[item.call_id])
    return messages


def _call(call: FunctionCall, result: FunctionCallOutput) -> list[dict[str, Any]]:
    made = {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": in_whole_characters(call.arguments)},
    }
    return [
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {
            "role": "tool",
            "tool_call_id": call.call_id,
            "content": in_whole_characters(result.output),
        },
    ]
