"""What the model reads of a conversation: tool calls with their results, and content parts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.content import InputImage, InputText, OutputText
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Status,
    SystemMessage,
    UserMessage,
)
from session.model_messages import render_messages
from session.ports import PENDING
from session.reading_order import ToolExchange, reading_order

PICTURE = "data:image/png;base64,AAAA"


def user(text: str) -> UserMessage:
    return UserMessage(f"item_{text}", [InputText(text)])


def answer(text: str) -> AssistantMessage:
    return AssistantMessage(f"item_{text}", [OutputText(text)])


def call(call_id: str = "c", arguments: str = "{}", status: Status = "completed") -> FunctionCall:
    return FunctionCall(f"item_call_{call_id}", call_id, "look_up", arguments, status)


def result(output: str, call_id: str = "c") -> FunctionCallOutput:
    return FunctionCallOutput(f"item_result_{output}", call_id, output)


def read(*items: Item) -> list[tuple[str, Any]]:
    """Role and content of each message; calls as `call` and the id that both sides have."""
    told: list[tuple[str, Any]] = []
    for message in render_messages(reading_order(items)):
        if "tool_calls" in message:
            (made,) = message["tool_calls"]
            told.append(("call", made["id"]))
        elif message["role"] == "tool":
            assert told[-1] == ("call", message["tool_call_id"])
            told.append(("tool", message["content"]))
        else:
            told.append((message["role"], message["content"]))
    return told


def test_a_call_is_followed_by_its_result():
    expected = [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "look_up", "arguments": '{"x":1}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]
    assert render_messages(reading_order([call(arguments='{"x":1}'), result("42")])) == expected


def test_a_late_result_is_the_newest_message_and_its_call_goes_with_it():
    told = read(user("Look."), call(), user("Hello?"), answer("One moment."), result("42"))
    assert told == [
        ("user", "Look."),
        ("user", "Hello?"),
        ("assistant", "One moment."),
        ("call", "c"),
        ("tool", "42"),
    ]


def test_a_pending_call_stands_where_it_was_made_and_is_said_to_run():
    told = read(user("Look."), call(), user("Hello?"))
    assert told == [("user", "Look."), ("call", "c"), ("tool", PENDING), ("user", "Hello?")]


def test_a_second_result_of_a_call_is_read_where_it_arrived():
    told = read(call(), result("still at it"), answer("Wait."), result("43"))
    assert [kind for kind, _ in told] == ["call", "tool", "assistant", "call", "tool"]
    assert told[-1] == ("tool", "43")
    assert told[0] != told[-2], "services refuse two calls of one id"


def test_of_two_calls_at_once_each_keeps_its_own_result():
    told = read(call("a"), call("b"), result("of b", "b"), user("So?"), result("of a", "a"))
    assert told == [
        ("call", "b"),
        ("tool", "of b"),
        ("user", "So?"),
        ("call", "a"),
        ("tool", "of a"),
    ]


def test_a_call_id_that_comes_again_belongs_to_the_newer_call():
    first, second = call("c", '{"n":1}'), call("c", '{"n":2}')
    order = reading_order([first, result("one"), second, result("two")])
    exchanges = [item for item in order if isinstance(item, ToolExchange)]
    assert [(item.arguments, item.output) for item in exchanges] == [
        ('{"n":1}', "one"),
        ('{"n":2}', "two"),
    ]


@pytest.mark.parametrize("status", ["in_progress", "incomplete"])
def test_an_unfinished_call_is_read_only_if_it_was_answered(status: Status):
    cut = call(arguments='{"what": "the wea', status=status)
    assert read(user("Look."), cut) == [("user", "Look.")]
    assert read(user("Look."), cut, result("?"))[1:] == [("call", "c"), ("tool", "?")]


def test_a_result_whose_call_is_gone_is_left_out():
    assert read(user("Look."), result("42")) == [("user", "Look.")]


def test_an_empty_result_is_a_result():
    assert read(call(), result("")) == [("call", "c"), ("tool", "")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"x": 1}', '{"x": 1}'),
        ("", "{}"),
        ("null", "{}"),
        ("[1]", '{"arguments": [1]}'),
        ('{"what": "the wea', '{"arguments": "{\\"what\\": \\"the wea"}'),
        ('{"x": NaN}', '{"arguments": "{\\"x\\": NaN}"}'),
        ('{"x": "\\ud83d"}', '{"arguments": "{\\"x\\": \\"\\\\ud83d\\"}"}'),
        ("[" * 100_000, json.dumps({"arguments": "[" * 100_000})),
    ],
    ids=["object", "empty", "null", "array", "cut", "NaN", "half an emoji", "deep"],
)
def test_arguments_are_a_json_object(arguments: str, told: str):
    (exchange,) = reading_order([call(arguments=arguments)])
    assert isinstance(exchange, ToolExchange)
    assert exchange.arguments == told


@pytest.mark.parametrize("given_id", ["", "a:b", "呼び出し", "x" * 41])
def test_ids_that_services_refuse_are_replaced_the_same_way_each_time(given_id: str):
    (told, _), again = read(call(given_id), result("1", given_id)), read(call(given_id))
    assert re.fullmatch("call_[0-9a-f]{16}", told[1])
    assert again[0] == told


def test_two_texts_of_a_message_keep_their_border():
    message = UserMessage("a", [InputText("I am in Paris"), InputText("What is the weather?")])
    assert read(message) == [("user", "I am in Paris\nWhat is the weather?")]


def test_texts_and_images_keep_their_order():
    image = InputImage(PICTURE, "low")
    before, blank, after = InputText("Before:"), InputText(" "), InputText("After:")
    message = UserMessage("a", [before, image, blank, after, image])
    shown = {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}
    assert read(message) == [
        (
            "user",
            [{"type": "text", "text": "Before:"}, shown, {"type": "text", "text": "After:"}, shown],
        )
    ]


@pytest.mark.parametrize("text", ["", " \n"])
def test_messages_without_words_are_left_out(text: str):
    system = SystemMessage("s", [InputText(text)])
    assert read(user(text), answer(text), system, user("Hi.")) == [("user", "Hi.")]


_IDS = st.sampled_from(["a", "b", "c:1"])
_ITEMS: st.SearchStrategy[list[Item]] = st.lists(
    st.one_of(
        st.builds(user, st.sampled_from(["hello", "and?"])),
        st.builds(answer, st.sampled_from(["well", "so"])),
        st.builds(
            call,
            _IDS,
            st.sampled_from(["{}", '{"x"', "null"]),
            st.sampled_from(["completed", "incomplete"]),
        ),
        st.builds(result, st.sampled_from(["1", "2", ""]), _IDS),
    ),
    max_size=12,
)


@given(_ITEMS)
def test_in_any_conversation_each_call_has_one_result_and_nothing_said_is_lost(items: list[Item]):
    order = reading_order(items)
    exchanges = [item for item in order if isinstance(item, ToolExchange)]
    assert len({item.call_id for item in exchanges}) == len(exchanges)
    assert all(isinstance(json.loads(item.arguments), dict) for item in exchanges)
    messages = [item for item in items if isinstance(item, UserMessage | AssistantMessage)]
    assert [item for item in order if not isinstance(item, ToolExchange)] == messages
    known = {item.call_id for item in items if isinstance(item, FunctionCall)}
    results = [item for item in items if isinstance(item, FunctionCallOutput)]
    told = [item.output for item in exchanges if item.output != PENDING]
    assert told == [item.output for item in results if item.call_id in known]
