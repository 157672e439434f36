"""A voice satellite: a small Linux board, such as a Raspberry Pi, with microphone and loudspeaker.

    pip install websockets
    python examples/satellite.py --url ws://192.168.1.7:8000/v1/realtime --key YOUR-KEY

It streams 16 kHz PCM both ways, the rate of most small microphones, by ALSA's `arecord` and `aplay`
(`apt install alsa-utils`), and is hands-free: the server hears when you have finished, and when you
talk into an answer. Without a sound card, files do:

    python examples/satellite.py --wav-in question.wav --wav-out answer.wav    # 16 kHz, mono

An ESP32 does the same in C: `examples/esp32.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import shutil
import time
import wave
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

RATE = 16000
BYTES_PER_MS = RATE * 2 // 1000
CHUNK = 40 * BYTES_PER_MS
FORMAT = {"type": "audio/pcm", "rate": RATE}
SESSION = {
    "type": "realtime",
    "audio": {
        "input": {
            "format": FORMAT,
            "turn_detection": {"type": "server_vad"},
            "transcription": {"model": "whisper-1"},
        },
        "output": {"format": FORMAT},
    },
}


async def from_microphone() -> AsyncIterator[bytes]:
    """Yield what ALSA's default microphone hears."""
    command = ("arecord", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert process.stdout is not None
    with suppress(asyncio.IncompleteReadError):
        while True:
            yield await process.stdout.readexactly(CHUNK)
    await process.wait()
    raise EOFError("arecord has ended: is a microphone connected? `arecord -l` lists them.")


def read_sentence(path: str) -> bytes:
    """Read a file of 16 kHz, and add the silence that shows that the sentence is over."""
    must = f"it must be a WAV file, mono, 16 bits, {RATE} Hz: sox IN -r {RATE} -c 1 -b 16 OUT.wav"
    try:
        with wave.open(path, "rb") as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                raise SystemExit(f"{path} cannot be spoken: {must}")
            return file.readframes(file.getnframes()) + bytes(1000 * BYTES_PER_MS)
    except (OSError, EOFError, wave.Error) as error:
        raise SystemExit(f"{path} cannot be read ({error}): {must}") from None


async def from_file(pcm: bytes) -> AsyncIterator[bytes]:
    """Yield a sentence."""
    for start in range(0, len(pcm), CHUNK):
        yield pcm[start : start + CHUNK]


class Loudspeaker(Protocol):
    """Plays an answer."""

    async def play(self, pcm: bytes) -> None:
        """Add to what is played."""

    async def stop(self) -> None:
        """Forget what has not been played."""


class Alsa:
    """ALSA's default loudspeaker: one `aplay`, which is ended to silence it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def play(self, pcm: bytes) -> None:
        if self._process is None:
            command = ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE))
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stderr=DEVNULL
            )
        assert self._process.stdin is not None
        # Not drained: it takes no more than it plays, and events have to be read meanwhile.
        self._process.stdin.write(pcm)

    async def stop(self) -> None:
        if self._process is not None:
            # Without a sound card it has ended by itself.
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


class File:
    """Keeps an answer instead of playing it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._pcm = bytearray()

    async def play(self, pcm: bytes) -> None:
        self._pcm += pcm

    async def stop(self) -> None:
        self._pcm.clear()

    def save(self) -> None:
        """Write the file."""
        # Opened apart: `wave` itself leaves an exception behind if it cannot open a file.
        with open(self._path, "wb") as binary, wave.open(binary, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self._pcm)


async def converse(server: ClientConnection, speaker: Loudspeaker, once: bool) -> None:
    """Play the answers, and stop them when they are talked into.

    Args:
        server: The session.
        speaker: Plays them.
        once: Return after the first one.
    """
    item, began, sent_ms = "", 0.0, 0
    async for text in server:
        event: dict[str, Any] = json.loads(text)
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                print("You:", event["transcript"], flush=True)
            case "response.output_audio.delta":
                if event["item_id"] != item:
                    item, began, sent_ms = event["item_id"], time.monotonic(), 0
                pcm = base64.b64decode(event["delta"])
                sent_ms += len(pcm) // BYTES_PER_MS
                await speaker.play(pcm)
            case "response.output_audio_transcript.done":
                print("Assistant:", event["transcript"], flush=True)
            case "input_audio_buffer.speech_started":
                heard_ms = int((time.monotonic() - began) * 1000)
                if item and heard_ms < sent_ms:
                    # The answer was cut off: the server has to know what of it was heard.
                    await speaker.stop()
                    cut = {"item_id": item, "content_index": 0, "audio_end_ms": heard_ms}
                    await server.send(json.dumps({"type": "conversation.item.truncate", **cut}))
                item = ""
            case "response.done" if once:
                return
            case "error":
                print("The server says:", event["error"]["message"], flush=True)
    raise EOFError("The server has ended the session: is it up?")


async def listen(server: ClientConnection, audio: AsyncIterator[bytes]) -> None:
    """Send what is heard."""
    async for pcm in audio:
        append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
        await server.send(json.dumps(append))


async def main(arguments: argparse.Namespace) -> None:
    """Connect, and talk until it is interrupted, or for one turn if the input is a file."""
    programs = {"arecord": arguments.wav_in, "aplay": arguments.wav_out}
    for program, file in programs.items():
        if file is None and shutil.which(program) is None:
            raise SystemExit(
                f"{program} is missing: apt install alsa-utils, or use --wav-in, --wav-out."
            )
    headers = {"Authorization": f"Bearer {arguments.key}"}
    path = arguments.wav_in
    audio = from_microphone() if path is None else from_file(read_sentence(path))
    speaker = File(arguments.wav_out) if arguments.wav_out else Alsa()
    async with connect(arguments.url, additional_headers=headers, max_size=None) as server:
        await server.send(json.dumps({"type": "session.update", "session": SESSION}))
        try:
            # A microphone that fails ends both.
            async with asyncio.TaskGroup() as both:
                listening = both.create_task(listen(server, audio))
                await converse(server, speaker, once=path is not None)
                listening.cancel()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
    if isinstance(speaker, File):
        speaker.save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A voice satellite: 16 kHz in and out.")
    parser.add_argument("--url", default="ws://localhost:8000/v1/realtime")
    parser.add_argument("--key", default="none", help="API key, if the server has any")
    parser.add_argument("--wav-in", metavar="FILE", help="speak this file, not the microphone")
    parser.add_argument("--wav-out", metavar="FILE", help="keep the answer, do not play it")
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments))
    except KeyboardInterrupt:
        pass
    except EOFError as error:
        raise SystemExit(str(error)) from None
    except (OSError, WebSocketException) as error:
        if isinstance(error, OSError) and error.filename:
            raise SystemExit(f"{error}: name another file.") from None
        raise SystemExit(f"No session with {arguments.url} ({error}): is the server up?") from None
