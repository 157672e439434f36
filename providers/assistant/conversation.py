"""What the built-in assistant needs to know of a conversation, read from its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from typing import Any

from providers.assistant.words import text_of
from session.ports import PENDING

_SPOKEN = ("user", "assistant", "tool")


class Talk:
    """A conversation in chat-completions form, reduced to what the rules use."""

    def __init__(self, messages: Sequence[Any]) -> None:
        turns = [m for m in messages if isinstance(m, Mapping)]
        spoken = [m for m in turns if m.get("role") in _SPOKEN]
        said = [text_of(m.get("content")) for m in spoken if m.get("role") == "user"]
        self.heard = said[-1] if said else None
        """What the user said last; None if the user has said nothing at all."""
        self.earlier = [text for text in said[:-1] if text.strip()]
        self.answers = [
            text
            for m in spoken
            if m.get("role") == "assistant" and (text := text_of(m.get("content")).strip())
        ]
        last = spoken[-1].get("role") if spoken else None
        self.unanswered = last == "user"
        names = {call_id: name for m in spoken for call_id, name in _calls(m).items()}
        trailing = _trailing_results(spoken, names) if last == "tool" else []
        self.results = [(name, content) for name, content in trailing if content != PENDING]
        """Name and content of the tool results at the end."""
        self.late_results = [
            _result(m, names)
            for m, following in pairwise(spoken)
            if m.get("role") == "tool"
            and m.get("content") != PENDING
            and following.get("role") == "user"
        ]
        """Tool results that arrived while the user spoke, and were not spoken yet."""
        self.waiting_for = [name for name, content in trailing if content == PENDING]
        """Names of the tools that were called last and have not returned."""
        notes = takewhile(lambda m: m.get("role") not in _SPOKEN, reversed(turns))
        self.notes = [text_of(m.get("content")) for m in notes]
        """System messages after the last turn, the latest first."""


def _calls(message: Mapping[str, Any]) -> dict[str, str]:
    """Return the tool calls of an assistant message: id → name."""
    calls = message.get("tool_calls")
    found: dict[str, str] = {}
    for call in calls if isinstance(calls, list | tuple) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if isinstance(name, str):
            found[str(call.get("id"))] = name
    return found


def _result(message: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, Any]:
    name = names.get(str(message.get("tool_call_id"))) or message.get("name")
    return (name if isinstance(name, str) else "", message.get("content"))


def _trailing_results(
    spoken: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[tuple[str, Any]]:
    """Return the tool results at the end of a conversation, each with its function's name."""
    results: list[tuple[str, Any]] = []
    for message in reversed(spoken):
        if message.get("role") == "tool":
            results.append(_result(message, names))
        elif not _calls(message) or text_of(message.get("content")).strip():
            break
    return results[::-1]
