"""Servers that answer wrongly: every failure is told in the wire's terms, and none does harm."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from session.mcp import McpServer
from tests.support.running_server import serving
from tests.tool_servers.fake_http import FakeMcp, tool
from tests.tool_servers.using import SECRET, SERVER, failure, faking, session


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "401 Unauthorized: its authorization or headers are missing"),
        (403, "403 Forbidden: its authorization or headers are missing"),
        (404, "404 Not Found"),
        (429, "429 Too Many Requests"),
        (500, "500 Internal Server Error"),
        (503, "503 Service Unavailable"),
    ],
)
async def test_a_status_is_an_http_error(status: int, told: str):
    fake = FakeMcp()
    async with faking(fake) as tools:
        assert await tools.call(SERVER, "any", "") == "ok"
        fake.status = status
        error = await failure(tools.call(SERVER, "any", ""))
        assert (error.type, error.code) == ("http_error", status)
        assert told in error.message
        fake.status = None
        assert await tools.call(SERVER, "any", "") == "ok"


async def test_a_status_with_a_reason_tells_it():
    fake = FakeMcp()
    async with faking(fake) as tools:
        await tools.call(SERVER, "any", "")
        fake.status, fake.reason = 400, "the moon is full"
        error = await failure(tools.call(SERVER, "any", ""))
    assert (error.type, error.code) == ("http_error", 400)
    assert "400 Bad Request (“the moon is full”)" in error.message


@pytest.mark.parametrize("code", [-32000, -32001, -32603, 0, 7])
async def test_an_error_of_a_server_is_told_as_its_own(code: int):
    """-32000 is what most servers have for all their errors, and `mcp` for lost connections."""
    fake = FakeMcp()
    fake.refuses = {"status_code": 400}
    async with faking(fake) as tools:
        await tools.list_tools(SERVER)
        for said in ("quota exceeded, try tomorrow", "Connection closed"):
            fake.error = {"code": code, "message": said}
            error = await failure(tools.call(SERVER, "any", ""))
            assert (error.type, error.code) == ("protocol_error", code)
            assert error.message == f"MCP server real: it answered “{said}”."
        fake.error = None
        assert await tools.call(SERVER, "any", "") == "ok"
    assert sum(asked["method"] == "initialize" for asked in fake.asked) == 1


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_server_that_lets_nobody_in_is_an_http_error_too(status: int):
    fake = FakeMcp()
    fake.status = status
    async with faking(fake) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert (error.type, error.code) == ("http_error", status)


async def test_credentials_are_sent_and_shown_nowhere(lines: list[str]):
    fake = FakeMcp()
    hidden = {"a": {"type": f"Bearer {SECRET}"}}
    fake.tools = [tool("any", {"type": "object", "properties": hidden})]
    async with faking(fake) as tools:
        await tools.list_tools(SERVER)
        fake.result = {
            "isError": True,
            "content": [{"type": "text", "text": f"Bearer {SECRET} of team-9-of-us is wrong"}],
        }
        error = await failure(tools.call(SERVER, "any", ""))
        assert error.message == "Bearer *** of *** is wrong"
        fake.result = {"content": [{"type": "text", "text": f"you are {SECRET}"}]}
        assert await tools.call(SERVER, "any", "") == "you are ***"
        fake.result = json.dumps({"jsonrpc": SECRET}).encode()
        told = await failure(tools.call(SERVER, "any", ""))
    assert SECRET not in told.message
    assert all(sent["authorization"] == f"Bearer {SECRET}" for sent in fake.headers)
    assert all(sent["x-team"] == "team-9-of-us" for sent in fake.headers)
    assert not [line for line in lines if SECRET in line or "team-9" in line]
    assert [line for line in lines if "1 of its tools left out: 'any'" in line]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_elsewhere_is_not_followed(status: int):
    other = FakeMcp()
    fake = FakeMcp()
    async with serving(other.app) as port:
        fake.location, fake.status = f"http://127.0.0.1:{port}/elsewhere?key=abcdef", status
        async with faking(fake) as tools:
            error = await failure(tools.list_tools(SERVER))
    assert (error.type, error.code) == ("http_error", status)
    assert "not followed" in error.message
    assert "abcdef" not in error.message
    assert other.asked == []


@pytest.mark.parametrize(("status", "followed"), [(302, False), (307, True), (308, True)])
async def test_a_redirect_within_the_origin_is_followed_if_the_message_goes_along(
    status: int, followed: bool
):
    fake = FakeMcp()
    async with (
        serving(fake.app) as port,
        session(allowed_hosts=[f"http://127.0.0.1:{port}"]) as tools,
    ):
        fake.location, fake.status = "/elsewhere", status
        await failure(tools.list_tools(McpServer("real", f"http://127.0.0.1:{port}/mcp")))
    assert ({"method": "elsewhere"} in fake.asked) is followed


async def test_an_unknown_version_of_the_protocol_is_named():
    fake = FakeMcp()
    fake.version = "1999-01-01"
    async with faking(fake) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert error.type == "protocol_error"
    assert "1999-01-01" in error.message


@pytest.mark.parametrize("page", [100, 20_000])
async def test_ten_thousand_tools_are_refused_by_name(page: int):
    fake = FakeMcp()
    fake.tools, fake.page = [tool(f"t{number}") for number in range(10_000)], page
    async with faking(fake, max_tools=300) as tools:
        error = await failure(tools.list_tools(SERVER))
        assert "more than 300 tools" in error.message
        assert "mcp.max_tools" in error.message
        fake.tools = fake.tools[:300]
        assert len(await tools.list_tools(SERVER)) == 300
    # What would have followed the page that was too many was not asked for.
    assert sum(asked["method"] == "tools/list" for asked in fake.asked) < 10


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": 7}}},
        {"type": "object", "properties": {"a": 7}},
        {"type": "object", "properties": []},
        {"type": "object", "required": "a"},
        {"type": "object", "$schema": 1},
        {"type": 17},
        {"type": "array"},
        {"properties": {}},
        "text",
        None,
    ],
)
async def test_a_tool_with_a_schema_that_is_none_is_left_out_and_logged(
    schema: Any, lines: list[str]
):
    fake = FakeMcp()
    fake.tools = [tool("good"), {"name": "bad", "inputSchema": schema}, tool("better")]
    async with faking(fake) as tools:
        assert [listed.name for listed in await tools.list_tools(SERVER)] == ["good", "better"]
        fake.tools[1] = {"name": "bad"}
        assert [listed.name for listed in await tools.list_tools(SERVER)] == ["good", "better"]
    assert [line for line in lines if "1 of its tools left out: 'bad' (its input" in line]


async def test_a_secret_is_taken_out_of_the_log_before_it_is_cut(lines: list[str]):
    fake = FakeMcp()
    wrong = {"type": "object", "properties": {"a": {"type": f"{'x' * 190}{SECRET}"}}}
    fake.tools = [tool(f"{'n' * 60}{SECRET}", wrong)]
    async with faking(fake) as tools:
        assert await tools.list_tools(SERVER) == []
    (told,) = [line for line in lines if "1 of its tools left out" in line]
    assert "xxx" in told
    assert SECRET[:4] not in told.partition("left out")[2]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"description": 5}, "its description is no text"),
        ({"title": ["a"]}, "its title is no text"),
        ({"annotations": 5}, "its annotations are not what MCP prescribes"),
        ({"annotations": 0}, "its annotations are not what MCP prescribes"),
        ({"annotations": [1]}, "its annotations are not what MCP prescribes"),
        ({"annotations": {"readOnlyHint": "perhaps"}}, "its annotations are not what MCP"),
        ({"annotations": {"title": 5}}, "its annotations are not what MCP prescribes"),
    ],
)
async def test_a_tool_that_is_described_wrongly_is_left_out_alone(
    wrong: dict[str, Any], told: str, lines: list[str]
):
    fake = FakeMcp()
    odd = {"icons": 5, "execution": 5, "_meta": 5, "outputSchema": 5, "annotations": None}
    fake.tools = [tool("good"), {**tool("bad"), **wrong}, {**tool("better"), **odd}]
    async with faking(fake) as tools:
        assert [listed.name for listed in await tools.list_tools(SERVER)] == ["good", "better"]
    assert [line for line in lines if f"1 of its tools left out: 'bad' ({told}" in line]


async def test_tools_that_are_too_large_for_a_model_are_left_out_or_cut(lines: list[str]):
    fake = FakeMcp()
    long = {"type": "object", "properties": {"a": {"type": "string", "description": "é" * 9000}}}
    fake.tools = [
        tool("n" * 128),
        tool("n" * 129),
        tool(""),
        tool("large", long),
        {**tool("marked"), "annotations": {"title": "t" * 20_000}},
        {**tool("told"), "description": "d" * 1024},
        {**tool("cut"), "description": "d" * 1025},
        {**tool("titled"), "title": "t" * 5000},
    ]
    async with faking(fake) as tools:
        listed = {one.name: one.description for one in await tools.list_tools(SERVER)}
    assert list(listed) == ["n" * 128, "told", "cut", "titled"]
    assert listed["told"] == "d" * 1024
    assert all(len(listed[name]) == 1024 for name in ("cut", "titled"))
    assert listed["cut"].endswith("d… (cut)")
    (told,) = [line for line in lines if "4 of its tools left out" in line]
    assert all(part in told for part in ("'large' (it has 18 KiB", "'marked'", "1 to 128 char"))
    assert [line for line in lines if "2 of its tools are cut" in line and "'titled'" in line]


async def test_a_list_of_tools_tells_no_key_of_the_servers():
    fake = FakeMcp()
    schema = {
        "type": "object",
        "properties": {"api_key": {"type": "string", "default": SECRET}, "q": {"enum": [SECRET]}},
    }
    fake.tools = [
        {
            **tool("search", schema),
            "description": "d" * 1000 + SECRET,
            "annotations": {"title": f"by {SECRET}"},
        }
    ]
    async with faking(fake) as tools:
        (listed,) = await tools.list_tools(SERVER)
    assert listed.input_schema["properties"]["q"] == {"enum": ["***"]}
    assert listed.description == "d" * 1000 + "***"
    assert listed.annotations is not None and listed.annotations["title"] == "by ***"
    assert SECRET[:8] not in repr(listed)


async def test_a_list_that_no_request_should_carry_is_refused_by_name():
    fake = FakeMcp()
    schema = {"type": "object", "description": "x" * 15_000}
    fake.tools = [tool(f"t{number}", schema) for number in range(20)]
    async with faking(fake) as tools:
        error = await failure(tools.list_tools(SERVER))
        assert error.type == "protocol_error"
        assert "no more than 256 are taken" in error.message
        fake.tools = fake.tools[:10]
        assert len(await tools.list_tools(SERVER)) == 10


async def test_tools_that_are_left_out_count_and_are_logged_in_one_line(lines: list[str]):
    fake = FakeMcp()
    fake.tools = [{"name": f"bad{number}", "inputSchema": None} for number in range(9)]
    fake.tools.append(tool("good"))
    fake.page = 4
    async with faking(fake, max_tools=10) as tools:
        assert [one.name for one in await tools.list_tools(SERVER)] == ["good"]
        (told,) = [line for line in lines if "left out" in line]
        assert "9 of its tools left out: 'bad0' (" in told
        assert "'bad4' (" in told
        assert told.endswith("and 4 more")
        fake.tools.append(tool("one too many"))
        assert "more than 10 tools" in (await failure(tools.list_tools(SERVER))).message


async def test_a_note_of_a_server_leaves_no_tool_out():
    fake = FakeMcp()
    fake.tools = [{**tool("good"), "_meta": {"left out": "says the server"}}]
    async with faking(fake) as tools:
        assert [one.name for one in await tools.list_tools(SERVER)] == ["good"]


async def test_of_a_list_only_what_may_be_seen_is_read():
    fake = FakeMcp()
    fake.tools = [{"name": f"bad{number}", "inputSchema": None} for number in range(2000)]
    fake.tools.append(tool("good"))
    fake.page = 5000
    async with serving(fake.app) as port:
        real = {"url": f"http://127.0.0.1:{port}/mcp", "allowed_tools": ["good"]}
        async with session(servers={"real": real}, max_tools=1) as tools:
            assert [one.name for one in await tools.list_tools(SERVER)] == ["good"]


async def test_a_list_of_very_many_values_is_not_read(lines: list[str]):
    fake = FakeMcp()
    fake.tools = [{"name": "", "inputSchema": None}] * 130_000
    fake.page = len(fake.tools)
    async with faking(fake) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert error.type == "protocol_error"
    assert "more than 131328 values" in error.message
    assert not [line for line in lines if "left out" in line]


async def test_a_result_of_very_many_parts_or_values_is_refused_by_name():
    fake = FakeMcp()
    async with faking(fake) as tools:
        fake.result = {"content": [{"type": "text", "text": "z"}] * 1000}
        assert await tools.call(SERVER, "any", "") == "\n".join("z" * 1000)
        fake.result["content"] *= 2
        error = await failure(tools.call(SERVER, "any", ""))
        assert (error.type, error.code) == ("tool_execution_error", None)
        assert "more than 1000 parts" in error.message
        fake.result["content"] *= 25
        assert (
            "values, and no more are read" in (await failure(tools.call(SERVER, "any", ""))).message
        )
        # A text may be nothing but commas, and come twice.
        fake.result = {
            "content": [{"type": "text", "text": "," * 65_536}],
            "structuredContent": {"result": "," * 65_536},
        }
        assert await tools.call(SERVER, "any", "") == "," * 65_536


@pytest.mark.parametrize("code", [10**30, -(2**31) - 1])
async def test_a_code_that_not_every_client_can_read_is_not_passed_on(code: int):
    fake = FakeMcp()
    async with faking(fake) as tools:
        await tools.list_tools(SERVER)
        fake.error = {"code": code, "message": "too large"}
        error = await failure(tools.call(SERVER, "any", ""))
    assert "too large" in error.message
    assert error.wire()["code"] == 0


@pytest.mark.parametrize("answer", [b"{not json", b"[]", b'{"jsonrpc": "1.0"}'])
async def test_what_the_library_says_of_an_answer_reaches_no_client(answer: bytes):
    fake = FakeMcp()
    fake.result = answer
    async with faking(fake) as tools:
        error = await failure(tools.call(SERVER, "any", ""))
    assert error.message == "MCP server real: its answer is no message of JSON-RPC."


@pytest.mark.parametrize("wrong", [{"name": 1}, "tool"])
async def test_a_list_that_is_none_is_a_protocol_error(wrong: Any):
    fake = FakeMcp()
    fake.tools = [wrong]
    async with faking(fake) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert error.type == "protocol_error"
    assert "not what MCP prescribes" in error.message


@pytest.mark.parametrize(
    "answer", [b"", b"{", b"null", b"[]", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b'"' + b"a" * 9000]
)
async def test_an_answer_that_is_none_is_a_protocol_error(answer: bytes):
    fake = FakeMcp()
    fake.result = answer
    async with faking(fake) as tools:
        error = await failure(tools.call(SERVER, "any", ""))
        assert error.type == "protocol_error"
        assert len(error.message) < 2500
        fake.result = {"content": []}
        assert await tools.call(SERVER, "any", "") == ""


@pytest.mark.parametrize("result", [{"content": [{"type": "hologram"}]}, {"content": "text"}, {}])
async def test_a_result_of_another_form_is_a_protocol_error(result: Any):
    fake = FakeMcp()
    fake.result = result
    async with faking(fake) as tools:
        error = await failure(tools.call(SERVER, "any", ""))
    assert error.type == "protocol_error"


async def test_a_compressed_answer_is_refused_before_it_is_unpacked():
    fake = FakeMcp()
    fake.gzipped = True
    async with faking(fake) as tools:
        error = await failure(tools.call(SERVER, "any", ""))
    assert "compressed (gzip)" in error.message
    assert {sent["accept-encoding"] for sent in fake.headers} == {"identity"}


async def test_a_body_that_never_ends_is_given_up_in_time():
    fake = FakeMcp()
    async with faking(fake, call_timeout_s=1) as tools:
        await tools.call(SERVER, "any", "")
        fake.slow = True
        error = await failure(tools.call(SERVER, "any", ""))
        assert "within 1 s (mcp.call_timeout_s)" in error.message
        fake.slow = False
        assert await tools.call(SERVER, "any", "") == "ok"


async def test_the_time_of_a_call_begins_when_it_is_made():
    """More calls than are made at once wait, and the server knows nothing of those."""
    fake = FakeMcp()
    async with faking(fake, call_timeout_s=1) as tools:
        hanging = [asyncio.create_task(failure(tools.call(SERVER, "hang", ""))) for _ in range(32)]
        last = asyncio.create_task(tools.call(SERVER, "any", ""))
        errors = await asyncio.gather(*hanging)
        assert all("within 1 s" in error.message for error in errors)
        assert await last == "ok"
    calls = [asked for asked in fake.asked if asked["method"] == "tools/call"]
    assert len(calls) == 33


async def test_a_schema_of_results_is_not_looked_at():
    """`mcp` would match this pattern against this text, on the event loop, for years."""
    fake = FakeMcp()
    pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(a|a)+$"}}}
    fake.tools = [{**tool("any"), "outputSchema": pattern}]
    fake.result = {"content": [], "structuredContent": {"a": "a" * 60 + "!"}}
    async with faking(fake) as tools:
        await tools.list_tools(SERVER)
        assert "aaaa" in await tools.call(SERVER, "any", "")
