"""What the model knows to have been heard, when a client cuts an answer: through the socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client

TOLD = "benchmarks.listen.server_side.told_llm:ToldLLM"


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
    settings = scripted_settings(tts=tts, llm={"provider": TOLD})
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"output": {"speed": speed}})
        item = await _say(wire, {"say": text})
        found = []
        for cut in cuts_ms:
            place = {"item_id": item["id"], "content_index": 0, "audio_end_ms": round(cut)}
            await wire.send("conversation.item.truncate", **place)
            await wire.until("conversation.item.truncated")
            told = await _say(
                wire, {"read_back": True}, output_modalities=["text"], conversation="none"
            )
            found.append(told["content"][0]["text"])
        return found
