"""Checks that a server leaves no resources behind once its clients are gone."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path

from answering.response_pipeline import ResponsePipeline
from realtime_session import RealtimeSession
from tests.support.running_server import RunningServer
from translation.session import TranslationSession

PATIENCE_S = 10.0
"""Seconds after which what is still there counts as a leak."""


def _sockets(pooled: int | None) -> set[str]:
    """Return the inodes of this process's sockets; empty where there is no /proc."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = os.readlink(entry)
        except OSError:  # it was closed meanwhile
            continue
        if target.startswith("socket:"):
            found.add(target.strip("socket:[]"))
    return found - _connections_with(pooled) if pooled else found


def _connections_with(port: int) -> set[str]:
    """Return the inodes of sockets that are connected to a port of this machine."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    at_port = f":{port:04X}"
    return {row[9] for row in rows if row[1].endswith(at_port) or row[2].endswith(at_port)}


class Leftovers:
    """Compares the process's resources with those at an earlier moment."""

    def __init__(
        self, server: RunningServer, temporary: Path | None = None, pooled: int | None = None
    ) -> None:
        """Record the present resources.

        Args:
            server: The server, in this process.
            temporary: The folder for temporary files, if nothing else writes there.
            pooled: The port of a service whose connections the whole process shares and keeps.
        """
        self._server = server
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())
        self._pooled = pooled
        self._sockets = _sockets(pooled)
        self._temporary = temporary
        self._files = self._temporary_files()
        # Frozen: most objects exist already, and later searches need not include them.
        gc.freeze()

    async def none(self, sessions: int = 0) -> None:
        """Wait until nothing is left behind; fail at the time-out.

        Args:
            sessions: Number of sessions that were open before and still are.
        """
        left: dict[str, object] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while left := self._found(sessions):
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"left behind: {left}") from None
        finally:
            gc.unfreeze()

    def _found(self, sessions: int) -> dict[str, object]:
        threads = [thread for thread in threading.enumerate() if thread not in self._threads]
        found: dict[str, object] = {
            "sessions": self._server.sessions.active - sessions,
            "tasks": [task for task in asyncio.all_tasks() - self._tasks if not task.done()],
            "threads": threads,
            "sockets": _sockets(self._pooled) - self._sockets,
            "files": self._temporary_files() - self._files,
        }
        # Last, because searching for objects is slow.
        if not any(found.values()):
            gc.collect()
            kinds = [type(thing) for thing in gc.get_objects()]
            found["kept sessions"] = kinds.count(RealtimeSession) + kinds.count(TranslationSession)
            found["kept responses"] = kinds.count(ResponsePipeline)
        return {name: things for name, things in found.items() if things}

    def _temporary_files(self) -> set[Path]:
        return set(self._temporary.iterdir()) if self._temporary else set()
