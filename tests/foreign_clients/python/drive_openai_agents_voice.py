"""Drives the streaming recogniser of openai-agents (`agents.voice`) as its `VoicePipeline` does."""

from __future__ import annotations

import numpy as np
from agents import set_tracing_disabled
from agents.voice import OpenAIVoiceModelProvider, StreamedAudioInput, STTModelSettings

from tests.foreign_clients.python import scenarios

Say = scenarios.Say


async def hear(url: str, say: Say, model: str | None, settings: STTModelSettings) -> None:
    """Speak twice, end the input, and say what comes until the session ends by itself."""
    base = url.replace("ws://", "http://").split("/realtime")[0]
    provider = OpenAIVoiceModelProvider(api_key="none", base_url=base)
    microphone = StreamedAudioInput()
    session = await provider.get_stt_model(model).create_session(
        microphone,
        settings,
        trace_include_sensitive_data=False,
        trace_include_sensitive_audio_data=False,
    )
    for _ in range(2):
        for piece in scenarios.speech():
            await microphone.add_audio(np.frombuffer(piece, np.int16))
    await microphone.add_audio(None)
    async for turn in session.transcribe_turns():
        say("turn", text=turn)


async def defaults(url: str, say: Say) -> None:
    await hear(url, say, None, STTModelSettings())


async def hints(url: str, say: Say) -> None:
    await hear(
        url,
        say,
        "gpt-live-transcribe",
        STTModelSettings(language="en", keywords=["flite"], prompt="A greeting."),
    )


async def server_vad(url: str, say: Say) -> None:
    await hear(
        url,
        say,
        "gpt-4o-transcribe",
        STTModelSettings(language="en", turn_detection={"type": "server_vad"}),
    )


async def end_of_input(url: str, say: Say) -> None:
    """The input ends in mid-turn, as the silence that would end it is a long one."""
    turn_detection = {"type": "server_vad", "silence_duration_ms": 5000}
    await hear(url, say, "gpt-4o-transcribe", STTModelSettings(turn_detection=turn_detection))


if __name__ == "__main__":
    set_tracing_disabled(True)
    scenarios.run(defaults, hints, server_vad, end_of_input)
