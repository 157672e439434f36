"""Model servers whose chat template refuses what it does not expect, behind the product."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from config import LLMConfig
from providers.llm.alternating_messages import MessageForm
from providers.llm.openai import OpenAICompatibleLLM
from session.ports import ResponseRequest
from tests.providers.fakes.chat import FakeOllama
from tests.providers.fakes.model_server import Answer
from tests.providers.llm.judges import JUDGES, Judge, Refused
from tests.providers.model_vendors import (
    KEY,
    OLLAMA,
    OPENAI,
    PIXEL,
    TOOLS,
    Vendor,
    answer,
    conversation,
    failure,
)
from tests.support.wire_client import WireClient

NO_TOOLS: list[dict[str, Any]] = []


class StrictServer(FakeOllama):
    """Renders what it is asked as a server of open models does, and refuses what it cannot."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge
        self.shown = ""

    async def converse(self, request: Request) -> Response:
        try:
            self.shown = self.judge.render((await request.json())["messages"])
        except Refused as refusal:
            return JSONResponse({"error": {"message": str(refusal)}}, status_code=400)
        return await super().converse(request)


def strict(vendor: Vendor, judge: Judge) -> Vendor:
    return replace(vendor, fake=lambda: StrictServer(judge))


def said(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": content}


async def respond(wire: WireClient, *items: dict[str, Any]) -> dict[str, Any]:
    for item in items:
        await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


@pytest.mark.parametrize("vendor", [OPENAI, OLLAMA], ids=lambda vendor: vendor.name)
@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
async def test_whatever_happens_in_a_session_is_taken(judge: Judge, vendor: Vendor):
    chosen = {} if "alternating" in judge.forms else {"options": {"messages": "strictest"}}
    async with conversation(strict(vendor, judge), **chosen) as (fake, wire):
        await wire.update(instructions="Be brief.", tools=TOOLS if judge.tools else NO_TOOLS)
        done = [
            await respond(wire),
            await respond(wire, said("system", "The caller is Ada."), said("assistant", "Hi!")),
            await respond(wire, said("user", "Hello."), said("user", "Are", "you there?")),
            await respond(wire, said("assistant", "Yes."), said("system", "She is sad.")),
        ]
        assert "She is sad." in fake.shown
        if judge.vision:
            image = {"type": "input_image", "image_url": PIXEL}
            shown = {
                **said("user", "What is this?"),
                "content": [image, *said("user", "?")["content"]],
            }
            done += [await respond(wire, shown), await answer(wire, "And now?")]
        if judge.tools:
            for words in ([], ["Let me see."]):
                fake.answer = Answer(words, [("get_weather", {"city": "Oslo"}), ("get_time", {})])
                called = await answer(wire, "The weather and the time?")
                ids = [item["call_id"] for item in called["output"] if "call_id" in item]
                results = [
                    {"type": "function_call_output", "call_id": one, "output": f"result {number}"}
                    for number, one in enumerate(ids)
                ]
                fake.answer = Answer()
                done += [called, await respond(wire, *results)]
                assert "result 0" in fake.shown
                assert "result 1" in fake.shown
            fake.answer = Answer([], [("get_time", {})])
            (made,) = (await answer(wire, "And the time in Rome?"))["output"]
            late = {"type": "function_call_output", "call_id": made["call_id"], "output": "noon"}
            fake.answer = Answer()
            done.append(await respond(wire, late, said("user", "Well?")))
        for response in done:
            assert response["status"] == "completed", response["status_details"]


async def test_as_written_the_templates_refusal_is_told():
    judge = next(judge for judge in JUDGES if judge.name == "gemma3")
    options = {"messages": "as_written"}
    async with conversation(strict(OPENAI, judge), options=options) as (_fake, wire):
        assert (await answer(wire))["status"] == "completed"
        error = failure(await respond(wire, said("assistant", "Hi."), said("assistant", "Hello.")))
        assert "the roles do not alternate" in error["message"]


@pytest.mark.parametrize(
    ("base", "chosen", "form"),
    [
        (None, None, "as_written"),
        ("https://api.openai.com/v1", None, "as_written"),
        ("https://eu.api.openai.com/v1", None, "as_written"),
        ("https://mine.openai.azure.com/openai/v1", None, "as_written"),
        ("https://api.openai.com.example.org/v1", None, "alternating"),
        ("https://notapi.openai.com/v1", None, "alternating"),
        ("http://localhost:8000/v1", None, "alternating"),
        ("http://localhost:8000/v1", "as_written", "as_written"),
        (None, "alternating", "alternating"),
        (None, "strictest", "strictest"),
    ],
)
def test_openai_itself_is_told_as_written(base, chosen, form: MessageForm):
    options = {"messages": chosen} if chosen else {}
    config = LLMConfig(provider="openai", api_key=KEY, api_base=base, options=options)
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    request = ResponseRequest("resp", "Be brief.", messages)
    service: Any = OpenAICompatibleLLM(config).create(request)
    sent = service.build_chat_completion_params({"messages": messages})["messages"]
    assert (
        sent
        == {
            "as_written": [{"role": "system", "content": "Be brief."}, *messages],
            "alternating": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "a\nb"},
            ],
            "strictest": [{"role": "user", "content": "Be brief.\n\na\nb"}],
        }[form]
    )
