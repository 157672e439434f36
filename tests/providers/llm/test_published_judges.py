"""Conversations in any order, before chat templates and checks that models' makers published."""

from __future__ import annotations

import itertools

import pytest

from providers.llm.alternating_messages import MessageForm, write_messages
from tests.providers.llm.judges import ALL_FORMS, STRICTEST, Refused, render
from tests.providers.llm.judges.conversations import conversation, said, strings
from tests.providers.llm.judges.published import MISTRAL_VERSIONS, ask_mistral, published_template

SHAPES = ("user", "assistant", "system", "call*1", "call+text*2")
WITHOUT_TOOLS = SHAPES[:3]
FUNCTION = {
    "name": "look_up",
    "description": "",
    "parameters": {"type": "object", "properties": {}},
}
GIVEN = {"tools": [{"type": "function", "function": FUNCTION}], "eos_token": ""}


def conversations(shapes=SHAPES):
    return [
        conversation(chosen)
        for length in range(4)
        for chosen in itertools.product(shapes, repeat=length)
    ]


@pytest.mark.parametrize(
    ("name", "forms", "tools", "as_written"),
    [
        ("gemma", STRICTEST, False, "System role not supported"),
        ("gemma3", ALL_FORMS, False, "must alternate"),
        ("gemma4", ALL_FORMS, True, None),
        ("cohere2", ALL_FORMS, False, "must alternate"),
        ("llama3_1", ALL_FORMS, True, "single tool-calls"),
        ("llama3_2", ALL_FORMS, True, "single tool-calls"),
        ("qwen2_5", ALL_FORMS, True, None),
        ("qwen3", ALL_FORMS, True, None),
        ("qwen3_6", ALL_FORMS, True, "must be at the beginning"),
        ("qwen3_8", ALL_FORMS, True, "must be at the beginning"),
        ("phi3", ALL_FORMS, False, None),
        ("phi3_5", ALL_FORMS, False, None),
        ("gptoss", ALL_FORMS, True, None),
    ],
)
def test_published_templates_take_every_conversation(name, forms, tools, as_written):
    template = published_template(name)
    given = GIVEN if tools else {"eos_token": ""}
    refusals = []
    for messages in conversations(SHAPES if tools else WITHOUT_TOOLS):
        for form in forms:
            written = write_messages(form, messages, "Be brief.")
            shown = render(template, written, vision=False, **given)
            if form == "strictest":
                assert said(shown) == said(*strings(messages)), "nothing is lost"
        try:
            render(template, write_messages("as_written", messages, "Be brief."), False, **given)
        except Refused as refusal:
            refusals.append(str(refusal))
    refused = any(as_written in reason for reason in refusals) if as_written else not refusals
    assert refused, "what it says of conversations as they are written"


@pytest.mark.parametrize("form", ALL_FORMS)
def test_mistrals_own_checks_take_every_conversation(form: MessageForm):
    every = conversations()
    verdicts = ask_mistral([write_messages(form, one, "Be brief.") for one in every])
    for version in MISTRAL_VERSIONS:
        reasons = {reason for reason in verdicts[version] if reason}
        if form == "alternating" and version == "V3":
            assert reasons == {
                "Assistant message must have either content or tool_calls, but not both."
            }
        else:
            assert not reasons, version
    before = ask_mistral([write_messages("as_written", one, "Be brief.") for one in every])
    assert all(any(before[version]) for version in MISTRAL_VERSIONS)
