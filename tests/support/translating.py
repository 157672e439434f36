"""A client of translation sessions, and a server whose model says every clause again."""

from __future__ import annotations

import base64
from typing import Any

from config import Settings
from tests.support.running_server import RunningServer, scripted_settings
from tests.support.wire_client import WireClient

STEP = 9600
"""200 ms of 24 kHz PCM, as the service wants it."""


def echoing(**changed: Any) -> Settings:
    """Scripted providers; the translation of a clause is the clause."""
    groups = {"llm": {"text": "{user}", "word_ms": 0}, "tts": {"ms_per_character": 10}, **changed}
    return scripted_settings(**groups)


def address(server: RunningServer, query: str = "model=gpt-realtime-translate") -> str:
    return f"{server.url.split('?')[0]}/translations" + (f"?{query}" if query else "")


async def append(wire: WireClient, pcm: bytes, step: int = STEP) -> None:
    for start in range(0, len(pcm), step):
        piece = base64.b64encode(pcm[start : start + step]).decode()
        await wire.send("session.input_audio_buffer.append", audio=piece)


async def update(wire: WireClient, **audio: Any) -> dict[str, Any]:
    await wire.send("session.update", session={"audio": audio})
    return await wire.until("session.updated")


async def close(wire: WireClient) -> None:
    """Close the session, and take all that it still says."""
    await wire.send("session.close")
    await wire.until("session.closed")


def text(wire: WireClient, kind: str = "output") -> str:
    """Return all of the translation, or with `input` of what was said."""
    return "".join(event["delta"] for event in wire.of(f"session.{kind}_transcript.delta"))


def audio(wire: WireClient) -> bytes:
    return b"".join(
        base64.b64decode(event["delta"]) for event in wire.of("session.output_audio.delta")
    )
