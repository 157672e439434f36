"""Pipecat's own service for OpenAI Realtime, unmodified, in a pipeline like its example's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import LLMRunFrame, TranscriptionFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

from tests.foreign_clients.installed import QUARTER_SECOND
from tests.foreign_clients.pipecat_bot import PipecatBot, piped
from tests.support.running_server import RunningServer, running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running(scripted_settings(llm={"provider": "embedded"})) as running_server:
        yield running_server


@asynccontextmanager
async def bot(server: RunningServer, said: str) -> AsyncIterator[PipecatBot]:
    """Run a bot that has been told something."""
    weather = FunctionSchema(
        name="get_weather",
        description="Weather of a city",
        properties={"city": {"type": "string"}},
        required=["city"],
    )
    listening = AudioInput(transcription=InputAudioTranscription())
    service = OpenAIRealtimeLLMService(
        api_key="none",
        base_url=f"ws://127.0.0.1:{server.port}/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction="Be brief.",
            session_properties=SessionProperties(audio=AudioConfiguration(input=listening)),
        ),
    )

    async def get_weather(params: FunctionCallParams) -> None:
        await params.result_callback({"weather": f"21C and sunny in {params.arguments['city']}"})

    service.register_function("get_weather", get_weather)
    context = LLMContext([{"role": "user", "content": said}], ToolsSchema([weather]))
    context_pair = LLMContextAggregatorPair(context)
    async with piped(service, [context_pair.user()], [context_pair.assistant()]) as pipeline:
        yield pipeline


async def test_a_context_is_answered_aloud(server):
    async with bot(server, "hello") as pipeline:
        await pipeline.push(LLMRunFrame())
        await pipeline.answered(1)
        assert pipeline.text()
        assert len(pipeline.audio()) >= QUARTER_SECOND


async def test_a_spoken_turn_is_transcribed_and_answered(server):
    """The bot greets first, as bots do, so the turn also makes Pipecat truncate its greeting."""
    async with bot(server, "hello") as pipeline:
        await pipeline.push(LLMRunFrame())
        await pipeline.answered(1)
        greeting = len(pipeline.audio())
        await pipeline.speak()
        await pipeline.answered(2)
        await pipeline.until(lambda: bool(pipeline.of(TranscriptionFrame)))
        (heard,) = {frame.text for frame in pipeline.of(TranscriptionFrame)}
        assert heard == "hello there"
        assert len(pipeline.audio()) - greeting >= QUARTER_SECOND


async def test_a_function_is_called_and_its_result_spoken(server):
    async with bot(server, "what is the weather in Oslo?") as pipeline:
        await pipeline.push(LLMRunFrame())
        await pipeline.until(lambda: "21C" in pipeline.text())
        await pipeline.answered(2)
