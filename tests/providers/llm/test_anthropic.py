"""Anthropic's models against a loopback server that speaks the Messages API."""

from __future__ import annotations

import pytest

from config import load_settings
from providers import llm
from session.ports import SILENCE
from tests.providers.fakes.model_server import Answer
from tests.providers.llm.message_rules import anthropic_faults
from tests.providers.model_vendors import (
    ANTHROPIC,
    KEY,
    answer,
    conversation,
    failure,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
VENDOR = ANTHROPIC

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


async def test_what_was_read_from_its_cache_or_written_to_it_counts_as_prompt(fake, wire):
    fake.cached, fake.written = 30, 5
    usage = (await answer(wire))["usage"]
    assert usage["input_token_details"]["text_tokens"] == 11 + 30 + 5
    assert usage["input_token_details"]["cached_tokens"] == 30
    assert usage["output_tokens"] == 7


@pytest.mark.parametrize("fault", ["cut", "reports"])
async def test_an_answer_that_fails_midway_costs_what_was_counted(fake, wire, fault):
    fake.cached, fake.written = 30, 0
    fake.fault, fake.faults_left = fault, 1
    fake.answer = Answer(["Hello from the fake"])
    await wire.say("hi")
    done = (await wire.until("response.done"))["response"]
    assert done["status"] == "failed"
    usage = done["usage"]
    assert usage["input_token_details"]["text_tokens"] == 11 + 30
    assert usage["input_token_details"]["cached_tokens"] == 30
    # It counts its own tokens at the end; until then one was told, and more were written.
    assert usage["output_token_details"]["text_tokens"] == 5


async def test_nothing_is_sent_that_nobody_asked_for(fake, wire):
    await answer(wire)
    asked = fake.asked[0]
    assert (asked["model"], asked["stream"]) == ("claude-x", True)
    assert asked["messages"] == [{"role": "user", "content": "hi"}]
    assert not {"temperature", "tool_choice", "output_config"} & asked.keys()


async def test_a_call_streams_in_pieces_and_one_without_arguments_has_empty_ones(fake, wire):
    fake.answer = Answer(["Let me see."], [("get_weather", {"city": "Oslo"}), ("get_time", {})])
    await wire.update(tools=TOOLS)
    _spoken, *calls = (await answer(wire))["output"]
    assert [call["arguments"] for call in calls] == ['{"city": "Oslo"}', "{}"]
    pieces = [event["delta"] for event in wire.of("response.function_call_arguments.delta")]
    assert len([piece for piece in pieces if piece]) == 3, "as they come"
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
    used = [b for m in messages for b in m["content"] if isinstance(b, dict) and "input" in b]
    assert [block["input"] for block in used] == [{"city": "Oslo"}, {}]


async def test_arguments_that_are_no_json_are_wrapped_in_an_object(fake, wire):
    call = {"type": "function_call", "call_id": "c1", "name": "get_time", "arguments": "now!"}
    await wire.send("conversation.item.create", item=call)
    result = {"type": "function_call_output", "call_id": "c1", "output": "noon"}
    await wire.send("conversation.item.create", item=result)
    assert (await answer(wire))["status"] == "completed"
    blocks = [b for m in fake.asked[0]["messages"] for b in m["content"] if isinstance(b, dict)]
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


async def test_a_greeting_is_not_the_first_and_ids_are_as_claude_wants_them(fake, wire):
    greeting = [{"type": "output_text", "text": "Hi!"}]
    await wire.send(
        "conversation.item.create",
        item={"type": "message", "role": "assistant", "content": greeting},
    )
    for output in ("sun", "rain"):
        call = {"type": "function_call", "call_id": "ruf.1", "name": "get_weather"}
        await wire.send("conversation.item.create", item={**call, "arguments": "{}"})
        result = {"type": "function_call_output", "call_id": "ruf.1", "output": output}
        await wire.send("conversation.item.create", item=result)
    await answer(wire)
    messages = fake.asked[0]["messages"]
    assert messages[0] == {"role": "user", "content": SILENCE}
    assert anthropic_faults(fake.asked[0]) == []
