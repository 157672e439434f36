"""Drives wyoming-openai, by which Home Assistant hears and speaks, as Home Assistant does."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wyoming.asr import Transcribe, Transcript, TranscriptChunk
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.foreign_clients.python import scenarios

Say = scenarios.Say

WIDTH, CHANNELS = 2, 1
EARS = ("gpt-live-transcribe", "gpt-realtime-whisper", "my-own-recogniser")
MOUTH = "gpt-realtime-2.1-mini"


class Bridge:
    """The bridge, reached by its standard input and output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._writer, self._reader = process.stdin, process.stdout

    async def send(self, event: Eventable) -> None:
        await async_write_event(event.event(), self._writer)

    async def receive(self) -> Event:
        event = await async_read_event(self._reader)
        assert event, "the bridge has ended"
        return event


@asynccontextmanager
async def bridge(url: str) -> AsyncIterator[Bridge]:
    base = url.replace("ws://", "http://").split("/realtime")[0]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wyoming_openai", "--uri", "stdio://", "--languages", "en"),
        *("--stt-openai-url", base, "--stt-realtime-models", *EARS),
        *("--stt-prompt", "Commands for a house."),
        *("--tts-openai-url", base, "--tts-realtime-models", MOUTH, "--tts-voices", "alloy"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Bridge(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def hear(home: Bridge, say: Say, model: str) -> None:
    await home.send(Transcribe(name=model, language="en"))
    await home.send(AudioStart(scenarios.RATE, WIDTH, CHANNELS))
    for piece in scenarios.speech():
        await home.send(AudioChunk(scenarios.RATE, WIDTH, CHANNELS, piece))
    await home.send(AudioStop())
    while True:
        event = await home.receive()
        if TranscriptChunk.is_type(event.type):
            say("chunk", text=TranscriptChunk.from_event(event).text)
        elif Transcript.is_type(event.type):
            say("heard", model=model, transcript=Transcript.from_event(event).text)
            return
        elif Error.is_type(event.type):
            say("error", error=Error.from_event(event).text)
            return


async def transcription(home: Bridge, say: Say) -> None:
    """It opens a session for each command."""
    for model in EARS:
        await hear(home, say, model)


async def speech(home: Bridge, say: Say) -> None:
    """It has each text read aloud by a response beside the conversation."""
    await home.send(Synthesize("Good evening. The lights are on.", SynthesizeVoice(name="alloy")))
    spoken = 0
    while not AudioStop.is_type((event := await home.receive()).type):
        if AudioChunk.is_type(event.type):
            spoken += len(AudioChunk.from_event(event).audio)
        elif Error.is_type(event.type):
            say("error", error=Error.from_event(event).text)
            return
    say("audio", bytes=spoken)


if __name__ == "__main__":
    scenarios.run_through(bridge, transcription, speech)
