"""`python -m recordings as-client-test`, as it is run: what it prints, and its exit status."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from recordings.command import main
from tests.support.places import ROOT
from tests.support.recorded_side import PATIENCE_S, RECORDINGS, TOOLS, laid
from tests.support.running_server import plain_http

DOCUMENT = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
FILE = str(RECORDINGS / f"{TOOLS}.jsonl")


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the command, and yield the base URL that it says."""
    command = (sys.executable, "-m", "recordings", "as-client-test", FILE, "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        # Where tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"base URL is (http://127\.0\.0\.1:\d+/v1) ", line)
        assert found is not None, line
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def talk(base_url: str, instructions: str, without: int | None = None) -> None:
    """Do what the recorded client did, in the `openai` SDK's hands, but for one message."""
    sdk = AsyncOpenAI(api_key="none", base_url=base_url)
    messages = [one for at, one in enumerate(laid().of("client")) if at != without]
    async with sdk.realtime.connect(model="gpt-realtime") as connection:
        for message in messages:
            event = json.loads(message.written())
            if event.get("session", {}).get("instructions"):
                event["session"]["instructions"] = instructions
            await connection.send(event)
        done = 0
        async for event in connection:
            done += event.type == "response.done"
            if done == 4:
                break
    await sdk.close()


async def test_a_client_that_does_the_same_ends_it_with_0() -> None:
    async with running("--fast") as (process, base_url):
        async with plain_http() as http:
            # Who is no WebSocket client is answered, and is not the client that is waited for.
            assert (await http.get(base_url)).status_code == 426
            assert (await http.post(f"{base_url}/realtime/client_secrets")).is_client_error
        await talk(base_url, "Be brief.")
        status, out, err = await ended(process)
    sent = len(laid().of("server"))
    assert (status, err) == (0, "")
    assert out == f"no difference; 13 messages came, {sent} were sent\n"


async def test_a_client_that_does_not_is_told_how_and_ends_it_with_1() -> None:
    async with running("--fast") as (process, base_url):
        await talk(base_url, "Be long.")
        status, out, _err = await ended(process)
    assert status == 1
    lines = out.splitlines()
    assert lines[0].startswith("other    session.update (line 3) session.instructions")
    assert [line.strip() for line in lines[1:3]] == ['- "Be brief."', '+ "Be long."']
    assert lines[-1].startswith("differences: 1; 13 messages came, ")


async def test_it_prints_what_the_document_shows() -> None:
    section = DOCUMENT.partition("## Serve it to a client\n")[2]
    shown = re.findall(r"^```\n(waiting .*?)^```$", section, re.MULTILINE | re.DOTALL)[0]
    outputs = [at for at, one in enumerate(laid().of("client")) if "_output" in str(one.event)]
    async with running("--fast", "--patience", "0.3") as (process, base_url):
        await talk(base_url, "Be long.", without=outputs[1])
        _status, out, _err = await ended(process)
    head, _line, rest = shown.partition("\n")
    assert rest == out
    address = base_url.replace("http", "ws") + "/realtime"
    told = head.replace("8001", base_url.split(":")[2].removesuffix("/v1"))
    assert base_url in told and address in told


async def test_what_is_ignored_is_no_difference() -> None:
    async with running("--fast", "--ignore", "settings") as (process, base_url):
        await talk(base_url, "Be long.")
        status, _out, _err = await ended(process)
    assert status == 0


async def test_ctrl_c_ends_it_without_a_traceback() -> None:
    async with running() as (process, _base_url):
        process.send_signal(signal.SIGINT)
        status, out, err = await ended(process)
    assert (status, out, err.strip()) == (2, "", "")


def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    redacted = tmp_path / "redacted.jsonl"
    header = {"recording": 1, "session": "sess_1", "redacted": True}
    redacted.write_text(json.dumps(header) + '\n{"t": 1, "end": "x"}\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, told in (
            ([str(redacted)], f"error: {redacted}: is without words and audio"),
            ([str(tmp_path / "none.jsonl")], "No such file or directory"),
            ([FILE, "--port", port], f"error: cannot listen at 127.0.0.1:{port}: "),
        ):
            assert main(["as-client-test", *arguments]) == 2
            err = capsys.readouterr().err
            assert told in err
            assert err.count("\n") == 1


@pytest.mark.parametrize("argument", [["--patience", "0"], ["--port", "any"], ["--slow"]])
def test_a_bad_argument_is_refused(argument: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["as-client-test", FILE, *argument])
    assert refused.value.code == 2
    assert argument[0] in capsys.readouterr().err
