"""The server's side of a process that runs llama.cpp (`llama_worker.py`)."""

from __future__ import annotations

import asyncio
import json
import re
from asyncio.subprocess import PIPE, Process
from collections import deque
from pathlib import Path

from providers.in_process.child_process import start_child, stop_child
from providers.llm.llama_worker import Setup

_PROGRAM = Path(__file__).with_name("llama_worker.py")
_REASON = re.compile(r"error loading model: (?:llama_model_loader: )?(.*)")
_STAMP = re.compile(r"^[\d.]+ [A-Z] (?:[\w~]+ +)?[\w~]+: ")
"""Time, level and function before what llama.cpp says."""


class LlamaError(Exception):
    """The process cannot load its model; the message is llama.cpp's reason."""


class LlamaProcess:
    """A running `llama_worker.py`."""

    def __init__(self, process: Process) -> None:
        """Wrap a process; `launch` starts one."""
        self._process = process
        self._said: deque[str] = deque(maxlen=30)
        self._listening = asyncio.create_task(self._listen(), name="llama.cpp")
        self.address = ""
        """Its origin on loopback."""
        self.context_tokens = 0
        """Tokens that a conversation and its answer may have."""

    @classmethod
    async def launch(cls, setup: Setup) -> LlamaProcess:
        """Start a process and wait until its model is loaded.

        Raises:
            LlamaError: It cannot be loaded.
        """
        process = await start_child(_PROGRAM, stderr=PIPE)
        launched = cls(process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            # Not in its arguments, which every user of the machine may read.
            process.stdin.write(json.dumps(setup).encode() + b"\n")
            report = await process.stdout.readline()
        except BaseException:
            await launched.stop()
            raise
        if not report.endswith(b"\n"):
            status = await launched.stop()
            raise LlamaError(launched._reason() or f"it ended with status {status}")
        told = json.loads(report)
        launched.address, launched.context_tokens = told["address"], told["context_tokens"]
        return launched

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> str:
        """Wait until the process ends, and return why."""
        status = await self._process.wait()
        return self._reason() or f"exit status {status}"

    async def stop(self) -> int:
        """End the process and return its exit status; one that hangs is killed."""
        status = await stop_child(self._process)
        await self._listening
        return status

    def _reason(self) -> str:
        """Return what was wrong, in llama.cpp's own words."""
        told = [found[1] for line in self._said if (found := _REASON.search(line))]
        return told[-1] if told else _STAMP.sub("", next(reversed(self._said), ""))

    async def _listen(self) -> None:
        """Read what it writes to standard error, so that it never waits, and keep the end."""
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self._said.append(line.decode(errors="replace").strip())
