"""A simultaneous interpreter: speech in one language in, speech in another out, while you speak.

    pip install 'openai[realtime]'
    python examples/translate.py --to es --url http://localhost:8000/v1 --key YOUR-KEY

It listens to the microphone and plays the translation by ALSA's `arecord` and `aplay`
(`apt install alsa-utils`): wear headphones, or it will translate itself. Without a sound card,
files do:

    python examples/translate.py --to es --wav-in talk.wav --wav-out spanish.wav    # 24 kHz, mono

The server needs a language model that can translate; the embedded rules cannot.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import shutil
import wave
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any, Protocol

from openai import AsyncOpenAI, OpenAIError
from websockets.exceptions import WebSocketException

RATE = 24000
CHUNK = RATE * 2 // 5  # 200 ms, as the service wants it
ALSA = ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(RATE))


async def from_microphone() -> AsyncIterator[bytes]:
    """Yield what ALSA's default microphone hears."""
    process = await asyncio.create_subprocess_exec("arecord", *ALSA, stdout=PIPE)
    assert process.stdout is not None
    while pcm := await process.stdout.read(CHUNK):
        yield pcm
    raise SystemExit("arecord has ended: is a microphone connected? `arecord -l` lists them.")


def read_file(path: str) -> bytes:
    """Read a file of 24 kHz."""
    must = f"it must be a WAV file, mono, 16 bits, {RATE} Hz: sox IN -r {RATE} -c 1 -b 16 OUT.wav"
    try:
        with wave.open(path, "rb") as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
                raise SystemExit(f"{path} cannot be translated: {must}")
            return file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise SystemExit(f"{path} cannot be read ({error}): {must}") from None


async def from_file(pcm: bytes) -> AsyncIterator[bytes]:
    """Yield what a file holds, as fast as the server takes it."""
    for start in range(0, len(pcm), CHUNK):
        yield pcm[start : start + CHUNK]


class Output(Protocol):
    """Takes the translation."""

    async def play(self, pcm: bytes) -> None: ...

    async def close(self) -> None: ...


class Loudspeaker:
    """Plays by ALSA."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def play(self, pcm: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(pcm)
        await self._process.stdin.drain()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class File:
    """Writes a WAV file; the silence between clauses is left out."""

    def __init__(self, path: str) -> None:
        self._file = wave.open(path, "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)

    async def play(self, pcm: bytes) -> None:
        self._file.writeframes(pcm)

    async def close(self) -> None:
        self._file.close()


async def output(path: str | None) -> Output:
    """Return the file, or the loudspeaker where there is none."""
    if path is not None:
        return File(path)
    return Loudspeaker(await asyncio.create_subprocess_exec("aplay", *ALSA, stdin=PIPE))


async def send(connection: Any, audio: Any, sound: AsyncIterator[bytes]) -> None:
    """Send what is said; at its end, ask for the rest of the translation."""
    await connection.session.update(session={"audio": audio})
    async for pcm in sound:
        audio = base64.b64encode(pcm).decode()
        await connection.session.input_audio_buffer.append(audio=audio)
    await connection.session.close()


async def translate(given: argparse.Namespace) -> None:
    """Translate until the speaker, or the file, ends."""
    client = AsyncOpenAI(base_url=given.url, api_key=given.key)
    sound = from_file(read_file(given.wav_in)) if given.wav_in else from_microphone()
    audio: Any = {
        "input": {"transcription": {"model": "whisper-1"}} if given.captions else {},
        "output": {"language": given.to},
    }
    played = await output(given.wav_out)
    async with client.realtime.translations.connect(model="gpt-realtime-translate") as connection:
        sending = asyncio.create_task(send(connection, audio, sound))
        try:
            async for event in connection:
                if event.type == "session.output_audio.delta":
                    await played.play(base64.b64decode(event.delta))
                elif event.type == "session.output_transcript.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "session.input_transcript.delta":
                    print(f"\n[{event.delta.strip()}]", flush=True)
                elif event.type == "error" and event.error.type == "invalid_request_error":
                    raise SystemExit(event.error.message)
                elif event.type == "error":
                    print(f"\n({event.error.message})", flush=True)
                elif event.type == "session.closed":
                    break
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            await played.close()
    print()


def main() -> None:
    """Read the command line, and translate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://localhost:8000/v1", help="address of the server")
    parser.add_argument("--key", default="none", help="its API key, if it has any")
    parser.add_argument("--to", required=True, help="target language: es, de, pt-BR, …")
    parser.add_argument("--captions", action="store_true", help="print what was said, too")
    parser.add_argument("--wav-in", help="translate a file instead of the microphone")
    parser.add_argument("--wav-out", help="write the translation instead of playing it")
    given = parser.parse_args()
    for program, needed in (("arecord", not given.wav_in), ("aplay", not given.wav_out)):
        if needed and shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt install alsa-utils, or use files (-h).")
    try:
        asyncio.run(translate(given))
    except (OSError, OpenAIError, WebSocketException) as error:
        raise SystemExit(f"{given.url} does not translate: {error}") from None


if __name__ == "__main__":
    main()
