"""Drives the streaming recogniser of LiveKit's OpenAI plugin as an `AgentSession` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import stt, utils
from livekit.plugins import openai

from tests.foreign_clients.python import scenarios

Say = scenarios.Say


async def heard(stream: stt.SpeechStream, say: Say) -> None:
    """Speak, and say what comes, until the turn is counted: the last event of a turn.

    The input stays open meanwhile, as a microphone's does.
    """
    for piece in scenarios.speech():
        stream.push_frame(rtc.AudioFrame(piece, scenarios.RATE, 1, len(piece) // 2))
    async for event in stream:
        texts = [found.text for found in event.alternatives]
        languages = [str(found.language) for found in event.alternatives]
        say(event.type.value, texts=texts, languages=languages)
        if event.type is stt.SpeechEventType.RECOGNITION_USAGE:
            assert event.recognition_usage
            say("usage", audio_s=event.recognition_usage.audio_duration)
            return


async def listen(
    url: str, say: Say, between: Callable[[openai.STT], None] = lambda _: None, **options: Any
) -> None:
    """Speak two turns in one session."""
    base = url.replace("ws://", "http://").split("/realtime")[0]
    async with utils.http_context.open():
        recogniser = openai.STT(base_url=base, api_key="none", use_realtime=True, **options)
        async with recogniser.stream() as stream:
            await heard(stream, say)
            between(recogniser)
            await heard(stream, say)
        await recogniser.aclose()


async def server_turns(url: str, say: Say) -> None:
    await listen(url, say, model="gpt-4o-mini-transcribe", language="en-US")


async def detected_language(url: str, say: Say) -> None:
    await listen(
        url,
        say,
        model="my-own-recogniser",
        detect_language=True,
        noise_reduction_type="near_field",
        turn_detection={"silence_duration_ms": 300},
    )


async def context_hints(url: str, say: Say) -> None:
    """With other hints for the second turn."""

    def change(recogniser: openai.STT) -> None:
        recogniser.update_options(keywords=["flite", "slt"], language="en", prompt="A greeting.")

    model = "gpt-transcribe"
    await listen(url, say, change, model=model, language=["en", "de"], keywords=["flite"])


async def client_turns(url: str, say: Say) -> None:
    """Its own detector commits: it has the server detect nothing with these models."""
    await listen(url, say, model="gpt-live-transcribe")


async def gpt_realtime_whisper(url: str, say: Say) -> None:
    """As the last, with one language and no keywords."""
    await listen(url, say, model="gpt-realtime-whisper", language="en")


if __name__ == "__main__":
    scenarios.run(
        server_turns, detected_language, context_hints, client_turns, gpt_realtime_whisper
    )
