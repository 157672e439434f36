"""The server's side of a recogniser process, and the recognition that it works on."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.base import StageFailure
from providers.in_process.child_process import start_child, stop_child
from providers.stt.sphinx_worker import ABANDON, AUDIO, END, HEADER, START

_PROGRAM = Path(__file__).with_name("sphinx_worker.py")
_MAX_LINE_BYTES = 1 << 20


class RecogniserError(StageFailure):
    """A turn could not be recognised, or no recogniser could be started."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result of a turn."""

    text: str
    mean: str
    """Cepstral mean of the speaker, for the next turn of the same session."""


class Recognition:
    """One turn, from its first audio to its transcript. `SphinxPool.open` begins one."""

    def __init__(self, mean: str) -> None:
        """Begin without audio and without a process.

        Args:
            mean: `Transcript.mean` of the speaker's last turn; empty if there is none.
        """
        self.mean = mean
        self.process: SphinxProcess | None = None
        self.committed = False
        self.waiting: bytearray | None = bytearray()
        """Audio buffered until a process is free; None once the open turn has lost its process."""
        self._interims: asyncio.Queue[str | None] = asyncio.Queue()
        self._result: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        # Marks the exception as retrieved: the session may no longer wait when the turn fails.
        self._result.add_done_callback(lambda done: done.cancelled() or done.exception())

    @property
    def done(self) -> bool:
        """Whether the turn has its result, has failed or was cancelled."""
        return self._result.done()

    def feed(self, audio: bytes) -> None:
        """Add audio to the turn: 16-bit mono PCM at 16 kHz."""
        if self.process is not None:
            self.process.send(AUDIO, audio)
        elif self.waiting is not None and not self.done:
            self.waiting += audio

    async def interims(self) -> AsyncGenerator[str, None]:
        """Yield each interim transcript, until there is a result."""
        while (text := await self._interims.get()) is not None:
            yield text

    async def result(self) -> Transcript:
        """Wait for the transcript.

        Raises:
            RecogniserError: The turn failed.
        """
        return await asyncio.shield(self._result)

    def understand(self, text: str) -> None:
        """Set the interim transcript."""
        self._interims.put_nowait(text)

    def succeed(self, transcript: Transcript) -> None:
        """Set the result."""
        if not self.done:
            self._result.set_result(transcript)
            self._interims.put_nowait(None)

    def fail(self, reason: str) -> None:
        """Fail the turn, with the reason."""
        if not self.done:
            self._result.set_exception(RecogniserError(reason))
            self._interims.put_nowait(None)

    def cancel(self) -> None:
        """End the turn without a result."""
        if not self.done:
            self._result.cancel()
            self._interims.put_nowait(None)


class SphinxProcess:
    """A running `sphinx_worker.py`, working on one turn at a time."""

    def __init__(self, process: Process) -> None:
        """Wrap a process; `launch` starts one."""
        self._process = process
        self._turn = 0
        self.recognition: Recognition | None = None

    @classmethod
    async def launch(cls) -> SphinxProcess:
        """Start a process and wait until its model is loaded.

        Raises:
            RecogniserError: The process cannot load its model.
        """
        process = await start_child(_PROGRAM, limit=_MAX_LINE_BYTES)
        launched = cls(process)
        try:
            report = await launched._next()
        except BaseException:
            await launched.stop()
            raise
        if report is None or report["type"] != "ready":
            status = await launched.stop()
            reason = report["message"] if report else f"it ended with status {status}"
            raise RecogniserError(f"The recogniser process cannot start: {reason}")
        return launched

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def take(self, recognition: Recognition) -> None:
        """Begin a turn with the audio it has so far."""
        self._turn += 1
        self.recognition = recognition
        recognition.process = self
        self.send(START, recognition.mean.encode())
        if recognition.waiting:
            self.send(AUDIO, bytes(recognition.waiting))
        recognition.waiting = bytearray()
        if recognition.committed:
            self.send(END)

    def drop(self) -> None:
        """Abandon the present turn."""
        if self.recognition is not None:
            self.recognition.process = None
            self.recognition = None
            self.send(ABANDON)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a message about the present turn."""
        stdin = self._process.stdin
        assert stdin is not None
        # If the process has just died, `serve` notices and fails the turn.
        if not stdin.is_closing():
            # No `drain`: the process reads ahead, and the audio of a turn fits into memory.
            stdin.write(HEADER.pack(kind, self._turn, len(payload)) + payload)

    async def serve(self) -> AsyncGenerator[None, None]:
        """Pass results on until the process ends; yield whenever it is free for another turn."""
        while (report := await self._next()) is not None:
            recognition = self.recognition
            if recognition is None or report["turn"] != self._turn:
                continue
            if report["type"] == "interim":
                recognition.understand(report["text"])
                continue
            if report["type"] == "final":
                recognition.succeed(Transcript(report["text"], report["mean"]))
            else:
                recognition.fail(f"The recogniser could not decode the turn: {report['message']}")
            recognition.process = None
            self.recognition = None
            yield

    async def stop(self) -> int:
        """End the process, even while it decodes, and return its exit status."""
        return await stop_child(self._process)

    async def _next(self) -> dict[str, Any] | None:
        """Wait for the next report; None when the process has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        report: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return report
