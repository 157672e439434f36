"""The store that gateways share: a real server of Redis' protocol, at a host of its own."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import ClassVar

from config import LimitsConfig
from tests.cluster.ledger import PATIENCE_S
from tests.cluster.network import at

HOST = "store"
_PROGRAMS = ("redis-server", "valkey-server")
_PORT = 6379


def program() -> str | None:
    """Return the name of a server of Redis' protocol that is installed."""
    return next(filter(shutil.which, _PROGRAMS), None)


def refusal() -> str | None:
    """Return why gateways can share no store here; None: they can."""
    if "store" not in LimitsConfig.model_fields:
        return "this server has no setting limits.store"
    return None if program() else f"none of {', '.join(_PROGRAMS)} is installed"


class Store:
    """One server, which keeps nothing on a disk: what it held is gone with it."""

    ADDRESS: ClassVar[str] = "10.77.0.5"

    def __init__(self, folder: Path) -> None:
        """Prepare.

        Args:
            folder: Where it works.
        """
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """`limits.store` of the gateways."""
        return f"redis://{self.ADDRESS}:{_PORT}/0"

    async def start(self) -> None:
        """Start it, and wait until it takes connections."""
        name = program()
        assert name is not None, "there is no program"
        self._process = await asyncio.create_subprocess_exec(
            *at(HOST, name, "--save", "", "--appendonly", "no", "--protected-mode", "no"),
            *("--bind", self.ADDRESS, "--port", str(_PORT), "--dir", str(self._folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    _reader, writer = await asyncio.open_connection(self.ADDRESS, _PORT)
                except OSError:
                    assert self._process.returncode is None, f"{name} does not start"
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return

    async def end(self) -> None:
        """End it as a crash does."""
        assert self._process is not None, "it was not started"
        self._process.kill()
        await self._process.wait()
