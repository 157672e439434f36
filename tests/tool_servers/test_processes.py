"""Processes of MCP servers: how many, what they are given, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from config import load_settings
from session.mcp import McpServer
from tests.support.places import ROOT
from tests.tool_servers.using import SERVER, command, failure, session
from tool_servers.servers import McpServers

linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a signal")


async def ended(process_id: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(30):
        while _runs(process_id):
            await asyncio.sleep(0.02)


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def group(process_id: int) -> list[int]:
    """Return the processes of a process's group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == process_id and _runs(int(entry.name)):
                found.append(int(entry.name))
        except ProcessLookupError:
            continue
    return found


async def started(tools: object) -> int:
    """Return the id of the session's process."""
    return int((await tools.call(SERVER, "process_id", "")).split()[0])  # type: ignore[attr-defined]


@linux
@pytest.mark.parametrize("arguments", [[], ["--stubborn"]])
async def test_the_end_of_a_session_ends_its_process_and_those_that_it_has_started(
    arguments: list[str],
):
    async with session(servers={"real": command(*arguments)}) as tools:
        process_id = await started(tools)
        assert len(group(process_id)) == 1 + len(arguments)
        await tools.close()
        # What was killed with its group is nobody's child here: the system ends it in its own time.
        for left in group(process_id):
            await ended(left)
        assert group(process_id) == []


@linux
async def test_the_end_of_the_server_ends_processes_of_sessions_that_did_not():
    servers = McpServers(load_settings(mcp={"servers": {"real": command()}}))
    ids = [await started(servers.session()) for _ in range(2)]
    await servers.close()
    assert not any(map(_runs, ids))


@linux
async def test_a_server_that_is_killed_leaves_no_process_behind():
    program = f"""
import asyncio, sys
from config import load_settings
from session.mcp import McpServer
from tool_servers.servers import McpServers

async def main():
    servers = McpServers(load_settings(mcp={{"servers": {{"real": {command("--stubborn")!r}}}}}))
    told = await servers.session().call(McpServer("real"), "process_id", "")
    print(told.split()[0], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=PIPE
    )
    assert server.stdout is not None
    process_id = int(await server.stdout.readline())
    helpers = [one for one in group(process_id) if one != process_id]
    assert _runs(process_id)
    server.kill()
    await server.wait()
    await ended(process_id)
    # What the command itself has started is its own to end; nothing here knows of it any more.
    for helper in helpers:
        os.kill(helper, signal.SIGKILL)


async def test_there_are_no_more_processes_than_allowed():
    servers = McpServers(load_settings(mcp={"servers": {"real": command()}, "max_processes": 1}))
    one, other = servers.session(), servers.session()
    try:
        await started(one)
        error = await failure(other.list_tools(SERVER))
        assert "mcp.max_processes" in error.message
        await one.close()
        assert await started(other)
    finally:
        await servers.close()


async def test_a_process_gets_its_own_environment_and_folder_and_none_of_the_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-server")
    monkeypatch.setenv("REALTIME_API_KEYS", "key-of-a-client-1234")
    real = {**command(), "env": {"TOKEN": "tk-of-the-tool"}, "cwd": str(tmp_path)}
    async with session(servers={"real": real}) as tools:
        told = await tools.call(SERVER, "environment", "")
        folder = (await tools.call(SERVER, "process_id", "")).split()[1]
    assert "sk-of-the-server" not in told
    assert "REALTIME_" not in told
    # It has the token, and whoever talks to it does not get it.
    assert "TOKEN=***" in told
    assert folder == str(tmp_path)


@pytest.mark.parametrize(
    ("real", "told"),
    [
        ({"command": "no-such-command-here"}, "its command is not there"),
        ({"command": "npx --token=secret-word"}, "arguments belong into args"),
        ({"command": sys.executable, "cwd": "/no/such/secret-word"}, "(cwd) does not exist"),
        ({"command": sys.executable, "args": ["-c", "raise SystemExit(1)"]}, "connection ended"),
        ({"command": sys.executable, "args": ["-c", "print('hello')"]}, "connection ended"),
    ],
)
async def test_a_command_that_does_not_work_is_named(real: dict[str, object], told: str):
    async with session(servers={"real": real}) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert error.type == "protocol_error"
    assert told in error.message
    assert "secret-word" not in error.message, "clients see it"


async def test_a_program_that_says_nothing_is_given_up_in_time():
    silent = {"command": sys.executable, "args": ["-c", "import sys; sys.stdin.read()"]}
    async with session(servers={"real": silent}, connect_timeout_s=1) as tools:
        error = await failure(tools.list_tools(SERVER))
    assert "within 1 s (mcp.connect_timeout_s)" in error.message


async def test_a_session_that_ends_while_it_connects_leaves_nothing():
    silent = {"command": sys.executable, "args": ["-c", "import sys; sys.stdin.read()"]}
    async with session(servers={"real": silent}) as tools:
        waiting = asyncio.create_task(tools.list_tools(McpServer("real")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await tools.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("MCP ")]
