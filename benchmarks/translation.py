"""How long after the last word of a clause its translation begins to sound (§B.14).

A speaker says sentences in real time, with pauses between them, into a translation session with
scripted providers: without delays, which leaves the server's own share and the pause that ends a
clause, and with delays as of real services.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from audio.pcm import read_wav, silence
from benchmarks import sessions_per_core as per_core
from benchmarks.clip import CHUNK_MS, speech_chunks
from benchmarks.local_server import DESCRIPTION, LLM, LocalServer, scripted_server
from clients.sdk import ClientError

PAUSE_MS = 1600
"""Silence behind each sentence: longer than its translation is due."""
TEXT = "Aquí está la traducción."
"""What the scripted model makes of every clause."""


@dataclass
class _Heard:
    """What one session has heard of its translation."""

    spoken: float | None = None
    """When the last word of a sentence was sent whose translation has not begun."""
    waits: list[float] = field(default_factory=list)
    """Seconds from the last word to the first audio, one for each sentence."""
    problem: str | None = None


async def _listen(socket: ClientConnection, heard: _Heard) -> None:
    clock = asyncio.get_running_loop().time
    async for raw in socket:
        event = json.loads(raw)
        if event["type"] == "error":
            heard.problem = event["error"]["message"]
            return
        if event["type"] == "session.output_audio.delta" and heard.spoken is not None:
            heard.waits.append(clock() - heard.spoken)
            heard.spoken = None


def _append(pcm: bytes) -> str:
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "session.input_audio_buffer.append", "audio": audio})


async def interpret(server: LocalServer, sentences: int) -> list[float]:
    """Speak so many sentences; return the seconds from the last word of each to its translation.

    Raises:
        ClientError: A sentence was not translated.
    """
    speech = [_append(chunk) for chunk in speech_chunks(read_wav(per_core.QUESTION))]
    pause = [_append(silence(CHUNK_MS))] * (PAUSE_MS // CHUNK_MS)
    heard = _Heard()
    loop = asyncio.get_running_loop()
    async with connect(f"{server.url}/translations", proxy=None, compression=None) as socket:
        listening = asyncio.create_task(_listen(socket, heard))
        due = loop.time()
        for _ in range(sentences):
            for place, frame in enumerate([*speech, *pause], start=1):
                due += CHUNK_MS / 1000
                await asyncio.sleep(max(due - loop.time(), 0))
                await socket.send(frame)
                if place == len(speech):
                    heard.spoken = loop.time()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    if heard.problem or len(heard.waits) < sentences:
        raise ClientError(
            f"Only {len(heard.waits)} of {sentences} sentences were translated within "
            f"{PAUSE_MS} ms: {heard.problem or 'is the machine busy?'}"
        )
    return heard.waits


def measure(sentences: int, *, instant: bool) -> dict[str, Any]:
    """Return the figures of a run, in ms."""
    delays = dict.fromkeys(LLM, 0) if instant else LLM
    options = {"text": TEXT, **delays}
    with scripted_server(instant=instant, LLM__OPTIONS=json.dumps(options)) as server:
        waits = [1000 * wait for wait in asyncio.run(interpret(server, sentences))]
    return {"median": median(waits), "p90": quantiles(waits, n=10)[-1], "sentences": len(waits)}


def main() -> None:
    """Print a line without delays, and one with them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", type=int, default=20, help="how many are said in each run")
    arguments = parser.parse_args()
    print("From the last word of a clause to the first audio of its translation.")
    for instant, told in ((True, "scripted providers without delays"), (False, DESCRIPTION)):
        found = measure(arguments.sentences, instant=instant)
        print(
            f"{found['median']:6.0f} ms median, {found['p90']:6.0f} ms 90 %, "
            f"{found['sentences']} clauses: {told}",
            flush=True,
        )


if __name__ == "__main__":
    main()
