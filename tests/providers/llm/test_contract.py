"""What holds for a conversation with every language model, whatever its vendor's format.

A vendor brings a fake and a row in `tests/providers/model_vendors.py`; how its service may fail is
in `test_contract_failures.py`, and what is special to it in a file of its own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from config import VENDOR_KEYS
from providers import ProviderSetupError, llm
from session.ports import PENDING
from tests.providers.fakes.model_server import Answer, Asked, ModelServer
from tests.providers.model_vendors import (
    KEY,
    PIXEL,
    TOOLS,
    VENDORS,
    Vendor,
    answer,
    product,
    text_of,
    text_session,
)
from tests.support.running_server import RunningServer
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLS = [("get_weather", {"city": "Oslo"}), ("get_time", {"city": "Rome"})]


@dataclass
class Stack:
    vendor: Vendor
    fake: ModelServer
    server: RunningServer

    @asynccontextmanager
    async def session(self, **answered: Any) -> AsyncIterator[WireClient]:
        """Open a session; `answered` changes what the model says."""
        self.fake.asked.clear()
        self.fake.answer = Answer(**answered)
        async with text_session(self.server) as wire:
            yield wire

    def asked(self, number: int = 0) -> Asked:
        """What the model was asked, in the order of requests."""
        return self.fake.told(self.fake.asked[number])


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=VENDORS, ids=lambda vendor: vendor.name
)
async def stack(request) -> AsyncIterator[Stack]:
    async with product(request.param) as (fake, server):
        yield Stack(request.param, fake, server)


async def respond(wire: WireClient, *items: dict[str, Any]) -> dict[str, Any]:
    """Add items and ask for an answer; return the response."""
    for item in items:
        await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


async def test_an_answer_streams_and_the_model_is_told_what_the_session_says(stack: Stack):
    async with stack.session() as wire:
        await wire.update(instructions="Be brief.", max_output_tokens=50)
        response = await answer(wire)
        assert text_of(response) == "Hello from the fake."
        assert len(wire.of("response.output_text.delta")) == 4, "as it streams"
    asked = stack.asked()
    assert (asked.system, asked.messages, asked.limit) == ("Be brief.", [("user", "hi")], 50)
    assert any(KEY in value for value in stack.fake.headers[-1].values())


async def test_calls_stream_as_items_and_their_results_go_back(stack: Stack):
    async with stack.session(words=["Let me see."], calls=CALLS) as wire:
        await wire.update(tools=TOOLS)
        spoken, *calls = (await answer(wire))["output"]
        assert spoken["content"][0]["text"] == "Let me see."
        assert [(call["name"], call["arguments"]) for call in calls] == [
            ("get_weather", '{"city": "Oslo"}'),
            ("get_time", '{"city": "Rome"}'),
        ]
        assert all(call["status"] == "completed" for call in calls)
        assert all(len(call["call_id"]) <= 32 for call in calls)
        assert len({call["call_id"] for call in calls}) == 2
        assert stack.asked().tools == ["get_weather", "get_time"]
        stack.fake.answer = Answer(["Sunny."])
        results = [
            {"type": "function_call_output", "call_id": call["call_id"], "output": output}
            for call, output in zip(calls, ("sun", "noon"), strict=True)
        ]
        assert text_of(await respond(wire, *results)) == "Sunny."
    assert stack.asked(1).results == ["sun", "noon"]


async def test_the_choice_of_tools_in_the_vendors_words(stack: Stack):
    for choice, parallel, sent in stack.vendor.choices:
        async with stack.session() as wire:
            wanted = {} if parallel is None else {"parallel_tool_calls": parallel}
            await wire.update(tools=TOOLS, tool_choice=choice, **wanted)
            await answer(wire)
            assert stack.asked().choice == sent, (choice, parallel)


async def test_an_answer_that_is_not_finished_says_why(stack: Stack):
    for finish, reason in stack.vendor.unfinished.items():
        async with stack.session(finish=finish) as wire:
            response = await answer(wire)
            assert response["status"] == "incomplete", finish
            assert response["status_details"] == {"type": "incomplete", "reason": reason}
            assert response["output"][0]["status"] == "incomplete"


async def test_images_reach_the_model(stack: Stack):
    content = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": PIXEL}]
    async with stack.session() as wire:
        await respond(wire, {"type": "message", "role": "user", "content": content})
    assert stack.asked().images == [base64.b64decode(PIXEL.partition(",")[2])]
    assert ("user", "What?") in stack.asked().messages


async def test_texts_and_images_reach_the_model_in_the_client_s_order(stack: Stack):
    before, after = ({"type": "input_text", "text": text} for text in ("Before:", "After:"))
    image = {"type": "input_image", "image_url": PIXEL}
    for content in ([before, image], [before, image, after], [before, image, after, image]):
        message = {"type": "message", "role": "user", "content": content}
        async with stack.session() as wire:
            await respond(wire, message)
        told = json.dumps(stack.fake.asked[0])
        found = re.findall("Before:|After:|iVBORw0KGgo", told)
        assert found == [part.get("text", "iVBORw0KGgo") for part in content]


async def test_a_late_result_is_the_newest_thing_that_the_model_reads(stack: Stack):
    async with stack.session(words=[], calls=CALLS[:1]) as wire:
        await wire.update(tools=TOOLS)
        (call,) = (await answer(wire))["output"]
        stack.fake.answer = Answer(["One moment."])
        await answer(wire)
        assert stack.asked(1).results == [PENDING]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
        await respond(wire, result)
    assert stack.asked(2).results == ["sun"]
    told = json.dumps(stack.fake.asked[2])
    assert told.index("One moment.") < told.index("Oslo") < told.index("sun")


async def test_arguments_that_are_no_json_poison_no_later_answer(stack: Stack):
    for arguments in ('{"city": "Os', "null", "[1]", "now!"):
        call = {"type": "function_call", "call_id": "c", "name": "get_weather"}
        result = {"type": "function_call_output", "call_id": "c", "output": "sun"}
        async with stack.session() as wire:
            done = await respond(wire, {**call, "arguments": arguments}, result)
            assert done["status"] == "completed", arguments
        assert stack.asked().results == ["sun"]


async def test_a_conversation_that_openai_would_take(stack: Stack):
    """Instructions alone, then a system message at the beginning."""
    words = [{"type": "input_text", "text": "The caller is Ada."}]
    async with stack.session() as wire:
        await wire.update(instructions="Greet the caller.")
        assert (await respond(wire))["status"] == "completed"
        assert [role for role, _ in stack.asked().messages] == ["user"]
        system = {"type": "message", "role": "system", "content": words}
        await wire.send("conversation.item.create", previous_item_id="root", item=system)
        assert (await answer(wire))["status"] == "completed"
    assert stack.asked(1).system == "Greet the caller.\n\nThe caller is Ada."


@pytest.mark.parametrize(
    ("vendor", "changed", "named"),
    [(vendor, *row) for vendor in VENDORS for row in vendor.refused],
    ids=lambda value: value.name if isinstance(value, Vendor) else None,
)
async def test_what_cannot_work_is_refused(vendor: Vendor, changed, named, monkeypatch):
    monkeypatch.delenv(VENDOR_KEYS.get(vendor.name, "NONE"), raising=False)
    with pytest.raises(ProviderSetupError, match=named):
        llm.load(vendor.settings("http://127.0.0.1:9", **changed).llm)
