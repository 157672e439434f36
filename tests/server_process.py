"""A server in a process of its own, as its users start it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running_server import plain_http

ROOT = Path(__file__).parent.parent


@dataclass
class Process:
    """A server in a process of its own."""

    process: asyncio.subprocess.Process
    http: str

    @property
    def url(self) -> str:
        return f"{self.http.replace('http', 'ws')}/v1/realtime"

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def health(self) -> tuple[int, str]:
        async with plain_http() as http:
            answer = await http.get(f"{self.http}/health")
        return answer.status_code, answer.json()["status"]


@asynccontextmanager
async def server_process(**environment: str) -> AsyncIterator[Process]:
    """Serve scripted providers, unless `environment` says otherwise."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REALTIME_")}
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "main.py",
        "--port",
        "0",
        cwd=ROOT,
        env={**kept, **scripted, **environment, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (
                found := re.search(rb"ws://localhost:(\d+)", await process.stdout.readline())
            ):
                pass
        yield Process(process, f"http://127.0.0.1:{int(found[1])}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
