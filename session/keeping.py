"""A session as data that outlives it: its settings and its items, for whoever resumes it (§D.10).

What is heard is not kept: a turn stays as its transcript, an answer as the words that the user has
heard. What was not over is not kept either, but for an answer, which is then incomplete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from session.content import AssistantAudio, InputImage, InputText, OutputText, UserAudio
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.mcp import McpError, McpServer
from session.mcp_items import McpCall

PICTURE = "[image]"
"""What stands where a picture was, which is not kept."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a session goes on from."""

    conversation_id: str
    items: tuple[Item, ...]
    lifetime_s: float
    """Seconds that are left of the session's lifetime."""


def keep_items(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Return the items of a conversation as JSON has them."""
    return [kept for item in items if (kept := _keep(item)) is not None]


def restore_items(kept: Iterable[dict[str, Any]]) -> tuple[Item, ...]:
    """Return the items that `keep_items` kept."""
    return tuple(_restore(one) for one in kept)


def _keep(item: Item) -> dict[str, Any] | None:
    match item:
        case UserMessage():
            parts = [*_user_parts(item)]
            return {**item.wire(), "content": parts} if parts else None
        case AssistantMessage():
            status = "completed" if item.status == "completed" else "incomplete"
            return {**item.wire(), "status": status, "content": [*map(_said, item.content)]}
        case FunctionCall(status="completed") | FunctionCallOutput() | SystemMessage():
            return item.wire()
        case McpCall() if item.result is not None:
            more = {"called": item.called, "ended_behind": list(item.ended_behind)}
            return {**item.wire(), **more}
    return None


def _user_parts(item: UserMessage) -> Iterator[dict[str, Any]]:
    for part in item.content:
        match part:
            case InputImage():
                yield InputText(PICTURE).wire()
            case UserAudio():
                if part.transcript is not None or part.text:
                    yield {**part.wire(), "text": part.text, "ms": part.ms}
            case _:
                yield part.wire()


def _said(part: OutputText | AssistantAudio) -> dict[str, Any]:
    if isinstance(part, OutputText):
        return part.wire()
    return {**part.wire(), "spoken": part.text, "ms": part.ms, "told_ms": part.told_ms}


def _restore(kept: dict[str, Any]) -> Item:
    item_id: str = kept["id"]
    match kept["type"], kept.get("role"):
        case "message", "user":
            return UserMessage(item_id, [*map(_heard, kept["content"])], kept["status"])
        case "message", "assistant":
            parts = [*map(_spoken, kept["content"])]
            return AssistantMessage(item_id, parts, kept["status"], phase=kept.get("phase"))
        case "message", _:
            texts = [InputText(part["text"]) for part in kept["content"]]
            return SystemMessage(item_id, texts, kept["status"])
        case "function_call", _:
            return FunctionCall(item_id, kept["call_id"], kept["name"], kept["arguments"])
        case "function_call_output", _:
            return FunctionCallOutput(item_id, kept["call_id"], kept["output"])
    error = kept["error"]
    return McpCall(
        item_id,
        McpServer(kept["server_label"]),
        kept["name"],
        kept["called"],
        kept["arguments"],
        kept["approval_request_id"],
        kept["output"] if error is None else McpError(**error),
        tuple(kept["ended_behind"]),
    )


def _heard(part: dict[str, Any]) -> InputText | UserAudio:
    if part["type"] == "input_text":
        return InputText(part["text"])
    return UserAudio(
        forgotten_ms=part["ms"], transcript=part["transcript"], text=part["text"], state="done"
    )


def _spoken(part: dict[str, Any]) -> OutputText | AssistantAudio:
    if "ms" not in part:
        return OutputText(part["text"], part["type"])
    return AssistantAudio(
        forgotten_ms=part["ms"],
        transcript=part["transcript"],
        text=part["spoken"],
        told_ms=part["told_ms"],
    )
