"""Several processes that serve one address: one event loop uses one core.

The workers share the listening socket, and nothing else that a session needs. The first one starts
alone, so that what stops a start is said once; the others follow when it is ready.

Signals are the parent's business: it tells the workers to end, and once more if it is told so once
more. A terminal's Ctrl-C reaches the workers too, who therefore pay no heed to it.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

from loguru import logger

Work = Callable[..., None]
"""What a worker does: takes the connection by which it says that it is ready, and arguments."""


@dataclass
class _Worker:
    process: SpawnProcess
    ready: Connection
    """Gets one message when the worker can serve."""
    is_ready: bool = False


class _Told(BaseException):
    """The process has been told to stop."""


def run_workers(
    count: int,
    work: Work,
    arguments: tuple[Any, ...],
    announce: Callable[[str], None],
    on_death: Callable[[int], None],
) -> int:
    """Run workers until they are told to stop, or cannot start.

    A worker that dies later is replaced.

    Args:
        count: How many.
        work: What each does; it must be importable, and the arguments picklable.
        arguments: For `work`, behind the connection.
        announce: Called once with the first worker's message, when all are ready.
        on_death: Called with the process id of a worker that died.

    Returns:
        The exit status.
    """
    workers: list[_Worker] = []
    told = [signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)]
    message, announced = "", False
    try:
        workers.append(_start(work, arguments))
        while True:
            starting = [worker.ready for worker in workers if not worker.is_ready]
            wait([*starting, *(worker.process.sentinel for worker in workers)])
            for worker in [worker for worker in workers if not worker.is_ready]:
                if worker.ready.poll():
                    # At the end of the pipe the worker is dying, and has said why.
                    with suppress(EOFError):
                        message = message or worker.ready.recv()
                        worker.is_ready = True
            for worker in [worker for worker in workers if not worker.process.is_alive()]:
                if not worker.is_ready or worker.process.exitcode == 0:
                    return worker.process.exitcode or 0
                logger.error(f"a worker died (exit status {worker.process.exitcode}): replaced")
                assert worker.process.pid is not None
                on_death(worker.process.pid)
                workers.remove(worker)
            ready = all(worker.is_ready for worker in workers)
            if ready and len(workers) == count and not announced:
                announce(message)
                announced = True
            elif ready:
                workers += [_start(work, arguments) for _ in range(count - len(workers))]
    except _Told:
        return 0
    finally:
        _end(workers)
        for number, before in zip((signal.SIGINT, signal.SIGTERM), told, strict=True):
            signal.signal(number, before)


def _end(workers: list[_Worker]) -> None:
    """Tell the workers to end, and wait until they have."""
    try:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()
    except _Told:
        _end(workers)


def end_with_parent() -> None:
    """In a worker: end when the process that started it does, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _start(work: Work, arguments: tuple[Any, ...]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(send, *arguments))
    process.start()
    send.close()
    return _Worker(process, receive)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Told
