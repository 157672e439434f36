"""Token accounting of a response (§E).

Text tokens are the provider's own count where it reports one, else an estimate of one token per
four characters. Audio tokens follow the length: 100 ms a token for the user, 50 ms for the
assistant. A model that reads transcripts is not given the audio, so user audio is counted in
addition to its transcript. Of one that hears (`llm.audio_input`) counts what it was given: its
provider's own count of audio, or an estimate, is a part of the input that it reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from session.content import UserAudio
from session.heard_turns import HeardMessage
from session.items import OutputItem
from session.ports import MediaTokens, TokenUsage
from session.reading_order import Readable

USER_MS_PER_TOKEN = 100
ASSISTANT_MS_PER_TOKEN = 50
CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = {"low": 85, "high": 765, "auto": 765}
"""Tokens of an image by its detail; an estimate, as models differ."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, rounding up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def no_usage() -> dict[str, Any]:
    """Return the usage of a response that never reached the model: all zeros (§B)."""
    return _usage(0, 0, 0, 0, 0, 0)


def response_usage(
    read: Sequence[Readable | HeardMessage],
    instructions: str,
    output: Sequence[OutputItem],
    reported: TokenUsage | None,
    *,
    so_far: bool = False,
) -> dict[str, Any]:
    """Count one response.

    Args:
        read: What the model read and heard.
        instructions: Its system prompt.
        output: The items it made.
        reported: The provider's count, if it gave one.
        so_far: Whether it counted before the model had ended: of its output there may be more.
    """
    made = sum(estimate_tokens(item.text) for item in output)
    if reported:
        text_in, text_out = reported.input_tokens, reported.output_tokens
        cached = reported.cached_tokens
        if so_far and not reported.media:
            text_out = max(text_out, made)
    else:
        text_in = estimate_tokens(instructions) + sum(estimate_tokens(item.text) for item in read)
        text_out = made
        cached = 0
    if reported and reported.media:
        return _as_told(reported, reported.media)
    heard = [item for item in read if isinstance(item, HeardMessage)]
    if reported and (heard or reported.audio_tokens is not None):
        own = reported.audio_tokens
        audio_in = min(sum(map(_audio_tokens, heard)) if own is None else own, text_in)
        text_in -= audio_in
    else:
        audio_in = sum(map(_audio_tokens, heard or read))
    audio_out = sum(map(_audio_tokens, output))
    image_in = sum(IMAGE_TOKENS[image.detail] for item in read for image in item.images)
    return _usage(text_in, audio_in, image_in, cached, text_out, audio_out)


def _as_told(text: TokenUsage, media: MediaTokens) -> dict[str, Any]:
    cached = text.cached_tokens + media.cached_audio + media.cached_image
    usage = _usage(
        text.input_tokens,
        media.audio_in,
        media.image_in,
        cached,
        text.output_tokens,
        media.audio_out,
    )
    usage["input_token_details"]["cached_tokens_details"] = {
        "text_tokens": text.cached_tokens,
        "audio_tokens": media.cached_audio,
        "image_tokens": media.cached_image,
    }
    return usage


def _audio_tokens(item: Readable | HeardMessage | OutputItem) -> int:
    audio = item.audio
    if audio is None:
        return 0
    by_user = isinstance(audio, UserAudio)
    return int(audio.ms / (USER_MS_PER_TOKEN if by_user else ASSISTANT_MS_PER_TOKEN))


def _usage(
    text_in: int, audio_in: int, image_in: int, cached: int, text_out: int, audio_out: int
) -> dict[str, Any]:
    return {
        "total_tokens": text_in + audio_in + image_in + text_out + audio_out,
        "input_tokens": text_in + audio_in + image_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": audio_in,
            "image_tokens": image_in,
            "cached_tokens": cached,
            "cached_tokens_details": {
                "text_tokens": cached,
                "audio_tokens": 0,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }
