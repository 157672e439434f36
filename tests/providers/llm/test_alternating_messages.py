"""Conversations in any order, before templates with the rules of five families of models."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.llm.alternating_messages import (
    NO_ANSWER,
    NO_OUTPUT,
    Message,
    MessageForm,
    write_messages,
)
from session.ports import SILENCE
from tests.providers.llm.judges import ALL_FORMS, JUDGES, Judge, Refused
from tests.providers.llm.judges.conversations import (
    ALL_SHAPES,
    PIXEL,
    PLAIN_SHAPES,
    assistant,
    call,
    calls,
    conversation,
    result,
    said,
    strings,
    system,
    text,
    user,
)

each_form = pytest.mark.parametrize("form", ALL_FORMS)
each_judge = pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)


def roles(messages: Sequence[Message]) -> list[str]:
    return ["call" if one.get("tool_calls") else one["role"] for one in messages]


def contents(messages: Sequence[Message]) -> list[tuple[str, Any]]:
    return [(role, one["content"]) for role, one in zip(roles(messages), messages, strict=True)]


# --- what the judges are for ----------------------------------------------------------------------

OUT_OF_ORDER = (
    [user("a"), user("b")],
    [assistant("a"), user("b")],
    [user("a"), assistant("b"), system("c"), user("d")],
)
"""Two turns of the user in a row, a greeting, a late system message."""
BROKEN_RULES = {
    "gemma2": ("alternate", "alternate", "no system role"),
    "gemma3": ("alternate", "alternate", "alternate"),
    "mistral_v1": ("alternate", "alternate", "alternate"),
    "mistral_v3": ("alternate", "alternate", "not the first"),
    "mistral_v7": ("alternate", "alternate", "not the first"),
    "llama3": (None, "first user message", None),
    "qwen3": (None, None, "not the first"),
    "phi3": (None, None, "only user and assistant"),
    "phi4": (None, None, "not the first"),
}
"""What each judge says of these; None: it takes it."""
NINE = "123456789"
TOOL_RULES: list[tuple[str, list[Message], str]] = [
    ("llama3", [user("a"), calls(call("1"), call("2"))], "one tool"),
    ("gemma3", [user("a"), calls(call("1")), result("1", "b"), user("c")], "alternate"),
    ("mistral_v7", [user("a"), calls(call("call_1")), result("call_1", "b")], "nine"),
    ("mistral_v7", [user("a"), calls(call(NINE)), result(NINE, "b"), user("c")], "alternate"),
    ("mistral_v3", [user("a"), calls(call(NINE), content="b"), result(NINE, "c")], "either"),
    ("mistral_v3", [user("a"), calls(call(NINE)), assistant("b")], "as many results"),
    (
        "mistral_v3",
        [user("a"), assistant("b"), calls(call(NINE)), result(NINE, "c"), assistant("d")],
        "alternate",
    ),
    ("mistral_v3", [user("a"), assistant("b")], "last"),
    ("qwen3", [system("a")], "no user"),
    ("qwen3", [], "no messages"),
    ("phi4", [user("a"), calls(call("1"), content="b"), result("1", "c")], "hides"),
    ("phi4", [system("a")], "nothing but"),
]


@each_judge
def test_a_judge_refuses_what_its_family_does(judge: Judge):
    for messages, why in zip(OUT_OF_ORDER, BROKEN_RULES[judge.name], strict=True):
        if why is None:
            judge.render(messages)
        else:
            with pytest.raises(Refused, match=why):
                judge.render(messages)


@pytest.mark.parametrize(("name", "messages", "why"), TOOL_RULES)
def test_a_judge_refuses_tool_rounds_that_its_family_does(name, messages, why):
    judge = next(judge for judge in JUDGES if judge.name == name)
    with pytest.raises(Refused, match=why):
        judge.render(messages)


# --- every order ----------------------------------------------------------------------------------


def accepted(form: MessageForm, messages: list[Message], instructions: str) -> list[Message]:
    """Write a conversation and show it to all judges whom it concerns."""
    written = write_messages(form, messages, instructions)
    spoken = said(instructions, *strings(messages))
    for judge in JUDGES:
        if form in judge.forms and judge.concerns(written):
            try:
                shown = judge.render(written)
            except Refused as refusal:
                pytest.fail(f"{judge.name} refuses {json.dumps(written, indent=1)}: {refusal}")
            if form == "strictest" or judge.name == "qwen3":
                assert said(shown) == spoken
    assert said(*strings(written)) == spoken, "nothing is lost, and the order is kept"
    assert write_messages(form, written) == written, "it is in that form already"
    assert all(one["content"] or one.get("tool_calls") for one in written)
    return written


@each_form
@pytest.mark.parametrize("instructions", ["", "Be brief."])
def test_every_short_conversation_is_accepted(form, instructions):
    for length in range(4):
        for shapes in itertools.product(PLAIN_SHAPES, repeat=length):
            accepted(form, conversation(shapes), instructions)


@given(st.lists(st.sampled_from(ALL_SHAPES), max_size=12), st.sampled_from(["", "‹0› Be brief."]))
@settings(max_examples=150, deadline=None)
@each_form
def test_every_conversation_is_accepted(form, shapes, instructions):
    accepted(form, conversation(shapes), instructions)


IDS = st.text(max_size=12) | st.sampled_from(["123456789", "abcdefghi", "call_1", "é23456789"])


@given(st.lists(IDS, min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
@each_form
def test_ids_of_any_kind_stay_apart_and_the_same_every_time(form, ids):
    messages = conversation(["call*1"] * len(ids), iter(ids))
    written = write_messages(form, messages)
    used = [one["tool_call_id"] for one in written if one["role"] == "tool"]
    assert len(set(used)) == len(ids)
    assert all(re.fullmatch("[A-Za-z0-9]{9}", own) for own in used)
    kept = {own for own in ids if re.fullmatch("[A-Za-z0-9]{9}", own)}
    assert kept <= set(used)
    assert write_messages(form, messages) == written
    shorter = write_messages(form, messages[:2])
    assert written[: len(shorter)] == shorter, "a server finds in its cache what it read before"


# --- how it reads ---------------------------------------------------------------------------------


def test_one_system_message_and_neighbours_of_one_role_are_one():
    messages = [
        system("The caller is Ada."),
        user("Hello."),
        user("Anyone there?"),
        assistant("Hi."),
        assistant("Welcome."),
        user("Thanks."),
    ]
    assert contents(write_messages("alternating", messages, "Be brief.")) == [
        ("system", "Be brief.\n\nThe caller is Ada."),
        ("user", "Hello.\nAnyone there?"),
        ("assistant", "Hi.\nWelcome."),
        ("user", "Thanks."),
    ]


def test_a_later_system_message_stands_in_place_as_an_instruction():
    messages = [user("Hello."), assistant("Hi."), system("The user seems sad."), user("So?")]
    told = "(Instruction from the application, not said by the user: The user seems sad.)"
    for form in ALL_FORMS:
        assert contents(write_messages(form, messages)) == [
            ("user", "Hello."),
            ("assistant", "Hi."),
            ("user", f"{told}\nSo?"),
        ]


def test_without_a_system_role_the_first_user_message_begins_with_it():
    messages = [system("The caller is Ada."), assistant("Hi."), user("Hello.")]
    assert contents(write_messages("strictest", messages, "Be brief.")) == [
        ("user", f"Be brief.\n\nThe caller is Ada.\n\n{SILENCE}"),
        ("assistant", "Hi."),
        ("user", "Hello."),
    ]
    shown = write_messages("strictest", [user([PIXEL, text("What?")])], "Be brief.")
    assert shown == [user([text("Be brief.\n"), PIXEL, text("What?")])]


@each_form
def test_a_silent_user_stands_in_where_there_is_none(form):
    assert contents(write_messages(form, [])) == [("user", SILENCE)]
    assert contents(write_messages(form, [assistant("Hi.")])) == [
        ("user", SILENCE),
        ("assistant", "Hi."),
        ("user", SILENCE),
    ]


@each_form
def test_calls_come_one_by_one(form):
    messages = [
        user("Weather and time?"),
        calls(call("call_1", "weather"), call("call_2", "time")),
        result("call_2", "noon"),
        result("call_1", ""),
        user("Well?"),
    ]
    written = write_messages(form, messages)
    assert contents(written) == [
        ("user", "Weather and time?"),
        ("call", None),
        ("tool", "noon"),
        ("call", None),
        ("tool", NO_OUTPUT),
        ("assistant", NO_ANSWER),
        ("user", "Well?"),
    ]
    for at, name in ((1, "time"), (3, "weather")):
        (made,) = written[at]["tool_calls"]
        assert made["function"]["name"] == name
        assert made["id"] == written[at + 1]["tool_call_id"]


def test_text_before_a_call_is_beside_it_or_a_turn_of_its_own():
    messages = [user("And?"), assistant("Let me see."), calls(call("1")), result("1", "yes")]
    assert contents(write_messages("alternating", messages)) == [
        ("user", "And?"),
        ("call", "Let me see."),
        ("tool", "yes"),
    ]
    assert contents(write_messages("strictest", messages)) == [
        ("user", "And?"),
        ("assistant", "Let me see."),
        ("user", SILENCE),
        ("call", None),
        ("tool", "yes"),
    ]


@each_form
def test_images_keep_their_place_among_texts(form):
    shown = [text("One"), text("two"), PIXEL, text("three"), PIXEL]
    assert write_messages(form, [user("Look."), user(shown), user("And?")]) == [
        user([text("Look.\nOne\ntwo"), PIXEL, text("three"), PIXEL, text("And?")])
    ]


def test_as_written_nothing_changes():
    messages = [assistant("Hi."), user("Hello."), system("Be kind."), assistant("Yes?")]
    assert write_messages("as_written", messages, "Be brief.") == [system("Be brief."), *messages]
    assert write_messages("as_written", [], "Be brief.") == [system("Be brief.")]
    assert write_messages("as_written", []) == [user(SILENCE)], "no service takes no messages"


def test_a_conversation_is_not_changed():
    messages = conversation(ALL_SHAPES)
    before = json.dumps(messages)
    write_messages("strictest", messages, "Be brief.")
    assert json.dumps(messages) == before
