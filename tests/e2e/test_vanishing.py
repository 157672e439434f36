"""Clients that go in the middle, at every event of a spoken turn: nothing of them stays."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from audio.pcm import silence
from tests.support.clips import FIRST, PAUSE_MS
from tests.support.leftovers import Leftovers
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.wire_client import client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = " ".join(f"word{n}" for n in range(40))
MOMENTS = [
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


@pytest.fixture(scope="module", params=[True, False], ids=["speculative", "patient"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[RunningServer]:
    settings = scripted_settings(
        llm={"text": ANSWER, "tool": "f", "arguments": '{"a": 1}'},
        vad={"speculative": request.param},
    )
    async with running(settings) as running_server:
        yield running_server


async def vanish(server: RunningServer, moment: str | None, *, politely: bool) -> list[str]:
    """Speak, and go at an event, or right after the last word; return what had come."""
    async with client(server.url) as wire:
        transcription = {"transcription": {"model": "whisper-1"}}
        await wire.update(audio={"input": transcription}, tools=[TOOL])
        if moment is None:
            await wire.append(FIRST + silence(PAUSE_MS), 9600)
            await wire.update()
        else:
            await wire.append(speech(), 9600)
        while moment is not None and moment not in wire.types():
            await wire.receive()
        if not politely:
            wire.socket.transport.abort()
        return wire.types()


@pytest.mark.parametrize("politely", [True, False], ids=["politely", "abruptly"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_whoever_goes_leaves_nothing(server: RunningServer, moment: str, politely: bool):
    before = Leftovers(server)
    assert moment in await vanish(server, moment, politely=politely)
    await before.none()


@pytest.mark.parametrize("politely", [True, False], ids=["politely", "abruptly"])
async def test_whoever_goes_in_a_pause_leaves_no_early_answer(
    server: RunningServer, politely: bool
):
    before = Leftovers(server)
    came = await vanish(server, None, politely=politely)
    assert "input_audio_buffer.speech_started" in came
    assert "input_audio_buffer.speech_stopped" not in came
    await before.none()


async def test_whoever_never_speaks_leaves_nothing_either(server: RunningServer):
    before = Leftovers(server)
    for _ in range(5):
        async with client(server.url):
            pass
    await before.none()
