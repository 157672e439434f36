"""Anthropic's models against a loopback server that speaks the Messages API."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from config import load_settings
from providers import llm
from providers.base import ProviderSetupError
from tests.providers.fakes.anthropic import FakeAnthropic
from tests.providers.fakes.model_server import Answer
from tests.providers.model_vendors import (
    ANTHROPIC,
    KEY,
    PIXEL,
    answer,
    conversation,
    failure,
    product,
    text_of,
    text_session,
)
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = [
    {
        "type": "function",
        "name": name,
        "description": f"Does {name}.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/city"}},
            "$defs": {"city": {"type": "string"}},
        },
    }
    for name in ("get_weather", "get_time")
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[tuple[FakeAnthropic, Any]]:
    async with product(ANTHROPIC) as pair:
        yield pair


@pytest_asyncio.fixture(loop_scope="module")
async def fake(stack) -> FakeAnthropic:
    fake: FakeAnthropic = stack[0]
    fake.asked.clear()
    fake.answer = Answer()
    fake.cached = fake.written = 0
    return fake


@pytest_asyncio.fixture(loop_scope="module")
async def wire(stack) -> AsyncIterator[WireClient]:
    async with text_session(stack[1]) as wire:
        yield wire


async def test_a_turn(fake, wire):
    fake.cached, fake.written = 30, 5
    await wire.update(instructions="Be brief.", max_output_tokens=50)
    response = await answer(wire)
    assert text_of(response) == "Hello from the fake."
    assert len(wire.of("response.output_text.delta")) == 4, "as it streams"
    asked = fake.asked[0]
    assert (asked["model"], asked["system"], asked["max_tokens"], asked["stream"]) == (
        "claude-x",
        "Be brief.",
        50,
        True,
    )
    assert asked["messages"] == [{"role": "user", "content": "hi"}]
    assert fake.headers[-1]["x-api-key"] == KEY
    assert not {"temperature", "tool_choice", "output_config"} & asked.keys()
    usage = response["usage"]
    assert usage["input_token_details"]["text_tokens"] == 11 + 30 + 5
    assert usage["input_token_details"]["cached_tokens"] == 30
    assert usage["output_tokens"] == 7


async def test_calls_stream_and_their_results_go_back(fake, wire):
    fake.answer = Answer(["Let me see."], [("get_weather", {"city": "Oslo"}), ("get_time", {})])
    await wire.update(tools=TOOLS)
    response = await answer(wire)
    spoken, *calls = response["output"]
    assert spoken["content"][0]["text"] == "Let me see."
    assert [(call["name"], call["arguments"]) for call in calls] == [
        ("get_weather", '{"city": "Oslo"}'),
        ("get_time", "{}"),
    ]
    assert all(len(call["call_id"]) <= 32 for call in calls)
    pieces = [event["delta"] for event in wire.of("response.function_call_arguments.delta")]
    assert len([piece for piece in pieces if piece]) == 3, "in pieces, as they come"
    assert [tool["input_schema"] for tool in fake.asked[0]["tools"]] == [
        tool["parameters"] for tool in TOOLS
    ]
    fake.answer = Answer(["Sunny."])
    for call in calls:
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
        await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    await wire.until("response.done")
    messages = fake.asked[1]["messages"]
    kinds = [
        [block["type"] for block in message["content"]]
        for message in messages
        if isinstance(message["content"], list)
    ]
    assert kinds.count(["tool_result"]) == 2
    used = [b for m in messages for b in m["content"] if isinstance(b, dict) and "input" in b]
    assert [block["input"] for block in used] == [{"city": "Oslo"}, {}]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", None, {"type": "auto"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (
            {"type": "function", "name": "get_time"},
            False,
            {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True},
        ),
    ],
)
async def test_the_choice_of_tools(fake, wire, choice, parallel, sent):
    wanted = {} if parallel is None else {"parallel_tool_calls": parallel}
    await wire.update(tools=TOOLS, tool_choice=choice, **wanted)
    await answer(wire)
    assert fake.asked[0]["tool_choice"] == sent


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("max_tokens", "max_output_tokens"),
        ("model_context_window_exceeded", "max_output_tokens"),
        ("refusal", "content_filter"),
    ],
)
async def test_an_answer_that_is_not_finished(fake, wire, finish, reason):
    fake.answer = Answer(finish=finish)
    response = await answer(wire)
    assert response["status"] == "incomplete"
    assert response["status_details"]["reason"] == reason


async def test_images_reach_the_model(fake, wire):
    content = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": PIXEL}]
    item = {"type": "message", "role": "user", "content": content}
    await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    await wire.until("response.done")
    sent = fake.asked[0]["messages"][0]["content"]
    image = next(part for part in sent if part["type"] == "image")
    assert image["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": PIXEL.partition(",")[2],
    }


async def test_a_conversation_that_openai_would_take(fake, wire):
    """Instructions alone, system messages first, and arguments that are no JSON."""
    await wire.update(instructions="Greet the caller.")
    await wire.send("response.create")
    assert (await wire.until("response.done"))["response"]["status"] == "completed"
    assert fake.asked[0]["messages"][0]["role"] == "user"
    await wire.send(
        "conversation.item.create",
        previous_item_id="root",
        item={
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "The caller is Ada."}],
        },
    )
    call = {"type": "function_call", "call_id": "c1", "name": "get_time", "arguments": "now!"}
    await wire.send("conversation.item.create", item=call)
    result = {"type": "function_call_output", "call_id": "c1", "output": "noon"}
    await wire.send("conversation.item.create", item=result)
    assert (await answer(wire))["status"] == "completed"
    asked = fake.asked[1]
    assert asked["system"] == "Greet the caller.\n\nThe caller is Ada."
    blocks = [b for m in asked["messages"] for b in m["content"] if isinstance(b, dict)]
    assert {"arguments": "now!"} in [block.get("input") for block in blocks]


@pytest.mark.parametrize("event", ["overloaded_error", "rate_limit_error", "unheard_of"])
async def test_errors_in_the_stream_count_as_what_they_are(fake, wire, event, monkeypatch):
    body = f'{{"type": "error", "error": {{"type": "{event}", "message": "Sorry"}}}}'
    monkeypatch.setattr(fake, "rest", lambda: [f"event: error\ndata: {body}\n\n"])
    error = failure(await answer(wire))
    expected = "rate_limit_exceeded" if event == "rate_limit_error" else "provider_error"
    assert (error["code"], f"{event}: Sorry" in error["message"]) == (expected, True)


async def test_effort_and_caching_where_they_mean_something():
    options = {"prompt_caching": True}
    async with conversation(
        ANTHROPIC, model="claude-sonnet-4-6", temperature=0.5, options=options
    ) as (fake, wire):
        await wire.update(reasoning={"effort": "minimal"})
        assert (await answer(wire))["status"] == "completed"
        asked = fake.asked[0]
        assert asked["output_config"] == {"effort": "low"}
        assert asked["temperature"] == 0.5
        assert asked["system"][0]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-5-20251101", True),
        ("claude-opus-5", True),
        ("claude-sonnet-4-5", False),
        ("claude-haiku-4-5-20251001", False),
        ("claude-3-5-haiku-latest", False),
    ],
)
async def test_a_model_without_effort_is_not_asked_for_it(model, thinks):
    group = {"provider": "anthropic", "api_key": KEY, "model": model}
    assert llm.load(load_settings(llm=group).llm).reasoning is thinks


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"api_key": None}, "ANTHROPIC_API_KEY"),
        ({"temperature": 1.5}, "REALTIME_LLM__TEMPERATURE"),
        ({"options": {"cache": True}}, "llm.options.cache"),
    ],
)
async def test_what_cannot_work_is_refused(changed, named, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    group = {"provider": "anthropic", "api_key": KEY, **changed}
    with pytest.raises(ProviderSetupError, match=named):
        llm.load(load_settings(llm=group).llm)


async def test_a_missing_package_is_answered_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "anthropic", None)
    monkeypatch.delitem(sys.modules, "providers.llm.anthropic", raising=False)
    group = {"provider": "anthropic", "api_key": KEY}
    with pytest.raises(ProviderSetupError, match=r"pip install -r requirements/anthropic\.txt"):
        llm.load(load_settings(llm=group).llm)
