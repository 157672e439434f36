"""What is answered when, and that nothing an app sends can break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.assistant import texts
from providers.assistant.reply import reply
from tests.providers.assistant.asking import (
    NOW,
    SPOKEN,
    ask,
    assistant,
    called,
    returned,
    say,
    user,
)


@pytest.mark.parametrize(
    ("instructions", "answered"),
    [
        ("", texts.GREETING),
        ("You are a pirate. If asked about money, say that you have none.", texts.GREETING),
        ("Greet the user and ask how you can help.", texts.GREETING),
        ("Greet Anna warmly.", "Hello Anna! How can I help you?"),
        ("Greet the user in French.", "Bonjour ! Comment puis-je vous aider ?"),
        ("用中文问候用户。", texts.ZH_GREETING),
        ("Say exactly: Welcome to ACME. How can I help?", "Welcome to ACME. How can I help?"),
        ("You are nice. Say 'hi there' to the user.", "hi there"),
        ("Say hello. Be brief.", "hello."),
        ("Please say exactly “Goodbye”.", "Goodbye"),
    ],
)
def test_instructions_alone(instructions: str, answered: str) -> None:
    assert say(instructions=instructions) == answered


def test_instructions_matter_only_where_nothing_is_to_be_answered() -> None:
    order = "Say exactly: still there?"
    assert say("count to two", instructions=order) == "1, 2."
    assert say("count to two", assistant("1, 2."), instructions=order) == "still there?"
    system = {"role": "system", "content": order}
    assert say("count to two", assistant("1, 2."), system) == "still there?"


def test_a_turn_without_words_in_mid_conversation() -> None:
    # The session leaves such turns out: what comes last is what the assistant said.
    assert say("count to two", assistant("1, 2.")) == "Sorry, I did not catch that."
    assert say("你好", assistant("你好！")) == "抱歉，我没有听清。"
    assert say(assistant("Hello!")) == "Sorry, I did not catch that."
    assert say(assistant("Hello!"), instructions="Greet Anna.").startswith("Hello Anna!")


def test_a_result_that_came_while_the_user_was_talking() -> None:
    talk = [user("weather"), called(("a", "get_weather")), returned("a", "sun")]
    talk += [user("count to two"), assistant("1, 2.")]
    result = "The result of get weather is: sun."
    assert say(*talk) == result
    assert say(*talk, assistant(result)) == "Sorry, I did not catch that."
    assert say(*talk, user("count to two")) == "1, 2."


def test_content_in_parts() -> None:
    parts = [{"type": "text", "text": "count"}, {"type": "text", "text": "to three"}]
    assert say(user(parts)) == "1, 2, 3."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(["get_weather", "timer", "location", "count", "date", ""]) | st.text(
    max_size=8
)
KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | JSON,
            "properties": st.dictionaries(NAMES, inner, max_size=3) | JSON,
            "required": st.lists(NAMES, max_size=3) | JSON,
            "items": inner,
            "enum": st.lists(JSON, max_size=3) | JSON,
            "const": JSON,
            "default": JSON,
            "minimum": JSON,
            "maximum": JSON,
            "exclusiveMinimum": JSON,
            "minItems": JSON,
            "maxLength": JSON,
            "format": st.sampled_from(["date", "time", "date-time"]) | JSON,
            "anyOf": st.lists(inner, max_size=2) | JSON,
            "$ref": st.sampled_from(["#", "#/properties/date", "#/x"]) | JSON,
        },
    )


SCHEMAS = st.recursive(JSON, schemas, max_leaves=8)
PARTS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": SPOKEN}) | JSON, max_size=3
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from("ab"), "function": st.fixed_dictionaries({"name": NAMES})}
    )
    | JSON,
    max_size=2,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "user", "assistant", "tool", "system"]),
            "content": SPOKEN | PARTS | JSON.map(json.dumps) | JSON,
        },
        optional={"tool_calls": CALLS | JSON, "tool_call_id": st.sampled_from("ab") | JSON},
    )
    | JSON,
    max_size=6,
)
TOOL = st.fixed_dictionaries(
    {"name": NAMES}, optional={"type": st.just("function"), "parameters": schemas(SCHEMAS) | JSON}
)
CHOICES = (
    st.sampled_from(["auto", "none", "required", {"type": "function", "name": "timer"}]) | JSON
)


def required_of(parameters: Any) -> set[str]:
    required = parameters.get("required") if isinstance(parameters, dict) else None
    return (
        {name for name in required if isinstance(name, str)}
        if isinstance(required, list)
        else set()
    )


@given(MESSAGES, st.lists(TOOL | JSON, max_size=3), CHOICES, SPOKEN)
def test_never_raises_and_always_answers(
    messages: list[Any], tools: list[Any], choice: Any, instructions: str
) -> None:
    answer = reply(messages, tools, choice, instructions, NOW)
    assert answer.text or answer.tool_calls
    assert answer == reply(messages, tools, choice, instructions, NOW)


@given(SPOKEN, TOOL)
def test_arguments_have_every_required_key(said: str, offered: dict[str, Any]) -> None:
    answer = ask(said, tools=[offered], choice="required")
    for call in answer.tool_calls:
        json.dumps(call.arguments)
        assert required_of(offered.get("parameters")) <= set(call.arguments)
    assert len(answer.tool_calls) == (1 if offered["name"] else 0) or " and " in f" {said} "
