"""Several processes that serve one address: one event loop uses one core.

The workers share the listening socket, and no session state. The first one starts alone, so that a
failure to start is reported once; the others follow when it is ready, and take no connections
before they can serve them. Unless the last one that could has ended: then one of those that load is
told to answer at once, so that whoever asks learns that the server starts.

The parent handles signals: each one it forwards to the workers. A terminal's Ctrl-C reaches the
workers too, so they ignore it. A worker whose shutdown hangs ends itself by force (`ending.py`);
one that cannot is killed by the parent.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

from loguru import logger

from serving.process.ending import BEYOND_GRACE_S, taking_end_signals

Work = Callable[..., None]
"""A worker's main function; takes the connection on which it reports ready, and is told to listen
before it is; whether it listens at once; its number; and arguments."""
_SPARE_S = 5
"""Extra seconds before workers are killed: they get the signal later than the parent, and say what
they did not end."""


@dataclass
class _Worker:
    number: int
    """0 for the first; one that replaces another has its number."""
    process: SpawnProcess
    ready: Connection
    """Receives one message when the worker is ready; takes one that tells it to listen before."""
    listens: bool
    """Whether it takes connections, or will as soon as it can."""
    is_ready: bool = False

    def listen(self) -> None:
        """Tell the worker to take connections at once, though it cannot serve them."""
        self.listens = True
        # It has just ended, which is noticed by itself.
        with suppress(OSError):
            self.ready.send(None)


class _Told:
    """A pipe that wakes the parent, which waits for its workers, when a signal arrives."""

    def __init__(self) -> None:
        self.inbox, self._outbox = multiprocessing.Pipe(duplex=False)
        self._times = 0

    def take(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal. Those after the third change nothing and might fill the pipe."""
        self._times += 1
        if self._times <= 3:
            self._outbox.send_bytes(b"end")


def run_workers(
    count: int,
    work: Work,
    arguments: tuple[Any, ...],
    announce: Callable[[str], None],
    on_death: Callable[[int], None],
    ending_s: float,
) -> int:
    """Run workers until they are told to stop, or cannot start.

    A worker that ends later is replaced.

    Args:
        count: How many.
        work: What each does; it must be importable, and the arguments picklable.
        arguments: For `work`, behind what it always gets.
        announce: Called once with the first worker's message, when all are ready.
        on_death: Called with the process id of a worker that ended.
        ending_s: How long a worker that is told to stop may go on with its work.

    Returns:
        The exit status.
    """
    workers: list[_Worker] = []
    told = _Told()
    message, announced = "", False
    with taking_end_signals(told.take):
        try:
            workers.append(_start(work, True, 0, arguments))
            while True:
                starting = [worker.ready for worker in workers if not worker.is_ready]
                wait([told.inbox, *starting, *(worker.process.sentinel for worker in workers)])
                if told.inbox.poll():
                    told.inbox.recv_bytes()
                    return 0
                for worker in [worker for worker in workers if not worker.is_ready]:
                    if worker.ready.poll():
                        # EOFError: the worker is exiting, and has printed why.
                        with suppress(EOFError):
                            said = worker.ready.recv()
                            message = message or said
                            worker.is_ready = worker.listens = True
                statuses = [(worker, worker.process.exitcode) for worker in workers]
                for worker, status in statuses:
                    if status is None:  # it runs
                        continue
                    if not worker.is_ready:
                        if status <= 0:
                            logger.error(f"a worker ended while it started (exit status {status})")
                        return status
                    logger.error(f"a worker ended (exit status {status}): replaced")
                    assert worker.process.pid is not None
                    on_death(worker.process.pid)
                    workers.remove(worker)
                if workers and not any(worker.listens for worker in workers):
                    workers[0].listen()
                ready = all(worker.is_ready for worker in workers)
                if ready and len(workers) == count and not announced:
                    announce(message)
                    announced = True
                elif ready:
                    taken = {worker.number for worker in workers}
                    free = [number for number in range(count) if number not in taken]
                    for number in free:
                        # Alone, where all have ended at once.
                        workers.append(_start(work, not workers, number, arguments))
        finally:
            _end(workers, told.inbox, ending_s)


def _end(workers: list[_Worker], told: Connection, ending_s: float) -> None:
    """Signal the workers to end and wait for them; kill those that hang.

    Args:
        workers: Those that were started.
        told: Has a message for each further signal to the parent.
        ending_s: See `run_workers`.
    """
    ends_at = time.monotonic() + ending_s + BEYOND_GRACE_S + _SPARE_S
    again = 0
    for worker in workers:
        worker.process.terminate()
    while left := [worker.process for worker in workers if worker.process.is_alive()]:
        sentinels = [process.sentinel for process in left]
        if told in wait([told, *sentinels], max(0, ends_at - time.monotonic())):
            told.recv_bytes()
            again += 1
            if again == 1:
                ends_at = min(ends_at, time.monotonic() + BEYOND_GRACE_S + _SPARE_S)
                for process in left:
                    process.terminate()
        if again == 2 or time.monotonic() >= ends_at:
            numbers = ", ".join(str(process.pid) for process in left)
            logger.warning(f"workers ({numbers}) did not end: they are ended by force")
            for process in left:
                process.kill()
                process.join()


def is_orphaned() -> bool:
    """Return whether the process that started this worker has ended; False where none did."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def end_with_parent() -> None:
    """In a worker: end when the process that started it does, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        if os.name == "nt":
            signal.raise_signal(signal.SIGTERM)
            return
        # Only a signal interrupts what the main thread may be waiting for.
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        signal.pthread_kill(main_thread, signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


async def told_to_listen(ready: Connection) -> None:
    """In a worker: wait until it is to take connections, though it cannot serve them.

    Args:
        ready: The connection on which it reports ready.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def watch() -> None:
        # The parent has ended, and this process will; or the loop is closed, as it has.
        with suppress(EOFError, OSError, RuntimeError):
            ready.recv()
            loop.call_soon_threadsafe(told.set)

    threading.Thread(target=watch, name="told to listen", daemon=True).start()
    await told.wait()


def _start(work: Work, alone: bool, number: int, arguments: tuple[Any, ...]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, alone, number, *arguments))
    process.start()
    theirs.close()
    return _Worker(number, process, ours, alone)
