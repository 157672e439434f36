"""A conversation that a server has recorded, for those who read it."""

from __future__ import annotations

from pathlib import Path

from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import client, speech


async def recorded(folder: Path, **changed: object) -> Path:
    """Hold a conversation with a server that records it; returns the file of its lines."""
    recording = {"dir": folder, **changed}
    settings = scripted_settings(recording=recording, stt={"text": "what is the weather"})
    async with running(settings) as server:
        async with client(server.url) as wire:
            await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await wire.append(speech())
            await wire.until("response.done")
            await wire.say("and tomorrow </script>")
            await wire.until("response.done")
            await wire.send("no.such.event")
            await wire.until("error")
        await server.emptied()
    return found(folder)


def found(folder: Path) -> Path:
    """Return the only recording of a folder."""
    (path,) = folder.glob("*.jsonl")
    return path
