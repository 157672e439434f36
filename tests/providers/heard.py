"""What the model knows to have been heard, when a client cuts an answer: through the socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from tests.providers.speaking import audio
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client

TOLD = "benchmarks.listen.server_side.told_llm:ToldLLM"
_PAUSE_MS = 90
_INTO_WORD_MS = 60
"""How far a cut reaches into the word behind a pause."""
_LOUD = 300


async def _say(wire: WireClient, told: dict[str, Any], **response: Any) -> dict[str, Any]:
    """Let the model do what it is told; return its message."""
    await wire.send("response.create", response={"instructions": json.dumps(told), **response})
    done = (await wire.until("response.done"))["response"]
    assert done["status"] == "completed", done
    item: dict[str, Any] = done["output"][0]
    return item


async def heard(
    tts: dict[str, Any], text: str, cuts_ms: Sequence[float], speed: float = 1.0
) -> list[str]:
    """Let a voice say a text, and cut it shorter and shorter.

    Args:
        tts: The settings of the voice.
        text: What it says.
        cuts_ms: Where the answer is cut: from its end to its beginning.
        speed: The session's speed.

    Returns:
        For each cut the model's message.
    """
    async with _said(tts, text, speed) as (wire, item):
        return [await _known(wire, item, cut) for cut in cuts_ms]


@asynccontextmanager
async def _said(
    tts: dict[str, Any], text: str, speed: float
) -> AsyncIterator[tuple[WireClient, dict[str, Any]]]:
    """Let a voice say a text; yields the session and the message."""
    settings = scripted_settings(tts=tts, llm={"provider": TOLD})
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"output": {"speed": speed}})
        yield wire, await _say(wire, {"say": text})


async def _known(wire: WireClient, item: dict[str, Any], cut_ms: float) -> str:
    """Cut a message; return what the model knows of it."""
    place = {"item_id": item["id"], "content_index": 0, "audio_end_ms": round(cut_ms)}
    await wire.send("conversation.item.truncate", **place)
    await wire.until("conversation.item.truncated")
    beside: dict[str, Any] = {"output_modalities": ["text"], "conversation": "none"}
    told = await _say(wire, {"read_back": True}, **beside)
    return str(told["content"][0]["text"])


async def heard_at_pauses(tts: dict[str, Any], text: str, speed: float) -> list[str]:
    """Let a voice say a text, and cut it a little behind each of its pauses, from the last on.

    Returns:
        For each cut the model's message.
    """
    async with _said(tts, text, speed) as (wire, item):
        ends = _pause_ends_ms(audio(wire), _PAUSE_MS / speed)
        return [await _known(wire, item, end + _INTO_WORD_MS) for end in reversed(ends)]


def _pause_ends_ms(pcm: bytes, pause_ms: float) -> list[float]:
    """Where it is loud again behind a pause."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > _LOUD)
    gaps = np.flatnonzero(np.diff(loud) > 24 * pause_ms)
    return [float(loud[gap + 1]) / 24 for gap in gaps]
