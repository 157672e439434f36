"""Items as the model reads them: chat-completions messages."""

from __future__ import annotations

from typing import Any

from session.items import Item


def _content(item: Item) -> str | list[dict[str, Any]]:
    text, images = item.text, item.images
    if not images:
        return text
    words = [{"type": "text", "text": text}] if text else []
    pictures = [
        {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part["detail"]}}
        for part in images
    ]
    return words + pictures


def render_messages(items: list[Item]) -> list[dict[str, Any]]:
    """Write items as chat-completions messages.

    A tool call is followed by its result wherever that stands, as model servers insist; a call
    without a result yet is left out, and so are messages without words.
    """
    results = {item.call_id: item for item in items if item.type == "function_call_output"}
    messages: list[dict[str, Any]] = []
    for item in items:
        if item.type == "message":
            content = _content(item)
            if content:
                messages.append({"role": item.role, "content": content})
        elif item.type == "function_call" and item.call_id in results:
            call = {
                "id": item.call_id,
                "type": "function",
                "function": {"name": item.name, "arguments": item.arguments},
            }
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            result = results[item.call_id].output
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": result})
    return messages
