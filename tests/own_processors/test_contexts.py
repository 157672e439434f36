"""Contexts as processors leave them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pipecat.processors.aggregators.llm_context import LLMContext, LLMSpecificMessage

from own_processors.contexts import unfit_context

CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ENDLESS: list[Any] = []
ENDLESS.append({"type": "more", "more": ENDLESS})


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": "\U0001f600 \u00e9"},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "at": 1.5}]},
        {"role": "assistant", "tool_calls": [{**CALL, "index": 0, "ok": True}]},
        {"role": "assistant", "refusal": "I will not."},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]},
        {
            "role": "user",
            "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}],
        },
        {"role": "user", "content": [{"type": "of_a_vendor", "thing": 1}]},
        {"role": "tool", "tool_call_id": "a", "content": "{}"},
    ],
)
def test_what_a_model_can_be_asked_with_is_fit(message: dict[str, Any]):
    json.dumps(message)
    assert unfit_context(LLMContext([message])) is None  # type: ignore[list-item]


def test_a_message_in_the_form_of_a_service_is_the_services_to_judge():
    assert unfit_context(LLMContext([LLMSpecificMessage(llm="google", message=object())])) is None


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (5, "with a message that is no dict but int"),
        ({"role": object()}, "with a message that no JSON can hold (object)"),
    ],
)
def test_one_in_the_form_of_openais_has_to_be_an_object_of_json(message: Any, wrong: str):
    fit = LLMContext([LLMSpecificMessage(llm="openai", message={"role": "user", "content": "y"})])
    assert unfit_context(fit) is None
    assert unfit_context(LLMContext([LLMSpecificMessage("openai", message)])) == wrong


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ("Hello", "with a message that is no dict but str"),
        ({"content": "Hello"}, "with a message without a role"),
        ({"role": None, "content": "Hello"}, "with a message without a role"),
        ({"role": "user", "content": 7}, "with a message whose content is no text but int"),
        ({"role": "user", "content": ["Hello"]}, "has a part without a type"),
        ({"role": "user", "content": [{"text": "Hello"}]}, "has a part without a type"),
        ({"role": "user", "content": [{"type": "text"}]}, "has a part of type text without that"),
        ({"role": "user", "content": [{"type": "text", "text": 7}]}, "of type text without that"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "of type input_audio without"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "input_audio"),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": 5}}]},
            "of type input_audio without",
        ),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, "type image_url"),
        ({"role": "", "content": "Hello"}, "with a message without a role"),
        ({"role": "user"}, "with a message without content"),
        ({"role": "assistant", "content": None}, "with a message without content"),
        ({"role": "tool", "content": "x"}, "with a message of a tool without tool_call_id"),
        ({"role": "assistant", "tool_calls": 5}, "whose tool_calls are no list of calls"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "whose tool_calls are no list"),
        ({"role": "user", "content": "x\ud800"}, "that no JSON can hold (half a character)"),
        ({"role": "user", "content": "x", "\ud800": 1}, "no JSON can hold (half a character)"),
        ({"role": "user", "content": "x", "at": object()}, "that no JSON can hold (object)"),
        ({"role": "user", "content": "x", 7: 7}, "that no JSON can hold (int)"),
        ({"role": "user", "content": "x", "at": float("nan")}, "that no JSON can hold (nan)"),
        ({"role": "user", "content": ENDLESS}, "that no JSON can hold (nested too deeply)"),
    ],
)
def test_what_it_cannot_be_asked_with_is_told(message: Any, wrong: str):
    assert wrong in str(unfit_context(LLMContext([message])))


def test_what_is_no_context_is_told():
    assert unfit_context(None) == "that is no LLMContext but NoneType"
    context = LLMContext()
    context._messages = "Hello"  # type: ignore[assignment]
    assert unfit_context(context) == "whose messages are no list but str"


def test_tools_that_no_service_could_read_are_told():
    context = LLMContext()
    context._tools = 5  # type: ignore[assignment]
    assert unfit_context(context) == "whose tools are no ToolsSchema of functions"
    context = LLMContext()
    context._tool_choice = object()  # type: ignore[assignment]
    assert unfit_context(context) == "whose tool_choice no JSON can hold (object)"
