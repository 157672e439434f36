"""Writes the audio in a request as Pipecat's contexts have it: a WAV file of 16 kHz in base64.

That is also the form of OpenAI's chat completions, of vLLM, llama.cpp and whoever speaks their API.
Encoders of models that hear take 16 kHz, whatever the session has.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from audio.clip import Clip
from audio.pcm import SAMPLE_RATE, wav
from hearing.cleaned_audio import cleaned, takes_long

Message = dict[str, Any]


async def written_out(messages: list[Message]) -> list[Message]:
    """Return the messages of a request with their audio in parts of chat completions.

    Args:
        messages: As in `session.ports.ResponseRequest`; they stay as they are.
    """
    return [
        {**message, "content": [await _written(part) for part in message["content"]]}
        if isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


async def _written(part: Message) -> Message:
    if part["type"] != "input_audio":
        return part
    clip: Clip = part["clip"]
    hard = takes_long(clip)
    data = await asyncio.to_thread(_in_base64, clip) if hard else _in_base64(clip)
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def _in_base64(clip: Clip) -> str:
    return base64.b64encode(wav(cleaned(clip), SAMPLE_RATE)).decode()
