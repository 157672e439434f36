"""Which tools are called, and how their results are spoken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.assistant import texts
from providers.assistant.reply import Answer, ToolCall
from session.ports import PENDING
from tests.providers.assistant.asking import (
    INTEGER,
    STRING,
    ask,
    assistant,
    called,
    returned,
    say,
    tool,
    user,
)

WEATHER = tool(
    "get_weather",
    ["location"],
    location=STRING,
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
TIMER = tool("set_timer", ["minutes"], minutes=INTEGER, label=STRING)
LIGHTS_ON = tool("turn_on_lights", ["room"], room={"enum": ["kitchen", "living_room"]})
LIGHTS_OFF = tool("turn_off_lights")
SEARCH = tool("search", ["query"], query=STRING)
TOOLS = [WEATHER, TIMER, LIGHTS_ON, LIGHTS_OFF, SEARCH]


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        ("what's the weather in london this morning", [("get_weather", {"location": "London"})]),
        ("hows the whether in new york city", [("get_weather", {"location": "New York City"})]),
        ("weather for Paris, France please", [("get_weather", {"location": "Paris, France"})]),
        (
            "weather in fahrenheit in rome",
            [("get_weather", {"location": "Rome", "unit": "fahrenheit"})],
        ),
        ("What's the weather in Oslo? I wonder", [("get_weather", {"location": "Oslo"})]),
        ("london weather", [("get_weather", {"location": "London"})]),
        ("what is the weather like", [("get_weather", {"location": "here"})]),
        ("get_weather", [("get_weather", {"location": "here"})]),
        ("set a timer for five minutes", [("set_timer", {"minutes": 5})]),
        ("timer 90 seconds", [("set_timer", {"minutes": 1})]),
        ("set a timer for two hours", [("set_timer", {"minutes": 120})]),
        ("set a timer for 3 minutes called tea", [("set_timer", {"minutes": 3, "label": "tea"})]),
        ('a timer "green tea"', [("set_timer", {"minutes": 1, "label": "green tea"})]),
        ("turn off the lights", [("turn_off_lights", {})]),
        ("lights on in the living room", [("turn_on_lights", {"room": "living_room"})]),
        ("turn the light on", [("turn_on_lights", {"room": "kitchen"})]),
        ("search for funny cats please", [("search", {"query": "funny cats"})]),
        (
            "weather in paris and set a timer for ten minutes",
            [("get_weather", {"location": "Paris"}), ("set_timer", {"minutes": 10})],
        ),
        (
            "weather in paris and the weather in rome",
            [("get_weather", {"location": "Paris"}), ("get_weather", {"location": "Rome"})],
        ),
    ],
)
def test_tools_are_called_by_name(said: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    answer = ask(said, tools=TOOLS)
    assert answer == Answer(tool_calls=tuple(ToolCall(*call) for call in calls))
    assert ask(said, tools=TOOLS, choice="none").tool_calls == ()


@pytest.mark.parametrize("said", ["tell me a joke", "repeat after me the weather is nice", "um"])
def test_tools_are_not_called_otherwise(said: str) -> None:
    assert ask(said, tools=TOOLS).text


def test_tool_choice_forces_a_call() -> None:
    assert ask("tell me a joke", tools=TOOLS, choice="required").tool_calls[0].name == "get_weather"
    assert ask("a timer", tools=TOOLS, choice="required").tool_calls[0].name == "set_timer"
    chosen = {"type": "function", "name": "search"}
    assert ask("repeat after me hello", tools=TOOLS, choice=chosen).tool_calls[0].name == "search"
    assert ask(tools=TOOLS, choice=chosen).tool_calls == (ToolCall("search", {"query": ""}),)
    assert ask("hello", tools=[], choice="required") == Answer(texts.GREETING)
    assert ask("hello", tools=TOOLS, choice={"type": "function", "name": "nope"}).text


def test_names_in_other_forms() -> None:
    assert ask("weather", tools=[tool("getWeather")]).tool_calls[0].name == "getWeather"
    assert ask("light bulb", tools=[tool("set-lightbulb")]).tool_calls[0].name == "set-lightbulb"
    assert ask("今天的天气怎么样", tools=[tool("天气")]).tool_calls[0].name == "天气"
    assert ask("terms and conditions", tools=[tool("terms_and_conditions")]).tool_calls


@pytest.mark.parametrize(
    ("content", "spoken"),
    [
        ("21C and sunny", "The result of get weather is: 21C and sunny."),
        ("It is fine!", "The result of get weather is: It is fine!"),
        (
            '{"temp_c": 21, "sky": "sunny"}',
            "The result of get weather is: temp c is 21, sky is sunny.",
        ),
        (
            '{"wind": {"speed": 3}, "ok": true}',
            "The result of get weather is: wind speed is 3, ok is yes.",
        ),
        ('["a", 1, null]', "The result of get weather is: a, 1, nothing."),
        ('"sunny"', "The result of get weather is: sunny."),
        ("[]", "The result of get weather is: empty."),
        ("", "The tool get weather is done."),
        ("null", "The tool get weather is done."),
        ('{"error": "no such city"}', "The tool get weather failed: no such city."),
        ([{"type": "text", "text": "rain"}], "The result of get weather is: rain."),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_results_are_spoken(content: Any, spoken: str, choice: str) -> None:
    talk = (user("weather"), called(("a", "get_weather")), returned("a", content))
    assert say(*talk, tools=TOOLS, choice=choice) == spoken


def test_parallel_results() -> None:
    calls = called(("a", "get_weather"), ("b", "set_timer"))
    spoken = "The result of get weather is: sun. The result of set timer is: 5."
    assert say("x", calls, returned("a", "sun"), returned("b", "5")) == spoken
    separate = [called(("a", "get_weather")), returned("a", "sun")]
    separate += [called(("b", "set_timer")), returned("b", "5")]
    assert say("x", *separate) == spoken
    assert say("x", calls, returned("a", "sun"), assistant("Sun."), returned("b", "5")) == (
        "The result of set timer is: 5."
    )


def test_results_in_chinese() -> None:
    talk = (user("天气"), called(("a", "get_weather")), returned("a", '{"temp": 21}'))
    assert say(*talk) == "get weather 的结果是：temp 是 21。"


def test_a_call_without_its_result() -> None:
    pending = (called(("a", "get_weather")), returned("a", PENDING))
    assert "get weather" in say("weather", *pending)
    assert say("weather", *pending, "count to two") == "1, 2."
    assert (
        say("weather", called(("a", "get_weather")), returned("a", "sun"), "count to two")
        == "1, 2."
    )


def test_long_results_are_cut() -> None:
    talk = (user("x"), called(("a", "get_weather")), returned("a", json.dumps(list(range(9999)))))
    assert len(say(*talk).split()) < 150
    assert say(user("x"), called(("a", "f")), returned("a", "[" * 100_000))
