"""Starts a server in a process of its own, as users do."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.places import ROOT
from tests.support.running_server import plain_http

START_S = 180
"""Seconds after which a server does not start any more; under strace, on a busy machine, it takes
a minute."""


@dataclass
class Process:
    """A server in a process of its own."""

    process: asyncio.subprocess.Process
    http: str
    log: IO[bytes]
    """What it wrote to stderr."""

    @property
    def url(self) -> str:
        return f"{self.http.replace('http', 'ws')}/v1/realtime"

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    def logged(self) -> str:
        self.log.seek(0)
        return self.log.read().decode()

    async def health(self) -> tuple[int, str]:
        async with plain_http() as http:
            answer = await http.get(f"{self.http}/health")
        return answer.status_code, answer.json()["status"]


@asynccontextmanager
async def server_process(
    *, host: str = "127.0.0.1", port: int | str = 0, **environment: str
) -> AsyncIterator[Process]:
    """Serve scripted providers, unless `environment` says otherwise; port 0: a free one."""
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    command = [sys.executable, "main.py"]
    variables = {**scripted, **environment}
    async with started(command, ROOT, host=host, port=port, **variables) as server:
        yield server


@asynccontextmanager
async def started(
    command: Sequence[str],
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int | str = 0,
    **environment: str,
) -> AsyncIterator[Process]:
    """Start a server on a port, 0: a free one, in a folder, and wait until it serves.

    Args:
        command: Starts it.
        folder: Where.
        host: An address of loopback.
        port: The port.
        environment: Variables of the server.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REALTIME_")}
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--host", host),
            *("--port", str(port)),
            cwd=folder,
            env={**kept, **environment, "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        try:
            yield Process(process, f"http://{host}:{await _port(process)}", log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@dataclass
class UnderUvicorn:
    """A server that uvicorn's own command line runs, `uvicorn main:app`."""

    http: str
    said: list[str]
    """The lines of its output and its log; complete once the server has ended."""


@asynccontextmanager
async def under_uvicorn(
    python: Sequence[str] = (sys.executable,), **environment: str
) -> AsyncIterator[UnderUvicorn]:
    """Serve scripted providers as talkatively as uvicorn can, and end with a signal.

    Args:
        python: What runs Python.
        environment: Variables of the server.
    """
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    scripted["REALTIME_WEBRTC__UDP_PORT"] = "0"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REALTIME_")}
    command = ["-m", "uvicorn", "main:app", "--port", "0", "--log-level", "trace"]
    process = await asyncio.create_subprocess_exec(
        *python,
        *command,
        cwd=ROOT,
        env={**kept, **scripted, **environment, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said: list[str] = []
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    reading = asyncio.create_task(_read(process, said, ready))
    try:
        async with asyncio.timeout(START_S):
            yield UnderUvicorn(f"http://127.0.0.1:{await ready}", said)
    finally:
        if process.returncode is None:
            process.terminate()
        await reading
        await process.wait()


async def _read(
    process: asyncio.subprocess.Process, said: list[str], ready: asyncio.Future[int]
) -> None:
    """Read all lines, so that the process never waits, and tell its port when it serves."""
    assert process.stdout is not None
    async for line in process.stdout:
        said.append(line.decode())
        everything = "".join(said) if not ready.done() else ""
        found = re.search(r"running on http://127.0.0.1:(\d+)", everything)
        # The banner's last line comes when the providers have started.
        if found and "  TTS  " in everything:
            ready.set_result(int(found[1]))
    if not ready.done():
        ready.set_exception(AssertionError("the server ended before it was ready"))


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while True:
            line = await process.stdout.readline()
            assert line, "the server ended before it was ready"
            if found := re.search(rb"(?:ws|http)://(?:localhost|[\d.]+):(\d+)", line):
                return int(found[1])
