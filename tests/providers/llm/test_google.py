"""Google's models against a loopback server that speaks the Gemini API."""

from __future__ import annotations

import pytest

from config import load_settings
from providers import llm
from tests.providers.fakes.model_server import Answer
from tests.providers.model_vendors import (
    GOOGLE,
    KEY,
    PIXEL,
    TOOLS,
    answer,
    conversation,
    failure,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
VENDOR = GOOGLE


async def test_nothing_is_sent_that_nobody_asked_for(fake, wire):
    await wire.update(instructions="Be brief.", max_output_tokens=50)
    usage = (await answer(wire))["usage"]
    asked = fake.asked[0]
    assert asked["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert asked["generationConfig"] == {"maxOutputTokens": 50}
    assert usage["input_token_details"]["text_tokens"] == 11
    assert usage["input_token_details"]["cached_tokens"] == 4
    assert usage["output_tokens"] == 7


async def test_an_answer_that_is_cut_short_costs_what_was_counted(fake, wire):
    fake.fault, fake.faults_left = "cut", 1
    await wire.say("hi")
    done = (await wire.until("response.done"))["response"]
    assert done["status"] == "failed"
    assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (11, 2)


async def test_results_go_back_under_the_names_of_their_functions(fake, wire):
    fake.answer = Answer([], [("get_weather", {"city": "Oslo"}), ("get_time", {"city": "Rome"})])
    await wire.update(tools=TOOLS)
    calls = (await answer(wire))["output"]
    fake.answer = Answer(["Sunny."])
    for call in calls:
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
        await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    await wire.until("response.done")
    parts = [part for content in fake.asked[1]["contents"] for part in content["parts"]]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    assert [result["name"] for result in results] == ["get_weather", "get_time"]


async def test_a_call_and_what_was_said_before_it_are_one_turn(fake, wire):
    fake.answer = Answer(["Let me see."], [("get_weather", {"city": "Oslo"})])
    await wire.update(tools=TOOLS)
    (call,) = (await answer(wire))["output"][1:]
    item = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
    await wire.send("conversation.item.create", item=item)
    await answer(wire, "Well?")
    told = [(turn["role"], [*map(set, turn["parts"])]) for turn in fake.asked[1]["contents"]]
    assert [(role, [kind - {"thoughtSignature"} for kind in kinds]) for role, kinds in told] == [
        ("user", [{"text"}]),
        ("model", [{"text"}, {"functionCall"}]),
        ("user", [{"functionResponse"}]),
        ("user", [{"text"}]),
    ]


async def test_the_instructions_are_never_the_users_words(fake, wire):
    content = [{"type": "input_image", "image_url": PIXEL}]
    await wire.update(instructions="Be brief.")
    item = {"type": "message", "role": "user", "content": content}
    await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    await wire.until("response.done")
    assert fake.told(fake.asked[0]).system == "Be brief."
    assert fake.told(fake.asked[0]).messages == []


async def test_one_call_where_only_one_may_be(fake, wire):
    fake.answer = Answer([], [("get_weather", {"city": "Oslo"}), ("get_time", {"city": "Rome"})])
    await wire.update(tools=TOOLS, parallel_tool_calls=False)
    response = await answer(wire)
    assert [item["name"] for item in response["output"]] == ["get_weather"]


async def test_a_blocked_prompt(fake, wire):
    fake.blocked = True
    response = await answer(wire)
    assert response["status"] == "incomplete"
    assert response["status_details"]["reason"] == "content_filter"


async def test_a_call_that_the_model_garbled_is_a_failure(fake, wire):
    fake.answer = Answer(finish="MALFORMED_FUNCTION_CALL")
    assert "MALFORMED_FUNCTION_CALL" in failure(await answer(wire))["message"]


async def test_a_bad_key_is_answered_with_400_and_the_remedy_says_so(fake, wire):
    fake.fault, fake.faults_left = 400, 1
    assert "GOOGLE_API_KEY" in failure(await answer(wire))["message"]


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gemini-3.6-flash", "high", {"thinkingLevel": "HIGH"}),
        ("gemini-3.6-flash", "xhigh", {"thinkingLevel": "HIGH"}),
        ("gemini-3.6-flash", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 0}),
    ],
)
async def test_effort_in_the_words_of_each_generation(model, effort, sent):
    async with conversation(GOOGLE, model=model, temperature=0.5) as (fake, wire):
        await wire.update(reasoning={"effort": effort})
        assert (await answer(wire))["status"] == "completed"
        config = fake.asked[0]["generationConfig"]
        thinking = config["thinkingConfig"]
        if "thinkingLevel" in thinking:
            thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
        assert thinking == sent
        assert config["temperature"] == 0.5


@pytest.mark.parametrize(
    ("model", "thinks"),
    [("gemini-3.6-flash", True), ("models/gemini-2.5-pro", True), ("gemini-2.0-flash", False)],
)
async def test_a_model_that_does_not_think_is_not_asked_to(model, thinks):
    group = {"provider": "google", "api_key": KEY, "model": model}
    provider = llm.load(load_settings(llm=group).llm)
    assert provider.reasoning is thinks
    await provider.close()
