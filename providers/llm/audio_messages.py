"""What some models that hear ask of a conversation beyond what others do."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from audio.pcm import SAMPLE_RATE, silence, wav
from providers.llm.alternating_messages import Message

NOT_HEARD = "(The user said something here that was not written down.)"
"""What stands for audio that the model is not given."""
SILENCE_MS = 100
"""Enough for a sound that says nothing."""


def with_some_audio(messages: Sequence[Message]) -> list[Message]:
    """Return messages of which at least one has audio.

    OpenAI refuses a conversation without any ("This model requires that either input content or
    output modality contain audio"), also where the user has typed. So a short silence stands behind
    the last words of the user, or behind everything.
    """
    written = list(messages)
    if any(part["type"] == "input_audio" for one in written for part in _parts(one)):
        return written
    data = base64.b64encode(wav(silence(SILENCE_MS, SAMPLE_RATE), SAMPLE_RATE)).decode()
    audio = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    users = (place for place, one in enumerate(written) if one["role"] == "user")
    last = max(users, default=None)
    if last is None:
        return [*written, {"role": "user", "content": [audio]}]
    written[last] = {**written[last], "content": [*_parts(written[last]), audio]}
    return written


def newest_audio(messages: Sequence[Message], most: int) -> list[Message]:
    """Return messages of which only the newest pieces of audio are left; older ones are told of.

    Args:
        messages: In the form of chat completions.
        most: How many pieces are left.
    """
    left = most
    written: list[Message] = []
    for message in reversed(messages):
        parts: list[Message] = []
        for part in reversed(_parts(message)):
            heard = part["type"] == "input_audio"
            parts.insert(0, {"type": "text", "text": NOT_HEARD} if heard and not left else part)
            left -= heard and left > 0
        changed = isinstance(message.get("content"), list)
        written.insert(0, {**message, "content": parts} if changed else message)
    return written


def _parts(message: Message) -> list[Message]:
    content = message.get("content")
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []
