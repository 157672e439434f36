"""The operator hears of MCP servers that cannot be used: by `--check`, and at start."""

from __future__ import annotations

import asyncio

import pytest
from loguru import logger

from config import load_settings
from serving.command_line import run_check
from tests.support.running_server import SCRIPTED, plain_http, running, scripted_settings, serving
from tests.tool_servers.fake_http import FakeMcp
from tests.tool_servers.using import command
from tool_servers.servers import McpServers
from tool_servers.trials import try_servers

GONE = {"url": "http://127.0.0.1:9/mcp?key=hidden", "authorization": "tk-very-secret"}


async def test_each_server_is_tried_by_itself():
    mcp = {"servers": {"works": command(), "gone": GONE}}
    works, gone = await try_servers(McpServers(load_settings(mcp=mcp)))
    assert (works.label, works.error, works.reached) == ("works", None, True)
    assert works.tools > 5
    assert (gone.where, gone.reached) == ("http://127.0.0.1:9", False)
    assert gone.error is not None
    assert "cannot be reached" in gone.error


@pytest.mark.parametrize("code", [-32000, -32001])
async def test_a_server_that_answers_with_an_error_was_reached(code: int):
    """Its own codes may be those by which MCP tells of a server that is not there."""
    fake = FakeMcp()
    fake.list_error = {"code": code, "message": "no quota"}
    async with serving(fake.app) as port:
        mcp = {"servers": {"poor": {"url": f"http://127.0.0.1:{port}/mcp"}}}
        (poor,) = await try_servers(McpServers(load_settings(mcp=mcp)))
    assert (poor.error, poor.reached) == ("MCP server poor: it answered “no quota”.", True)


def test_the_check_names_them_and_fails_with_one_that_is_not_there(capsys):
    assert run_check(load_settings(**SCRIPTED, mcp={"servers": {"works": command()}})) == 0
    said = capsys.readouterr().out
    assert "MCP  works" in said
    assert "tools" in said
    assert run_check(load_settings(**SCRIPTED, mcp={"servers": {"gone": GONE}})) == 1
    said = capsys.readouterr().out
    assert "MCP server gone: it cannot be reached" in said
    assert "hidden" not in said
    assert "secret" not in said


def test_the_check_names_tools_of_the_settings_that_are_not_there(capsys):
    asked = {"never": {"tool_names": ["add", "cuont"]}}
    works = {**command(), "allowed_tools": ["add", "count", "ad"], "require_approval": asked}
    assert run_check(load_settings(**SCRIPTED, mcp={"servers": {"works": works}})) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "has 2 tools, but none called ad, cuont, which its settings name" in said


async def test_the_start_warns_of_one_and_is_ready_all_the_same():
    warned: asyncio.Queue[str] = asyncio.Queue()
    sink = logger.add(lambda line: warned.put_nowait(line.record["message"]), level="WARNING")
    try:
        odd = {**command(), "allowed_tools": ["add", "nobody"]}
        settings = scripted_settings(mcp={"servers": {"gone": GONE, "odd": odd}})
        async with running(settings) as server, asyncio.timeout(30), plain_http() as http:
            told, of_names = sorted([await warned.get(), await warned.get()])
            assert (await http.get(f"{server.http}/ready")).status_code == 200
    finally:
        logger.remove(sink)
    assert told.startswith("MCP server gone: it cannot be reached")
    assert "mcp.servers.gone" in told
    assert "secret" not in told
    assert (
        of_names == "MCP server odd: it lists no tools called nobody, which mcp.servers.odd names"
    )
