"""Real servers of the official SDK, by every way to them: lists, calls, failures, changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from session.mcp import McpServer, ToolServers
from tests.tool_servers.using import SERVER, command, failure, real_server, session

KINDS = ["streamable", "older", "sse", "stdio"]


@asynccontextmanager
async def connected(kind: str, **mcp: Any) -> AsyncIterator[ToolServers]:
    """Yield a session whose server `real` is of a kind."""
    if kind == "stdio":
        async with session(servers={"real": command()}, **mcp) as tools:
            yield tools
        return
    async with real_server(kind) as url, session(servers={"real": {"url": url}}, **mcp) as tools:
        yield tools


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_are_listed_and_called_and_fail_and_change(kind: str):
    async with connected(kind, max_result_kib=1024) as tools:
        changed: asyncio.Queue[McpServer] = asyncio.Queue()
        tools.on_change(changed.put_nowait)
        listed = {tool.name: tool for tool in await tools.list_tools(SERVER)}
        assert listed["add"].description == "Adds two numbers."
        assert set(listed["add"].input_schema["properties"]) == {"a", "b"}
        assert await tools.call(SERVER, "add", '{"a": 2, "b": 3}') == "5"

        error = await failure(tools.call(SERVER, "fail", ""))
        assert (error.type, error.code) == ("tool_execution_error", None)
        assert "the shop is closed" in error.message

        # SSE has a bound of its own, of 1 MiB, and the SDK's servers send a result twice.
        kib = 450 if kind == "sse" else 1000
        assert len(await tools.call(SERVER, "large", f'{{"kib": {kib}}}')) == kib * 1024

        assert await tools.call(SERVER, "grow", "{}") == "grown"
        async with asyncio.timeout(30):
            assert await changed.get() == SERVER
        # The answer comes behind all that was told before it.
        assert await tools.call(SERVER, "count", "{}")
        told = 1 + changed.qsize()
        assert told == 1, "once for a notice"
        assert "grown" in {tool.name for tool in await tools.list_tools(SERVER)}
        assert await tools.call(SERVER, "grown", "{}") == "new"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_server_may_ask_of_other_clients_is_named(kind: str):
    async with connected(kind) as tools:
        for name, asked in [("ask", "elicitation"), ("think", "sampling")]:
            error = await failure(tools.call(SERVER, name, "{}"))
            assert error.type == "protocol_error"
            assert error.message == (
                f"MCP server real: it asked for {asked}, which this server does not offer."
            )


async def test_every_kind_of_content_becomes_text():
    async with connected("stdio") as tools:
        told = (await tools.call(SERVER, "everything", "")).splitlines()
        assert told == [
            "first",
            "[image, image/png, 300 bytes, not shown]",
            "[audio, audio/wav, 300 bytes, not shown]",
            "a note",
            "[file file:///a.zip, application/zip, 300 bytes, not shown]",
            "[link to manual, https://example.com/m]",
        ]
        assert await tools.call(SERVER, "structured", "") == '{"städte": ["Köln"]}'
        # Beside the same as text, structured content is not told twice.
        told_once = await tools.call(SERVER, "weather", '{"city": "Rom"}')
        assert told_once.count("Rom") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_dies_fails_the_call_and_not_the_next(kind: str):
    if kind == "stdio":
        async with session(servers={"real": command()}) as tools:
            await _dies(tools)
            assert await tools.call(SERVER, "add", '{"a": 1, "b": 1}') == "2"
        return
    async with real_server(kind) as url:
        port = urlsplit(url).port or 0
        async with session(servers={"real": {"url": url}}, call_timeout_s=10) as tools:
            await _dies(tools)
            error = await failure(tools.call(SERVER, "add", '{"a": 1, "b": 1}'))
            assert error.type == "protocol_error"
            # Its socket may be seen to close before another one is refused.
            assert "cannot be reached" in error.message or "connection ended" in error.message
            async with real_server(kind, port):
                assert await tools.call(SERVER, "add", '{"a": 1, "b": 1}') == "2"


async def _dies(tools: ToolServers) -> None:
    error = await failure(tools.call(SERVER, "die", ""))
    assert error.type == "protocol_error"
    assert error.message.startswith("MCP server real: the connection ended before it had answered")


@pytest.mark.parametrize("kind", ["streamable", "older", "sse"])
async def test_a_server_that_was_started_anew_is_connected_to_again(kind: str):
    """A call that it cannot have taken is made once more; one that it may have taken is not."""
    changed: list[McpServer] = []
    async with real_server(kind) as url:
        tools_of = session(servers={"real": {"url": url}})
        tools = await tools_of.__aenter__()
        tools.on_change(changed.append)
        assert await tools.call(SERVER, "count", "") == "1"
        assert changed == []
    async with real_server(kind, urlsplit(url).port or 0):
        assert await tools.call(SERVER, "count", "") == "1"
        assert changed == [SERVER], "it may have other tools now"
        await tools.list_tools(SERVER)
        assert changed == [SERVER]
        await tools_of.__aexit__(None, None, None)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_hangs_ends_in_time_and_keeps_no_other_from_its_answer(kind: str):
    async with connected(kind, call_timeout_s=2) as tools:
        assert await tools.call(SERVER, "add", '{"a": 1, "b": 1}') == "2"
        hanging = asyncio.create_task(failure(tools.call(SERVER, "hang", "")))
        assert await tools.call(SERVER, "add", '{"a": 1, "b": 2}') == "3"
        error = await hanging
        assert error.message == (
            "MCP server real: it did not answer within 2 s (mcp.call_timeout_s)."
        )
        assert await tools.call(SERVER, "add", '{"a": 1, "b": 3}') == "4"


async def test_a_call_that_is_cancelled_leaves_the_connection_as_it_is():
    async with connected("stdio") as tools:
        before = await tools.call(SERVER, "process_id", "")
        hanging = asyncio.create_task(tools.call(SERVER, "hang", ""))
        await tools.call(SERVER, "add", '{"a": 1, "b": 1}')
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await tools.call(SERVER, "process_id", "") == before


async def test_a_result_that_is_too_long_is_refused_by_name():
    async with connected("streamable", max_result_kib=8) as tools:
        error = await failure(tools.call(SERVER, "large", '{"kib": 9}'))
        assert error.type == "tool_execution_error"
        assert "9 KiB" in error.message
        assert "mcp.max_result_kib" in error.message
        # Longer than what is read at all.
        error = await failure(tools.call(SERVER, "large", '{"kib": 5000}'))
        assert error.message == (
            "MCP server real: its answer cannot be used (it is longer than 4096 KiB)."
        )
        assert await tools.call(SERVER, "add", '{"a": 1, "b": 1}') == "2"


@pytest.mark.parametrize("arguments", ["[]", "{", '"a"', "1"])
async def test_arguments_that_are_no_object_are_not_sent(arguments: str):
    async with connected("stdio") as tools:
        error = await failure(tools.call(SERVER, "add", arguments))
        assert error.type == "protocol_error"
        assert "no JSON object" in error.message


async def test_tools_that_the_operator_leaves_out_are_neither_listed_nor_called():
    async with session(servers={"real": {**command(), "allowed_tools": ["add"]}}) as tools:
        assert [tool.name for tool in await tools.list_tools(SERVER)] == ["add"]
        error = await failure(tools.call(SERVER, "count", ""))
        assert "allowed_tools" in error.message


async def test_each_session_has_its_own_connection():
    servers = {"real": command()}
    async with session(servers=servers) as one, session(servers=servers) as other:
        await one.call(SERVER, "count", "")
        assert await one.call(SERVER, "count", "") == "2"
        assert await other.call(SERVER, "count", "") == "1"


async def test_a_label_that_stands_for_another_server_now_is_connected_to_that():
    async with real_server("streamable") as url, real_server("streamable") as other:
        allowed = [url[:-4], other[:-4]]
        async with session(allowed_hosts=allowed, call_timeout_s=3) as tools:
            hanging = asyncio.create_task(failure(tools.call(McpServer("mine", url), "hang", "")))
            before = await tools.call(McpServer("mine", url), "process_id", "")
            after = await tools.call(McpServer("mine", other), "process_id", "")
            assert before != after
            # What the former was asked is waited for.
            assert "within 3 s" in (await hanging).message


async def test_a_session_may_not_be_connected_to_any_number_of_servers():
    async with real_server("streamable") as url, session(allowed_hosts=[url[:-4]]) as tools:
        named = [McpServer(f"s{number}", url) for number in range(64)]
        tools.keep(frozenset(named))
        for server in named:
            await tools.call(server, "add", '{"a": 1, "b": 1}')
        error = await failure(tools.list_tools(McpServer("one-more", url)))
        assert "64 MCP servers, and names as many: leave out some" in error.message


async def test_servers_that_a_session_no_longer_names_make_room_for_others():
    changed: list[McpServer] = []
    async with real_server("streamable") as url, session(allowed_hosts=[url[:-4]]) as tools:
        tools.on_change(changed.append)
        named = [McpServer(f"s{number}", url) for number in range(64)]
        for server in named:
            await tools.call(server, "count", "")
        tools.keep(frozenset(named[:2]))
        others = [McpServer(f"t{number}", url) for number in range(3)]
        for server in others:
            await tools.call(server, "count", "")
        assert changed == []
        for server in named[:2]:
            await tools.call(server, "count", "")
        assert changed == [], "those that are named were not left"
        await tools.call(named[2], "count", "")
        assert changed == [named[2]], "it was left, and may have changed meanwhile"


async def test_servers_that_were_left_and_still_have_something_to_do_are_bounded():
    async with real_server("streamable") as url:
        servers = session(allowed_hosts=[url[:-4]], call_timeout_s=600)
        tools = await servers.__aenter__()
        hanging: list[asyncio.Task[str]] = []
        for number in range(128):
            server = McpServer(f"s{number}", url)
            await tools.call(server, "count", "")
            hanging.append(asyncio.create_task(tools.call(server, "hang", "")))
            await asyncio.sleep(0)
        error = await failure(tools.call(McpServer("one-more", url), "count", ""))
        assert "64 MCP servers that were left still have something to do" in error.message
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await servers.__aexit__(None, None, None)


async def test_requests_at_once_make_one_connection():
    async with connected("stdio") as tools:
        ids = await asyncio.gather(*(tools.call(SERVER, "process_id", "") for _ in range(5)))
        assert len(set(ids)) == 1


async def test_a_response_s_server_of_a_label_leaves_the_session_s_as_it_is():
    own = McpServer("real")
    servers = {"real": command()}
    async with (
        real_server("streamable") as url,
        session(servers=servers, allowed_hosts=[url[:-4]]) as tools,
    ):
        assert await tools.call(own, "count", "") == "1"
        assert await tools.call(McpServer("real", url), "count", "") == "1"
        assert await tools.call(own, "count", "") == "2"


async def test_a_session_stays_connected_to_two_servers_of_a_label():
    """And no more: what a client calls by one label is not connected to without end."""
    changed: list[McpServer] = []
    async with real_server("streamable") as url, session(allowed_hosts=[url[:-4]]) as tools:
        tools.on_change(changed.append)
        first, second, third = (McpServer("mine", url, key) for key in ("a", "b", "c"))
        for server in (first, second, first, third, first):
            await tools.call(server, "count", "")
        assert changed == []
        await tools.call(second, "count", "")
        assert changed == [second], "it was left, and may have changed meanwhile"
