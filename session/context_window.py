"""Keeps a conversation within the model's context window (§C.7).

Tokens are estimated (`session/usage.py`), so set the window a little below the model's own.
Instructions and tools are never dropped; tool calls go together with their results.
"""

from __future__ import annotations

from collections import deque

from session.items import FunctionCall, FunctionCallOutput, Item
from session.ports import FailureReason
from session.session_settings import Truncation
from session.usage import IMAGE_TOKENS, estimate_tokens
from wire.session_fields import RetentionRatio


class ContextTooLong(Exception):
    """The conversation does not fit, and truncation is disabled."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} > {limit}")
        self.error = FailureReason(
            f"The conversation has about {tokens} tokens, more than the {limit} that the model "
            "reads, and truncation is disabled.",
            "context_length_exceeded",
            "invalid_request_error",
        )


def fit(
    items: list[Item], instructions: str, truncation: Truncation, window: int | None
) -> list[Item]:
    """Return the items that the model is given: all, or the newest that fit.

    Args:
        items: The conversation, oldest first.
        instructions: The system prompt, which is never dropped.
        truncation: The session's truncation strategy (§C.7).
        window: The model's context window in tokens; None: unknown, only the client's limit counts.

    Raises:
        ContextTooLong: The items do not fit and truncation is disabled.
    """
    ratio = 1.0
    limit = None if window is None else max(window - estimate_tokens(instructions), 0)
    if isinstance(truncation, RetentionRatio):
        ratio = truncation.retention_ratio
        own = truncation.token_limits.post_instructions if truncation.token_limits else None
        if own is not None:
            limit = own if limit is None else min(own, limit)
    if limit is None:
        return items
    total = sum(map(_tokens, items))
    if total <= limit:
        return items
    if truncation == "disabled":
        raise ContextTooLong(total, limit)
    kept = deque(items)
    dropped_calls: set[str] = set()
    while kept and total > limit * ratio:
        dropped = kept.popleft()
        total -= _tokens(dropped)
        call_id = _call_id(dropped)
        if call_id is not None and call_id not in dropped_calls:
            dropped_calls.add(call_id)
            total -= sum(_tokens(item) for item in kept if _call_id(item) == call_id)
            kept = deque(item for item in kept if _call_id(item) != call_id)
    return list(kept)


def _call_id(item: Item) -> str | None:
    return item.call_id if isinstance(item, FunctionCall | FunctionCallOutput) else None


def _tokens(item: Item) -> int:
    pictures = sum(IMAGE_TOKENS[image.detail] for image in item.images)
    return estimate_tokens(item.text) + pictures
