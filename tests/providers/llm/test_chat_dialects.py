"""Chat completions as servers other than OpenAI's send them: `llm.provider = "openai"`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from providers.base import ProviderSetupError
from providers.llm.openai import OpenAICompatibleLLM
from providers.llm.thoughts import ThoughtFilter
from session.ports import ResponseRequest
from tests.providers.fakes.chat import HEAD, ScriptedChat
from tests.providers.fakes.model_server import event
from tests.providers.model_vendors import (
    KEY,
    OPENAI,
    answer,
    failure,
    product,
    text_of,
    text_session,
)
from tests.support.running_server import RunningServer, scripted_settings
from tests.support.wire_client import WireClient

DONE = "data: [DONE]\n\n"
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in "ab"]


pytestmark = pytest.mark.asyncio(loop_scope="module")


class Server:
    """The product with a server of chat completions behind it."""

    def __init__(self, fake: ScriptedChat, product: RunningServer) -> None:
        self.fake = fake
        self._product = product

    @asynccontextmanager
    async def sending(self, *events: str) -> AsyncIterator[WireClient]:
        """Open a session in which the model's server sends just these events."""
        self.fake.events = list(events)
        self.fake.asked.clear()
        async with text_session(self._product) as wire:
            await wire.update(tools=TOOLS)
            yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Server]:
    async with product(replace(OPENAI, fake=ScriptedChat)) as (fake, running):
        yield Server(fake, running)


def chunk(delta: dict[str, Any] | None = None, **choice: Any) -> str:
    return event({**HEAD, "choices": [{"index": 0, "delta": delta or {}, **choice}]})


def text(*pieces: str) -> list[str]:
    return [chunk({"content": piece}) for piece in pieces]


def call(name: str | None = None, arguments: str = "", **fields: Any) -> dict[str, Any]:
    function = {"name": name} if name else {}
    return {"type": "function", "function": {**function, "arguments": arguments}, **fields}


def calls(response: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["name"], item["arguments"]) for item in response["output"]]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [
                chunk({"tool_calls": [call("a", '{"x": 1}', index=0, id="i")]}),
                chunk({"tool_calls": [call("b", '{"y": 2}', index=1, id="j")]}),
            ],
            id="whole",
        ),
        pytest.param(
            [chunk({"tool_calls": [call("a", '{"x": 1}'), call("b", '{"y": 2}')]})],
            id="no index and no id",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [call("a", '{"x": 1}', index=0, id="i")]}),
                chunk({"tool_calls": [call("b", '{"y": 2}', index=0, id="j")]}),
            ],
            id="all are number 0",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [call("a", index=0, id="i")]}),
                chunk({"tool_calls": [call("b", index=1, id="j")]}),
                chunk({"tool_calls": [call("a", '{"x": ', index=0, id="i")]}),
                chunk({"tool_calls": [call(None, '{"y": 2}', index=1)]}),
                chunk({"tool_calls": [call("a", "1}", index=0, id="i")]}),
            ],
            id="interleaved, with the name repeated",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [call("a", '{"x": ', id="i")]}),
                chunk({"tool_calls": [call(None, "1}")]}),
                chunk({"tool_calls": [call("b", '{"y": 2}', id="j")]}),
            ],
            id="no index, in pieces",
        ),
    ],
)
@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
async def test_calls_are_told_apart(server, events, finish):
    end = chunk(finish_reason=finish)
    async with server.sending(*events, end, DONE) as wire:
        response = await answer(wire)
        assert response["status"] == "completed"
        assert calls(response) == [("a", '{"x": 1}'), ("b", '{"y": 2}')]
        ids = {item["call_id"] for item in response["output"]}
        assert len(ids) == 2
        assert not ids & {"i", "j"}


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([*text("Hel", "lo."), chunk(finish_reason="stop")], id="no [DONE]"),
        pytest.param([*text("Hel", "lo."), DONE], id="no finish_reason"),
        pytest.param(
            [chunk({"content": "Hello."}, finish_reason=None), chunk(finish_reason=None), DONE],
            id="finish_reason is null",
        ),
        pytest.param(
            [chunk({"role": "assistant"}), *text("Hello."), chunk(finish_reason="stop"), DONE],
            id="a chunk with a role only",
        ),
        pytest.param(
            [chunk({"content": None, "role": "assistant"}), *text("Hello."), DONE],
            id="content is null",
        ),
        pytest.param(
            [chunk({"content": "Hello."}, finish_reason="stop"), DONE],
            id="all in one chunk",
        ),
        pytest.param(
            [
                event({"choices": [{"delta": {"content": "Hello."}}]}),
                event({"choices": [{"finish_reason": "eos", "delta": {}}]}),
                DONE,
            ],
            id="the bare minimum, with a reason of its own",
        ),
        pytest.param(
            [": keep-alive\n\n", *text("Hello."), event({**HEAD, "choices": []}), DONE],
            id="comments and a chunk without choices",
        ),
        pytest.param(
            [
                chunk({"reasoning_content": "They greet me."}),
                chunk({"reasoning": "I greet them.", "content": ""}),
                *text("Hello."),
                chunk(finish_reason="stop"),
                DONE,
            ],
            id="thoughts in a field of their own",
        ),
        pytest.param(
            [*text("<thi", "nk>They greet", " me.</th", "ink>\n\n", "Hello."), DONE],
            id="thoughts between tags",
        ),
    ],
)
async def test_an_answer_is_understood(server, events):
    async with server.sending(*events) as wire:
        response = await answer(wire)
        assert response["status"] == "completed", response["status_details"]
        assert text_of(response) == "Hello."


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, None),
        ({}, None),
        ({"total_tokens": 12}, None),
        ({"prompt_tokens": 5, "completion_tokens": 7}, (5, 7, 0)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 3},
            },
            (5, 7, 3),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None},
            (5, 7, 0),
        ),
    ],
)
async def test_usage_may_be_missing_or_partial(server, usage, tokens):
    last = event({**HEAD, "choices": [], "usage": usage})
    async with server.sending(*text("Hello."), chunk(finish_reason="stop"), last, DONE) as wire:
        response = await answer(wire)
        assert response["status"] == "completed", response["status_details"]
        reported = response["usage"]
        if tokens is None:
            # Then it is estimated.
            assert reported["input_tokens"] > 7
            assert 0 < reported["output_tokens"] < 7
        else:
            assert (
                reported["input_token_details"]["text_tokens"],
                reported["output_tokens"],
                reported["input_token_details"]["cached_tokens"],
            ) == tokens


async def test_optional_parameters_are_sent_only_when_they_are_asked_for(server):
    async with server.sending(*text("Hello."), DONE) as wire:
        await answer(wire)
        await wire.update(
            parallel_tool_calls=False, reasoning={"effort": "low"}, max_output_tokens=9
        )
        await answer(wire)
        plain, asked = server.fake.asked
        optional = {
            "max_tokens",
            "max_completion_tokens",
            "parallel_tool_calls",
            "reasoning_effort",
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "seed",
            "service_tier",
        }
        assert not optional & plain.keys()
        assert (asked["parallel_tool_calls"], asked["reasoning_effort"]) == (False, "low")
        assert asked["max_tokens"] == 9
        assert "max_completion_tokens" not in asked


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(["<html>It works!</html>"], id="a page"),
        pytest.param(['{"detail": "It works!"}'], id="an object"),
        pytest.param([event({"choices": ["It works!"]})], id="events of another kind"),
        pytest.param(["data: It works!\n\n"], id="events that are no JSON"),
        pytest.param(['data: ["It works!"]\n\n'], id="events that are no objects"),
    ],
)
async def test_an_answer_that_is_none_is_shown(server, events):
    async with server.sending(*events) as wire:
        error = failure(await answer(wire))
        assert "It works!" in error["message"]
        assert "llm.api_base" in error["message"]


@pytest.mark.parametrize(
    "body",
    [{"error": {"message": "No such thing."}}, {"error": "No such thing."}, "No such thing."],
)
async def test_a_refusal_is_told_in_the_servers_words(server, body, monkeypatch):
    monkeypatch.setattr(server.fake, "error", lambda _status: body)
    async with server.sending() as wire:
        server.fake.fault, server.fake.faults_left = 404, 1
        assert "404 - " in (reason := failure(await answer(wire))["message"])
        assert "No such thing" in reason


async def test_an_error_in_the_stream_counts_by_the_status_it_names(server):
    report = event({"error": {"message": "quota used up", "code": 429}})
    async with server.sending(*text("Hel"), report) as wire:
        error = failure(await answer(wire))
        assert error["code"] == "rate_limit_exceeded"
        assert "quota used up" in error["message"]


async def test_a_session_is_known_by_a_header_that_stays_the_same(server):
    async with (
        server.sending(*text("Yes."), DONE) as one,
        server.sending(*text("No."), DONE) as two,
    ):
        for wire in (one, two, one):
            assert (await answer(wire))["status"] == "completed"
    sent = [headers["x-session-id"] for headers in server.fake.headers[-3:]]
    ids = [wire.events[0]["session"]["id"] for wire in (one, two, one)]
    assert sent == ids


@pytest.mark.parametrize(
    ("base", "given", "headers"),
    [
        ("http://localhost:8080/v1", None, {"x-session-id": "sess_1"}),
        ("http://localhost:8080/v1", "x-user-id", {"x-user-id": "sess_1"}),
        ("http://localhost:8080/v1", "", None),
        (None, None, None),
        (None, "x-user-id", {"x-user-id": "sess_1"}),
    ],
)
async def test_the_header_has_a_name_that_balancers_know_and_openai_gets_none(base, given, headers):
    options = {} if given is None else {"session_header": given}
    group = {"provider": "openai", "api_key": KEY, "api_base": base, "options": options}
    provider = OpenAICompatibleLLM(scripted_settings(llm=group).llm)
    request = ResponseRequest("resp", "", [], session_id="sess_1")
    service: Any = provider.create(request)
    assert service.build_chat_completion_params({"messages": []}).get("extra_headers") == headers


@pytest.mark.parametrize(
    "name", ["Authorization", "content-length", "Host", "x-api-key", "Accept-Encoding", "cookie"]
)
async def test_a_header_that_requests_have_already_is_no_sessions(name):
    """The id in its place would be sent as the key, or break every request."""
    group = {"provider": "openai", "api_key": KEY, "options": {"session_header": name}}
    with pytest.raises(ProviderSetupError, match=f"session_header.*{name}.*x-session-id"):
        OpenAICompatibleLLM(scripted_settings(llm=group).llm)


async def test_openai_itself_is_asked_for_completion_tokens():
    group = {"provider": "openai", "api_key": KEY}
    request = ResponseRequest("resp", "", [], max_output_tokens=9)
    for base, name in {
        None: "max_completion_tokens",
        "https://api.openai.com/v1": "max_completion_tokens",
        "http://localhost:8080/v1": "max_tokens",
    }.items():
        config = scripted_settings(llm={**group, "api_base": base}).llm
        service: Any = OpenAICompatibleLLM(config).create(request)
        params = service.build_chat_completion_params({"messages": []})
        assert params[name] == 9


def streamed(pieces: Sequence[str]) -> str:
    thoughts = ThoughtFilter()
    return "".join([*map(thoughts.push, pieces), thoughts.flush()])


@pytest.mark.parametrize(
    ("whole", "answer"),
    [
        ("<think>Hm.</think>\n\nHi!", "Hi!"),
        ("\n<think>\n\n</think>\n\nHi!", "Hi!"),
        ("Hi! <think> is a tag.", "Hi! <think> is a tag."),
        ("<b>", "<b>"),
        ("<thin", "<thin"),
        (" Hi", " Hi"),
        ("<think>never finished", ""),
        ("<think>a</think><think>b</think>", "<think>b</think>"),
    ],
)
async def test_thoughts_are_dropped_wherever_the_stream_is_cut(whole, answer):
    for size in range(1, len(whole) + 1):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert streamed(pieces) == answer


async def test_a_server_that_counts_as_it_goes_is_believed_when_it_breaks_off(server):
    counted = {"prompt_tokens": 500, "completion_tokens": 90, "total_tokens": 590}
    so_far = event({**HEAD, "choices": [], "usage": counted})
    async with server.sending(*text("Hello."), so_far) as wire:
        await wire.say("hi")
        done = (await wire.until("response.done"))["response"]
        assert done["status"] == "failed"
        usage = done["usage"]
        assert (usage["input_tokens"], usage["output_token_details"]["text_tokens"]) == (500, 90)
