"""Calls that a server has taken: whatever becomes of their answers, they are made once."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from session.mcp import ToolServers
from tests.tool_servers.fake_http import FakeMcp, tool
from tests.tool_servers.using import SERVER, failure, faking

NOT_FOUND = json.dumps(
    {"jsonrpc": "2.0", "error": {"code": -32000, "message": "Session not found"}, "id": None}
)


def calls(fake: FakeMcp) -> int:
    """How many calls a server has had."""
    return sum(message["method"] == "tools/call" for message in fake.asked)


def taking() -> FakeMcp:
    """A server that begins sessions, and whose calls break off."""
    fake = FakeMcp()
    fake.refuses = {"status_code": 404}
    fake.breaks = True
    return fake


async def assert_called_once(fake: FakeMcp, tools: ToolServers) -> None:
    """Make a call that breaks off, and one that does not, on a connection that stands."""
    await tools.list_tools(SERVER)
    error = await failure(tools.call(SERVER, "any", ""))
    assert calls(fake) == 1
    assert (error.type, error.code) == ("protocol_error", -32000)
    assert "the connection ended before it had answered" in error.message
    fake.breaks = False
    fake.session += 1
    assert await tools.call(SERVER, "any", "") == "ok"
    # The second was refused at first, which says that it had not been taken.
    assert calls(fake) == 3


@pytest.mark.parametrize(
    "refusal",
    [
        {"status_code": 404},
        {"status_code": 404, "media_type": "application/json", "content": NOT_FOUND},
        {"status_code": 400, "media_type": "application/json", "content": NOT_FOUND},
        {"status_code": 400, "media_type": "text/html", "content": "Invalid session ID"},
        {"status_code": 400, "media_type": "text/plain", "content": "Invalid session ID"},
        {"status_code": 401, "media_type": "text/plain", "content": "Session not found"},
        {"status_code": 405},
        {"status_code": 500},
    ],
)
async def test_a_call_of_which_the_rest_of_the_answer_is_refused_is_not_made_again(
    refusal: dict[str, Any],
):
    """The server was started anew in the middle of it, and knows nothing of what it has done."""
    fake = taking()
    fake.resumption = refusal
    async with faking(fake) as tools:
        await assert_called_once(fake, tools)
    assert fake.resumed


async def test_a_call_of_which_the_rest_of_the_answer_cannot_be_asked_for_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch,
):
    """The server is down when the rest is asked for, and there again for whatever is asked next."""
    fake = taking()
    real = httpx2.AsyncHTTPTransport.handle_async_request
    unsent = []

    async def handle(transport: Any, request: httpx2.Request) -> httpx2.Response:
        if "last-event-id" in request.headers:
            unsent.append(request)
            raise httpx2.ConnectError("All connection attempts failed")
        return await real(transport, request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", handle)
    async with faking(fake) as tools:
        await assert_called_once(fake, tools)
    assert unsent


async def test_a_call_is_not_made_again_for_what_is_asked_after_it():
    """`mcp` asks for the list of tools behind a call of one that it does not know."""
    fake = taking()
    fake.breaks, fake.forgets = False, True
    async with faking(fake) as tools:
        await tools.list_tools(SERVER)
        error = await failure(tools.call(SERVER, "any", ""))
        assert calls(fake) == 1
        assert (error.type, error.code) == ("http_error", 404)


async def test_a_list_is_asked_for_again_whatever_page_of_it_is_refused():
    fake = taking()
    fake.tools, fake.page = [tool(f"t{number}") for number in range(3)], 1
    async with faking(fake) as tools:
        assert len(await tools.list_tools(SERVER)) == 3
        fake.forgets_after_pages = 1
        assert len(await tools.list_tools(SERVER)) == 3
    assert fake.forgets_after_pages == 0
