"""Keeps a conversation within the model's context window (§C.7).

Tokens are estimated (`session/usage.py`), so set the window a little below the model's own.
Instructions and tools are never dropped.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from session.heard_turns import HeardMessage
from session.ports import AUDIO_TOKENS_PER_S, FailureReason
from session.reading_order import Readable
from session.session_settings import Truncation
from session.usage import IMAGE_TOKENS, estimate_tokens
from wire.session_fields import RetentionRatio

Given = TypeVar("Given", bound=Readable | HeardMessage)


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
    read: Sequence[Given],
    instructions: str,
    truncation: Truncation,
    window: int | None,
    audio_tokens_per_s: float = AUDIO_TOKENS_PER_S,
) -> list[Given]:
    """Return what the model is given of what it could read: all, or the newest that fits.

    Args:
        read: The conversation in reading order, oldest first.
        instructions: The system prompt, which is never dropped.
        truncation: The session's truncation strategy (§C.7).
        window: The model's context window in tokens; None: unknown, only the client's limit counts.
        audio_tokens_per_s: Tokens that a second of audio takes of it, where the model hears.

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
        return list(read)
    total = sum(_tokens(item, audio_tokens_per_s) for item in read)
    if total <= limit:
        return list(read)
    if truncation == "disabled":
        raise ContextTooLong(total, limit)
    kept = deque(read)
    while kept and total > limit * ratio:
        total -= _tokens(kept.popleft(), audio_tokens_per_s)
    return list(kept)


def _tokens(item: Readable | HeardMessage, audio_tokens_per_s: float) -> int:
    pictures = sum(IMAGE_TOKENS[image.detail] for image in item.images)
    heard_s = item.clip.ms / 1000 if isinstance(item, HeardMessage) else 0.0
    return estimate_tokens(item.text) + pictures + math.ceil(heard_s * audio_tokens_per_s)
