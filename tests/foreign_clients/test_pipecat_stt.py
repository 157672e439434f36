"""Pipecat's own streaming recogniser by OpenAI Realtime, unmodified, in a pipeline by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pipecat.frames.frames import (
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.services.openai.stt import OpenAIRealtimeSTTService

from tests.foreign_clients.pipecat_bot import PipecatBot, piped
from tests.support.running_server import RunningServer, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


def recogniser(server, turn_detection, **settings) -> OpenAIRealtimeSTTService:
    return OpenAIRealtimeSTTService(
        api_key="none",
        base_url=f"ws://127.0.0.1:{server.port}/v1/realtime",
        turn_detection=turn_detection,
        settings=OpenAIRealtimeSTTService.Settings(**settings),
    )


async def heard(pipeline: PipecatBot, count: int) -> None:
    await pipeline.until(lambda: len(pipeline.of(TranscriptionFrame)) == count)
    assert {frame.text for frame in pipeline.of(TranscriptionFrame)} == {"hello there"}
    assert pipeline.of(InterimTranscriptionFrame)


async def test_a_detector_of_its_own_commits_the_turns(server):
    """By default; the frame is the detector's, which stands before the service in a bot."""
    service = recogniser(server, False, delay="low", noise_reduction="near_field")
    async with piped(service) as pipeline:
        for count in (1, 2):
            await pipeline.speak()
            await pipeline.push(VADUserStoppedSpeakingFrame())
            await heard(pipeline, count)
        assert not pipeline.of(ProposedUserStartedSpeakingFrame)


async def test_turns_that_the_server_finds_are_transcribed(server):
    service = recogniser(server, {"type": "server_vad"}, model="gpt-transcribe", prompt="Hello.")
    async with piped(service) as pipeline:
        for count in (1, 2):
            await pipeline.speak()
            await heard(pipeline, count)
        assert pipeline.of(ProposedUserStartedSpeakingFrame)
        assert pipeline.of(ProposedUserStoppedSpeakingFrame)
