"""Keeps a conversation within the model's context window (§C.7).

Tokens are estimated (`session/usage.py`), so set the window a little below the model's own.
Instructions and tools are never dropped.
"""

from __future__ import annotations

from collections import deque

from session.ports import FailureReason
from session.reading_order import Readable
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
    read: list[Readable], instructions: str, truncation: Truncation, window: int | None
) -> list[Readable]:
    """Return what the model is given of what it could read: all, or the newest that fits.

    Args:
        read: The conversation in reading order, oldest first.
        instructions: The system prompt, which is never dropped.
        truncation: The session's truncation strategy (§C.7).
        window: The model's context window in tokens; None: unknown, only the client's limit counts.

    Raises:
        ContextTooLong: It does not fit and truncation is disabled.
    """
    ratio = 1.0
    limit = None if window is None else max(window - estimate_tokens(instructions), 0)
    if isinstance(truncation, RetentionRatio):
        ratio = truncation.retention_ratio
        own = truncation.token_limits.post_instructions if truncation.token_limits else None
        if own is not None:
            limit = own if limit is None else min(own, limit)
    if limit is None:
        return read
    total = sum(map(_tokens, read))
    if total <= limit:
        return read
    if truncation == "disabled":
        raise ContextTooLong(total, limit)
    kept = deque(read)
    while kept and total > limit * ratio:
        total -= _tokens(kept.popleft())
    return list(kept)


def _tokens(item: Readable) -> int:
    pictures = sum(IMAGE_TOKENS[image.detail] for image in item.images)
    return estimate_tokens(item.text) + pictures
