"""A real server of Redis' protocol, of the system, for one test: it can end, hang and come back."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from serving.store.connection import StoreConnection, StoreUnreachable

PROGRAMS = ("redis-server", "valkey-server")
START_S = 30


class RedisServer:
    """A server on a Unix socket that keeps nothing on a disk."""

    def __init__(self, program: str, folder: Path, password: str) -> None:
        self._program = program
        self._folder = folder
        self._password = password
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"unix://{f':{password}@' if password else ''}{folder}/store.sock"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *(self._program, "--save", "", "--appendonly", "no", "--port", "0"),
            *("--unixsocket", str(self._folder / "store.sock"), "--dir", str(self._folder)),
            *("--requirepass", self._password),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(START_S):
            while not await self._answers():
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        """End it as a crash does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def hang(self) -> None:
        """Let it answer nothing more, with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End the hanging."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def ask(self, *command: str | int) -> Any:
        """Run one command by a connection of its own."""
        connection = StoreConnection(SecretStr(self.url))
        try:
            [answer] = await connection.run(command)
        finally:
            await connection.close()
        return answer

    async def _answers(self) -> bool:
        try:
            return bool(await self.ask("PING"))
        except StoreUnreachable:
            return False


@asynccontextmanager
async def redis_server(password: str = "") -> AsyncIterator[RedisServer]:
    """Run a server, or skip the test where none is installed.

    Args:
        password: That which it wants; empty: none.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("redis-server is not installed")
    # The path of a socket may have a hundred characters.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(program, Path(folder), password)
        try:
            await server.start()
            yield server
        finally:
            await server.end()
