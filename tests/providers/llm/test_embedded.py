"""The embedded language model in a real pipeline: what it pushes, and when it stops."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.asyncio.task_manager import TaskManager
from pipecat.workers.base_worker import WorkerParams

from config import LLMConfig
from providers.assistant.texts import STORY
from providers.base import ProviderSetupError
from providers.frames import CompletionFrame, ToolCallFrame
from providers.llm import embedded
from providers.llm.embedded import AssistantLLMService, EmbeddedLLM, EmbeddedLLMOptions
from session.ports import ResponseRequest

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string"}},
        "required": ["location"],
    },
}
TIMER = {"type": "function", "name": "set_timer"}


class Collector(FrameProcessor):
    """Keeps the frames of a response and passes them on."""

    def __init__(self, *, upstream: bool = False) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self._direction = FrameDirection.UPSTREAM if upstream else FrameDirection.DOWNSTREAM
        self._changed = asyncio.Condition()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            async with self._changed:
                self.frames.append(frame)
                self._changed.notify_all()
        await self.push_frame(frame, direction)

    async def seen(self, kind: type[Frame], count: int = 1) -> None:
        """Wait until `count` frames of a kind have passed."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)

    def of(self, kind: type[Frame]) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def text(self) -> str:
        return "".join(frame.text for frame in self.of(LLMTextFrame))

    @property
    def completion(self) -> CompletionFrame:
        (frame,) = self.of(CompletionFrame)
        assert isinstance(frame, CompletionFrame)
        return frame

    @property
    def calls(self) -> dict[int, tuple[str, str, str]]:
        """Index → call id, name and arguments, put together from the pieces."""
        calls: dict[int, tuple[str, str, str]] = {}
        for piece in self.of(ToolCallFrame):
            call_id, name, before = calls.get(piece.index, (piece.call_id, piece.function, ""))
            assert (call_id, name) == (piece.call_id, piece.function)
            calls[piece.index] = (call_id, name, before + piece.arguments)
        return calls


class Run:
    """A pipeline of the service between two collectors."""

    def __init__(self, service: AssistantLLMService) -> None:
        self.errors = Collector(upstream=True)
        self.out = Collector()
        self.worker = PipelineWorker(
            Pipeline([self.errors, service, self.out]),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            check_dangling_tasks=False,
        )

    async def answer(self) -> Collector:
        """Trigger the answer and wait for its end."""
        await self.trigger()
        await self.out.seen(LLMFullResponseEndFrame)
        return self.out

    async def trigger(self) -> None:
        await self.worker.queue_frame(LLMContextFrame(LLMContext()))


@asynccontextmanager
async def running(service: AssistantLLMService) -> AsyncIterator[Run]:
    run = Run(service)
    task = asyncio.create_task(run.worker.run(WorkerParams(task_manager=TaskManager())))
    try:
        yield run
        await run.worker.queue_frame(EndFrame())
        async with asyncio.timeout(20):
            await task
    finally:
        if not task.done():
            await run.worker.cancel()
            await asyncio.wait([task], timeout=20)


def request(text: str | None, **kwargs: Any) -> ResponseRequest:
    messages = [] if text is None else [{"role": "user", "content": text}]
    return ResponseRequest("resp_1", "You are helpful.", messages, **kwargs)


def service(asked: ResponseRequest, **options: Any) -> AssistantLLMService:
    created = EmbeddedLLM(LLMConfig(options=options)).create(asked)
    assert isinstance(created, AssistantLLMService)
    return created


async def answer(asked: ResponseRequest, **options: Any) -> Collector:
    async with running(service(asked, **options)) as run:
        return await run.answer()


async def test_text_is_streamed_word_by_word() -> None:
    out = await answer(request("count to five"))
    assert [f.text for f in out.of(LLMTextFrame)] == ["1,", " 2,", " 3,", " 4,", " 5."]
    assert out.completion.reason == "stop"


async def test_order_of_frames() -> None:
    out = await answer(request("count to one"))
    kinds = (LLMFullResponseStartFrame, LLMTextFrame, CompletionFrame, LLMFullResponseEndFrame)
    assert [type(f) for f in out.frames if isinstance(f, kinds)] == list(kinds)


async def test_text_without_spaces_is_streamed_too() -> None:
    out = await answer(request("你好"))
    assert out.text == "你好！有什么可以帮您？"
    assert len(out.of(LLMTextFrame)) > 5


async def test_instructions_alone_are_answered() -> None:
    out = await answer(ResponseRequest("resp_1", "Say exactly: Welcome back.", []))
    assert out.text == "Welcome back."


async def test_the_time_is_told_when_the_answer_is_due() -> None:
    told = AssistantLLMService(
        request("what time is it"), EmbeddedLLMOptions(), lambda: datetime(2029, 11, 22, 15, 5)
    )
    async with running(told) as run:
        assert (await run.answer()).text == "It is 3:05 PM."


async def test_tool_calls_come_in_pieces() -> None:
    asked = request("weather in london and set a timer", tools=[WEATHER, TIMER])
    out = await answer(asked)
    assert out.text == ""
    assert out.completion.reason == "tool_calls"
    assert {
        index: (name, json.loads(pieces)) for index, (_, name, pieces) in out.calls.items()
    } == {
        0: ("get_weather", {"location": "London"}),
        1: ("set_timer", {}),
    }
    assert len(out.of(ToolCallFrame)) > 3
    ids = {call_id for call_id, _, _ in out.calls.values()}
    assert len(ids) == 2
    for call_id in ids:
        assert call_id.startswith("call_")
        assert len(call_id) == 21
        assert call_id[5:].isalnum()
        assert call_id.isascii()


async def test_tool_choice_none_is_respected() -> None:
    out = await answer(request("weather in london", tools=[WEATHER], tool_choice="none"))
    assert out.calls == {}
    assert out.text.startswith("I heard")


async def test_a_limit_cuts_the_text() -> None:
    out = await answer(request("count to ten", max_output_tokens=3))
    assert out.text == "1, 2, 3,"
    assert out.completion.reason == "length"
    assert out.completion.usage is not None
    assert out.completion.usage.output_tokens <= 3


async def test_a_limit_that_suffices_cuts_nothing() -> None:
    out = await answer(request("count to ten", max_output_tokens=10))
    assert out.text.endswith(" 10.")
    assert out.completion.reason == "stop"


async def test_usage_is_four_characters_to_a_token() -> None:
    short = (await answer(request("say exactly 12345"))).completion.usage
    assert short is not None
    assert short.output_tokens == 2
    longer = (await answer(request("say exactly " + "12345" * 100))).completion.usage
    assert longer is not None
    assert longer.output_tokens == 125
    assert longer.input_tokens > short.input_tokens > 0
    called = (await answer(request("weather", tools=[WEATHER]))).completion.usage
    assert called is not None
    assert called.output_tokens > 0


async def test_a_pace_changes_nothing_but_the_time() -> None:
    out = await answer(request("count to three"), first_token_ms=5, word_ms="1.5")
    assert out.text == "1, 2, 3."


async def test_an_interruption_stops_the_answer() -> None:
    async with running(service(request("tell me a story"), word_ms=20)) as run:
        await run.trigger()
        await run.out.seen(LLMTextFrame, 3)
        await run.worker.queue_frame(InterruptionFrame())
        await run.out.seen(LLMFullResponseEndFrame)
        assert STORY.startswith(run.out.text)
        assert len(run.out.text) < len(STORY)
        assert run.out.of(CompletionFrame) == []


@pytest.mark.parametrize("options", [{}, {"word_ms": 20}, {"first_token_ms": 60_000}])
async def test_a_cancelled_pipeline_ends(options: dict[str, Any]) -> None:
    async with running(service(request("tell me a story"), **options)) as run:
        await run.trigger()
        await run.out.seen(LLMFullResponseStartFrame)
        await run.worker.cancel()
    assert len(run.out.text) < len(STORY)


async def test_others_run_while_it_speaks_at_full_speed() -> None:
    async with running(service(request("tell me a story"), long_word_ms=0)) as run:
        beside = 0

        async def count() -> None:
            nonlocal beside
            while True:
                beside += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        assert (await run.answer()).text == STORY
        counting.cancel()
        assert beside >= len(STORY.split())


async def test_a_failure_is_reported_and_the_response_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken rules")

    monkeypatch.setattr(embedded, "reply", fail)
    async with running(service(request("hello"))) as run:
        out = await run.answer()
        await run.errors.seen(ErrorFrame)
    assert "broken rules" in run.errors.of(ErrorFrame)[0].error
    assert out.of(CompletionFrame) == []


async def test_other_frames_pass() -> None:
    async with running(service(request("hello"))) as run:
        await run.worker.queue_frame(LLMTextFrame("from before"))
        await run.out.seen(LLMTextFrame)
        assert run.out.text == "from before"


@given(st.text())
def test_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(embedded._PIECE.findall(text)) == text


def test_label() -> None:
    label = EmbeddedLLM(LLMConfig()).label
    assert label == "embedded (rule-based assistant, for trying things out)"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"api_base": "http://localhost:11434/v1"}, "llm.api_base"),
        ({"temperature": 0.0}, "llm.temperature"),
        ({"options": {"top_k": 3}}, "llm.options.top_k"),
        ({"options": {"word_ms": -1}}, "llm.options.word_ms"),
        ({"options": {"word_ms": "fast"}}, "llm.options.word_ms"),
        ({"options": {"word_ms": True}}, "llm.options.word_ms"),
        ({"options": {"word_ms": None}}, "llm.options.word_ms"),
        ({"options": {"first_token_ms": math.nan}}, "llm.options.first_token_ms"),
        ({"options": {"first_token_ms": math.inf}}, "llm.options.first_token_ms"),
        ({"options": {"first_token_ms": [1]}}, "llm.options.first_token_ms"),
    ],
)
def test_settings_it_does_not_have_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ProviderSetupError) as refused:
        EmbeddedLLM(LLMConfig(**settings))
    message = str(refused.value)
    assert message.startswith(named)
    assert "\n" not in message
    assert ": " in message


async def test_a_long_answer_slows_down_so_that_it_can_be_interrupted() -> None:
    async with running(service(request("tell me a story"), long_word_ms=10**6)) as run:
        await run.trigger()
        await run.out.seen(LLMTextFrame, 50)
        await asyncio.sleep(0)
        assert len(run.out.of(LLMTextFrame)) == 50
        await run.worker.queue_frame(InterruptionFrame())
