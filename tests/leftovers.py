"""What a server may not leave behind once its clients are gone."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
from pathlib import Path

from realtime_session import RealtimeSession
from response_pipeline import ResponsePipeline
from tests.running_server import RunningServer

PATIENCE_S = 10.0
"""What is still there after this long stays."""


def _sockets() -> set[str]:
    """The sockets this process holds, by inode; nothing where there is no /proc."""
    found = set()
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            target = os.readlink(entry)
        except OSError:  # it was closed meanwhile
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _temporary_files() -> set[str]:
    return {entry.name for entry in os.scandir(tempfile.gettempdir())}


class Leftovers:
    """Compares what there is with what there was.

    Temporary files are compared as well, so give the test a folder of its own for them
    its own.
    """

    def __init__(self, server: RunningServer) -> None:
        """Take down what there is now."""
        self._server = server
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())
        self._sockets = _sockets()
        self._files = _temporary_files()

    async def none(self) -> None:
        """Wait until the sessions have let go of everything; the time-out is the verdict."""
        left: dict[str, object] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while left := self._found():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"left behind: {left}") from None

    def _found(self) -> dict[str, object]:
        threads = [thread for thread in threading.enumerate() if thread not in self._threads]
        found: dict[str, object] = {
            "sessions": self._server.connections.active,
            "tasks": [task for task in asyncio.all_tasks() - self._tasks if not task.done()],
            "threads": threads,
            "sockets": _sockets() - self._sockets,
            "files": _temporary_files() - self._files,
        }
        # Looking for objects takes a while, so it comes last.
        if not any(found.values()):
            gc.collect()
            kinds = [type(thing) for thing in gc.get_objects()]
            found["objects"] = [kind for kind in kinds if kind in (RealtimeSession, ResponsePipeline)]
        return {name: things for name, things in found.items() if things}
