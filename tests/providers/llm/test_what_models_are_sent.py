"""Whatever happens in a session, what a model is sent is what its service takes.

Sessions are made of any items, answers, cancels and truncations; every response that they ask for
goes through every provider, to a fake that keeps what it was sent for `message_rules.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipecat.frames.frames import LLMContextFrame, LLMFullResponseEndFrame
from pydantic import SecretStr

from answering.response_pipeline import llm_context
from config import LLMConfig
from providers import llm
from providers.base import LLMProvider
from providers.llm.alternating_messages import write_messages
from session.ports import ResponseRequest
from tests.providers import stage
from tests.providers.fakes.anthropic import FakeAnthropic
from tests.providers.fakes.model_server import ModelServer
from tests.providers.llm.judges import ALL_FORMS, JUDGES
from tests.providers.llm.message_rules import anthropic_faults, chat_faults, gemini_faults
from tests.providers.model_vendors import (
    ANTHROPIC,
    GOOGLE,
    KEY,
    OLLAMA,
    OPENAI,
    PIXEL,
    Vendor,
)
from tests.support.running_server import serving
from tests.support.session_driver import Driver, of

Rules = Callable[[dict[str, Any]], list[str]]
GROQ = "pipecat.services.groq.llm:GroqLLMService"
CLAUDE = "pipecat.services.anthropic.llm:AnthropicLLMService"
TEXTS = ["Hello.", "", " ", "\n"]
OUTPUTS = ["21C", "", '{"sky": "blue"}', "[1]"]
ARGUMENTS = ["{}", '{"city": "Oslo"}', '{"city": "Os', "", "null", "[1]"]
CALL_IDS = ["call_a", "call_b", "call.c", "über", "123456789"]


@dataclass
class Play:
    """A session, and what was called in it."""

    driver: Driver = field(default_factory=Driver)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self, **item: Any) -> None:
        self.driver.send("conversation.item.create", item=item)

    def user(self, texts: list[str], image: bool) -> None:
        content: list[dict[str, Any]] = [{"type": "input_text", "text": text} for text in texts]
        if image:
            content.insert(1, {"type": "input_image", "image_url": PIXEL})
        self.create(type="message", role="user", content=content)

    def system(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.create(type="message", role="system", content=content)

    def greeting(self, text: str) -> None:
        content = [{"type": "output_text", "text": text}]
        self.create(type="message", role="assistant", content=content)

    def call(self, call_id: str, arguments: str) -> None:
        self.create(type="function_call", call_id=call_id, name="look_up", arguments=arguments)

    def result(self, call_id: str, output: str) -> None:
        self.create(type="function_call_output", call_id=call_id, output=output)

    def answer(self, text: str, calls: list[str], finished: bool) -> None:
        """Let the model answer; otherwise the client cancels it before it is done."""
        started = self.driver.respond()
        if not of(started, "response.created"):
            return
        if text:
            self.driver.text(text)
            self.driver.audio(500)
        for index, arguments in enumerate(calls):
            self.driver.call(arguments, index, f"call_{next(self.numbers):016}", "look_up")
        if finished:
            self.driver.finish("tool_calls" if calls else "stop")
        else:
            self.driver.send("response.cancel")

    def truncate(self, number: int, audio_ms: int) -> None:
        ids = self.driver.items()
        if ids:
            self.driver.send(
                "conversation.item.truncate",
                item_id=ids[number % len(ids)],
                content_index=0,
                audio_end_ms=audio_ms,
            )

    def delete(self, number: int) -> None:
        ids = self.driver.items()
        if ids:
            self.driver.send("conversation.item.delete", item_id=ids[number % len(ids)])


STEPS = st.one_of(
    st.builds(
        lambda texts, image: ("user", texts, image),
        st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3),
        st.booleans(),
    ),
    st.tuples(st.just("system"), st.sampled_from(TEXTS)),
    st.tuples(st.just("greeting"), st.sampled_from(TEXTS)),
    st.tuples(st.just("call"), st.sampled_from(CALL_IDS), st.sampled_from(ARGUMENTS)),
    st.tuples(st.just("result"), st.sampled_from(CALL_IDS), st.sampled_from(OUTPUTS)),
    st.tuples(
        st.just("answer"),
        st.sampled_from(TEXTS),
        st.lists(st.sampled_from(ARGUMENTS), max_size=2),
        st.booleans(),
    ),
    st.tuples(st.just("truncate"), st.integers(0, 20), st.sampled_from([0, 250])),
    st.tuples(st.just("delete"), st.integers(0, 20)),
)


def played(steps: list[tuple[Any, ...]], instructions: str) -> list[ResponseRequest]:
    """Return what the model is asked for in a session, to the last response."""
    play = Play()
    play.driver.update(instructions=instructions)
    for name, *arguments in steps:
        getattr(play, name)(*arguments)
    play.driver.respond()
    return play.driver.requests


@dataclass
class Served:
    """A provider, a fake of its vendor's service, and what that refuses."""

    name: str
    provider: LLMProvider
    fake: ModelServer
    rules: Rules


class Providers:
    """All providers, each with a fake of its vendor's service behind it."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._environment = self._stack.enter_context(pytest.MonkeyPatch.context())
        self._served: list[Served] = []
        self._local: list[LLMProvider] = []

    async def start(self) -> None:
        for vendor, rules in (
            (OPENAI, chat_faults),
            (OLLAMA, chat_faults),
            (ANTHROPIC, anthropic_faults),
            (GOOGLE, gemini_faults),
        ):
            await self._serve(vendor.name, vendor, {}, rules)
        as_written = {"options": {"messages": "as_written"}}
        await self._serve("openai as written", OPENAI, as_written, chat_faults)
        await self._serve("custom chat", OPENAI, {"provider": GROQ}, chat_faults)
        claude = FakeAnthropic()
        port = await self._stack.enter_async_context(serving(claude.app))
        self._environment.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{port}")
        config = LLMConfig(provider=CLAUDE, api_key=SecretStr(KEY))
        self._served.append(Served("custom", llm.load(config), claude, anthropic_faults))
        for name in ("embedded", "scripted"):
            options = {"first_token_ms": 0, "word_ms": 0}
            self._local.append(llm.load(LLMConfig(provider=name, options=options)))
        self._local.append(llm.load(LLMConfig(provider="tests.providers.own_backends:EchoLLM")))

    async def _serve(
        self, name: str, vendor: Vendor, changed: dict[str, Any], rules: Rules
    ) -> None:
        fake = vendor.fake()
        port = await self._stack.enter_async_context(serving(fake.app))
        config = vendor.settings(f"http://127.0.0.1:{port}", **changed).llm
        self._served.append(Served(name, llm.load(config), fake, rules))

    async def faults(self, request: ResponseRequest) -> list[str]:
        """Ask all for an answer; return what their services would refuse."""
        for served in self._served:
            served.fake.asked.clear()
        asked = [served.provider for served in self._served] + self._local
        errors = await asyncio.gather(*(_ask(provider, request) for provider in asked))
        refused = [
            f"{one.name}: {fault} in {_shown(one.fake)}"
            for one in self._served
            for fault in one.rules(one.fake.asked[0])
        ]
        return [*itertools.chain(*errors), *refused]

    async def stop(self) -> None:
        for served in self._served:
            await served.provider.close()
        await self._stack.aclose()


async def _ask(provider: LLMProvider, request: ResponseRequest) -> list[str]:
    async with stage.running(provider.create(request)) as pipeline:
        await pipeline.push(LLMContextFrame(await llm_context(request)))
        await pipeline.stage.until(LLMFullResponseEndFrame)
        return [error.error for error in pipeline.stage.errors]


def _shown(fake: ModelServer) -> str:
    asked = fake.asked[0]
    return json.dumps(asked.get("messages") or asked.get("contents"), indent=1)


@pytest.fixture(scope="module")
def faults() -> Iterator[Callable[[ResponseRequest], list[str]]]:
    """What services would refuse of a request."""
    with asyncio.Runner() as runner:
        providers = Providers()
        runner.run(providers.start())
        yield lambda request: runner.run(providers.faults(request))
        runner.run(providers.stop())


@given(st.lists(STEPS, max_size=10), st.sampled_from(["", "Be brief."]))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_service_takes_what_it_is_sent(faults, steps, instructions):
    for request in played(steps, instructions):
        assert faults(request) == []


@given(st.lists(STEPS, max_size=12), st.sampled_from(["", "Be brief."]))
@settings(max_examples=60, deadline=None)
def test_every_chat_template_takes_what_it_is_shown(steps, instructions):
    for request in played(steps, instructions):
        for form in ALL_FORMS:
            written = write_messages(form, request.messages, request.instructions)
            for judge in JUDGES:
                if form in judge.forms and judge.concerns(written):
                    judge.render(written)
