"""What Pipecat's adapters, which write messages in a vendor's own form, leave to us.

Anthropic, Amazon and Google refuse a conversation that the user does not begin; the first two also
ids of tool calls that occur twice or have other characters than they expect, as a client's may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from providers.llm.alternating_messages import Message, ShortIds
from session.ports import SILENCE


def adapter_messages(messages: Sequence[Message]) -> list[Message]:
    """Return messages that an adapter makes a valid conversation of.

    Args:
        messages: As in `ResponseRequest.messages`.
    """
    leading = next((n for n, one in enumerate(messages) if one["role"] != "system"), len(messages))
    written = [*messages[:leading], *_with_own_ids(messages[leading:])]
    if leading == len(messages) or messages[leading]["role"] != "user":
        written.insert(leading, {"role": "user", "content": SILENCE})
    return written


def _with_own_ids(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield messages in which each tool call has an id that no other has."""
    ids = ShortIds(messages)
    current: dict[str, str] = {}
    for message in messages:
        if calls := message.get("tool_calls"):
            current = {call["id"]: ids.next(call["id"]) for call in calls}
            named: list[dict[str, Any]] = [{**call, "id": current[call["id"]]} for call in calls]
            yield {**message, "tool_calls": named}
        elif message["role"] == "tool":
            yield {**message, "tool_call_id": current[message["tool_call_id"]]}
        else:
            yield message
