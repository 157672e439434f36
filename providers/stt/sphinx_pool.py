"""Recogniser processes shared by all sessions: their scheduling and their replacement.

A decoder takes 90 MB and half a second to load and decodes one turn at a time. So a fixed number of
processes serves all sessions: a turn takes a free one when it begins, or waits and buffers its
audio. Committed turns go before open ones, which may stay open for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from loguru import logger

from providers.stt.sphinx_process import RecogniserError, Recognition, SphinxProcess
from providers.stt.sphinx_worker import END

_CLOSED = "The recogniser is shutting down."


class SphinxPool:
    """The processes, and the queue of turns that wait for one."""

    def __init__(self, size: int) -> None:
        """Make a pool of `size` processes; `start` starts them."""
        self._size = size
        self._processes: list[SphinxProcess] = []
        self._free: list[SphinxProcess] = []
        self._busy: list[SphinxProcess] = []
        """Busy processes, the one with the oldest turn first."""
        self._queue: list[Recognition] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._launching = 0
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """Process ids."""
        return [process.pid for process in self._processes]

    async def start(self) -> None:
        """Start all processes and wait until they are ready.

        Raises:
            RecogniserError: One cannot start; the others are ended again.
            OSError: The system starts no more processes.
        """
        launches = [asyncio.create_task(self._launch()) for _ in range(self._size)]
        try:
            await asyncio.gather(*launches)
        except BaseException:
            self._closed = True
            await asyncio.wait(launches)
            await self.close()
            raise

    async def close(self) -> None:
        """End all processes; turns under way fail."""
        self._closed = True
        for recognition in self._queue:
            recognition.fail(_CLOSED)
        self._queue.clear()
        await asyncio.gather(*(process.stop() for process in self._processes))
        # The tasks that serve processes, and launches under way, end by themselves.
        while self._tasks:
            await asyncio.wait(self._tasks)

    def open(self, mean: str = "") -> Recognition:
        """Begin a turn.

        Args:
            mean: `Transcript.mean` of the speaker's last turn; empty if there is none.
        """
        recognition = Recognition(mean)
        self._enqueue(recognition)
        return recognition

    def commit(self, recognition: Recognition, audio: bytes) -> None:
        """End a turn that has been fed all its audio.

        Args:
            recognition: The turn.
            audio: All of its audio again, in case its process was given to another turn.
        """
        if recognition.done:
            return
        recognition.committed = True
        if recognition.process is not None:
            recognition.process.send(END)
        elif recognition.waiting is None:
            recognition.waiting = bytearray(audio)
            self._enqueue(recognition)
        else:
            self._schedule()

    def abandon(self, recognition: Recognition) -> None:
        """Drop a turn and free its process."""
        recognition.cancel()
        if recognition in self._queue:
            self._queue.remove(recognition)
        if recognition.process is not None:
            self._take_back(recognition.process)
            self._schedule()

    def _enqueue(self, recognition: Recognition) -> None:
        if self._closed:
            recognition.fail(_CLOSED)
            return
        self._queue.append(recognition)
        if not self._processes and not self._launching:
            self._replace()
        self._schedule()

    def _schedule(self) -> None:
        """Give free processes to waiting turns: committed ones first, else in order."""
        for recognition in sorted(self._queue, key=lambda waiting: not waiting.committed):
            if not self._free and recognition.committed:
                self._preempt()
            if not self._free:
                return
            self._queue.remove(recognition)
            process = self._free.pop()
            self._busy.append(process)
            process.take(recognition)

    def _preempt(self) -> None:
        """Take a process from the oldest turn that is still open.

        A client may leave a turn open without limit, and other turns must not wait for it. Its
        audio is decoded from the beginning when it is committed.
        """
        for process in self._busy:
            recognition = process.recognition
            if recognition is not None and not recognition.committed:
                self._take_back(process)
                recognition.waiting = None
                return

    def _take_back(self, process: SphinxProcess) -> None:
        process.drop()
        self._busy.remove(process)
        self._free.append(process)

    async def _attend(self, process: SphinxProcess) -> None:
        """Read a process's results until it ends; give it a new turn whenever it is free."""
        async for _ in process.serve():
            self._busy.remove(process)
            self._free.append(process)
            self._schedule()
        status = await process.stop()
        for processes in (self._processes, self._free, self._busy):
            if process in processes:
                processes.remove(process)
        recognition, process.recognition = process.recognition, None
        reason = _CLOSED
        if not self._closed:
            reason = f"The recogniser process ended unexpectedly (status {status})."
            logger.error(f"{reason} Another one is started.")
            self._replace()
        if recognition is not None:
            recognition.process = None
            recognition.fail(reason)

    def _replace(self) -> None:
        self._launching += 1
        self._spawn(self._relaunch())

    async def _relaunch(self) -> None:
        """Start a process in place of one that died; the next turn tries again if it fails."""
        try:
            await self._launch()
        except (RecogniserError, OSError) as error:
            logger.error(str(error))
            if not self._processes:
                for recognition in self._queue:
                    recognition.fail(str(error))
                self._queue.clear()
        finally:
            self._launching -= 1

    async def _launch(self) -> None:
        process = await SphinxProcess.launch()
        if self._closed:
            await process.stop()
            return
        self._processes.append(process)
        self._free.append(process)
        self._spawn(self._attend(process))
        self._schedule()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
