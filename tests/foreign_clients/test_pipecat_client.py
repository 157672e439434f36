"""Pipecat's own service for OpenAI Realtime, unmodified, in a pipeline like its example's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from audio.pcm import WIRE_RATE
from tests.foreign_clients.installed import QUARTER_SECOND
from tests.support.running_server import RunningServer, running, scripted_settings
from tests.support.wire_client import PATIENCE_S, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

F = TypeVar("F", bound=Frame)
STEP = WIRE_RATE // 10 * 2
"""100 ms, as a transport would deliver it."""


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running(scripted_settings(llm={"provider": "embedded"})) as running_server:
        yield running_server


class Tap(FrameProcessor):
    """Keeps what passes by in either direction."""

    def __init__(self, frames: list[Frame], news: asyncio.Condition) -> None:
        super().__init__()
        self._frames = frames
        self._news = news

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        async with self._news:
            self._frames.append(frame)
            self._news.notify_all()
        await self.push_frame(frame, direction)


class Bot:
    """A pipeline with the service between the two halves of a context."""

    def __init__(self, worker: PipelineWorker, frames: list[Frame], news: asyncio.Condition):
        self.frames = frames
        self._worker = worker
        self._news = news

    async def push(self, frame: Frame) -> None:
        await self._worker.queue_frame(frame)

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for frames. Pipecat takes every error from the server for the end of the session."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: condition() or bool(self.of(ErrorFrame)))
        assert not self.of(ErrorFrame)

    async def answered(self, count: int) -> None:
        await self.until(lambda: len(self.of(LLMFullResponseEndFrame)) >= count)

    def audio(self) -> bytes:
        return b"".join(frame.audio for frame in self.frames if isinstance(frame, TTSAudioRawFrame))

    def text(self) -> str:
        return "".join(frame.text for frame in self.frames if isinstance(frame, TTSTextFrame))


@asynccontextmanager
async def bot(server: RunningServer, said: str) -> AsyncIterator[Bot]:
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
    frames: list[Frame] = []
    news = asyncio.Condition()
    before, after = Tap(frames, news), Tap(frames, news)
    pipeline = Pipeline([context_pair.user(), before, service, after, context_pair.assistant()])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=WIRE_RATE, audio_out_sample_rate=WIRE_RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.create_task(runner.run())
    try:
        yield Bot(worker, frames, news)
    finally:
        await runner.cancel()
        await task
    assert not [frame for frame in frames if isinstance(frame, ErrorFrame)]


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
        spoken = speech()
        for start in range(0, len(spoken), STEP):
            piece = spoken[start : start + STEP]
            await pipeline.push(InputAudioRawFrame(piece, WIRE_RATE, 1))
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
