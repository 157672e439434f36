"""Servers that refuse by an HTTP status: their words, and those that have forgotten a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from session.mcp import McpServer
from tests.support.running_server import serving
from tests.tool_servers.fake_http import FakeMcp
from tests.tool_servers.using import SECRET, SERVER, failure, faking, session

NO_SESSION = "Bad Request: No valid session ID provided"


def refusal(status: int, error: Any, **others: Any) -> dict[str, Any]:
    """A refusal in JSON."""
    body = {"jsonrpc": "2.0", "error": error, **others}
    return {"status_code": status, "media_type": "application/json", "content": json.dumps(body)}


@pytest.mark.parametrize(
    "refuses",
    [
        # The TypeScript SDK's examples, with an id, without one, and what they have for one.
        refusal(400, {"code": -32000, "message": NO_SESSION}),
        refusal(400, {"code": -32000, "message": NO_SESSION}, id=None),
        refusal(400, {"code": -32000, "message": NO_SESSION}, id=1),
        refusal(400, {"code": -32000, "message": "Bad Request: Server not initialized"}, id=None),
        refusal(404, {"code": -32001, "message": "Session not found"}, id=None),
        # Older Python SDKs, mcp-go, and Rust's.
        {"status_code": 400, "media_type": "text/plain", "content": NO_SESSION},
        {"status_code": 400, "media_type": "text/plain", "content": "Invalid session ID"},
        {"status_code": 401, "media_type": "text/plain", "content": "Session not found"},
        {"status_code": 404},
    ],
)
async def test_a_server_that_was_started_anew_and_says_so_in_its_own_way_is_connected_to_again(
    refuses: dict[str, Any],
):
    fake = FakeMcp()
    fake.refuses = refuses
    changed: list[McpServer] = []
    async with faking(fake) as tools:
        tools.on_change(changed.append)
        assert await tools.call(SERVER, "any", "") == "ok"
        fake.session += 1
        assert await tools.call(SERVER, "any", "") == "ok"
        assert changed == [SERVER]
        fake.session += 1
        await tools.list_tools(SERVER)


async def test_a_refusal_in_words_that_nobody_knows_fails_one_call_and_not_the_next():
    """It may have been taken, so it is not made again."""
    fake = FakeMcp()
    fake.refuses = {"status_code": 400, "media_type": "text/plain", "content": "who  are\nyou?"}
    async with faking(fake) as tools:
        await tools.call(SERVER, "any", "")
        fake.session += 1
        error = await failure(tools.call(SERVER, "any", ""))
        assert (error.type, error.code) == ("http_error", 400)
        assert "400 Bad Request (“who are you?”)" in error.message
        assert await tools.call(SERVER, "any", "") == "ok"


@pytest.mark.parametrize(
    ("kind", "content", "told"),
    [
        ("application/json", '{"error": {"code": -32000, "message": "no  ID"}}', " (“no ID”)"),
        ("application/json", '{"error": "bad", "error_description": "too old"}', " (“too old”)"),
        ("application/problem+json", '{"detail": "no such shop"}', " (“no such shop”)"),
        ("application/json", '{"message": "gone fishing"}', " (“gone fishing”)"),
        ("application/json", '{"error": 5}', ""),
        ("application/json", "[" * 4000, ""),
        ("application/json", '{"message": "' + "x" * 9000, ""),
        ("application/json", "{", ""),
        ("text/plain; charset=utf-8", f"the key {SECRET}\n is wrong", " (“the key *** is wrong”)"),
        ("text/plain", "w" * 9000, f" (“{'w' * 300}…”)"),
        ("text/plain", "", ""),
        ("text/html", "<html>no", ""),
    ],
)
async def test_what_a_server_says_beside_a_status_is_told(kind: str, content: str, told: str):
    fake = FakeMcp()
    fake.refuses = {"status_code": 422, "media_type": kind, "content": content}
    async with faking(fake) as tools:
        await tools.call(SERVER, "any", "")
        fake.session += 1
        error = await failure(tools.call(SERVER, "any", ""))
    assert (error.type, error.code) == ("http_error", 422)
    assert error.message.partition("422 ")[2].partition(" ")[2].endswith(f"{told}.")
    assert ("“" in error.message) is bool(told)


LONG = "a1B2c3-" * 90
"""A token as long as those of JWTs."""


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("text/plain", f"the token {LONG} is wrong", "the token *** is wrong"),
        ("application/json", f"the token {LONG} is wrong", "the token *** is wrong"),
        # What is read of it ends within the token, and in another character.
        ("text/plain", f"{' ' * 4000}the token {LONG}", "the token ***"),
        ("text/plain", f"{' ' * 4030}the ã token {LONG}", "the ã token ***"),
        ("text/plain", f"{'e' * 290} {LONG}", f"{'e' * 290} ***"),
        ("text/plain", f"the token\n{LONG}\nis wrong", "the token *** is wrong"),
    ],
)
async def test_a_secret_is_taken_out_before_words_are_cut(kind: str, said: str, told: str):
    fake = FakeMcp()
    content = json.dumps({"error": said}) if "json" in kind else said
    fake.refuses = {"status_code": 422, "media_type": kind, "content": content}
    async with serving(fake.app) as port:
        real = {"url": f"http://127.0.0.1:{port}/mcp", "authorization": LONG}
        async with session(servers={"real": real}) as tools:
            await tools.call(SERVER, "any", "")
            fake.session += 1
            error = await failure(tools.call(SERVER, "any", ""))
    assert f"(“{told}”)" in error.message
    assert LONG[:3] not in error.message


async def test_a_client_s_secret_is_taken_out_before_words_are_cut():
    fake = FakeMcp()
    fake.refuses = {"status_code": 422, "media_type": "text/plain", "content": f"no {LONG}"}
    async with serving(fake.app) as port:
        server = McpServer("mine", f"http://127.0.0.1:{port}/mcp", LONG)
        async with session(allowed_hosts=[f"http://127.0.0.1:{port}"]) as tools:
            await tools.call(server, "any", "")
            fake.session += 1
            error = await failure(tools.call(server, "any", ""))
    assert "(“no ***”)" in error.message


async def test_words_of_a_session_tell_of_it_though_they_are_hidden_as_a_header_is():
    fake = FakeMcp()
    fake.refuses = {"status_code": 400, "media_type": "text/plain", "content": "unknown session"}
    async with serving(fake.app) as port:
        headers = {"X-Mode": "session"}
        real = {"url": f"http://127.0.0.1:{port}/mcp", "headers": headers}
        async with session(servers={"real": real}) as tools:
            await tools.call(SERVER, "any", "")
            fake.session += 1
            assert await tools.call(SERVER, "any", "") == "ok"


async def test_a_refusal_that_never_ends_is_told_by_its_status():
    fake = FakeMcp()
    fake.refuses = {"status_code": 400, "endless": True}
    async with faking(fake) as tools:
        await tools.call(SERVER, "any", "")
        fake.session += 1
        error = await failure(tools.call(SERVER, "any", ""))
        assert (error.type, error.code) == ("http_error", 400)
        assert await tools.call(SERVER, "any", "") == "ok"
