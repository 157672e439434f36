"""Threads for engines that run in this process: bounded, and shared by all sessions.

Inference on the event loop would stop every session's audio. On asyncio's default threads, many
sessions at once would take them from all other work. So each provider has as many threads of its
own as its model may run at a time; further work waits in a queue.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from providers.in_process.engine_work import followed
from providers.in_process.stopping import Stop

T = TypeVar("T")


class EnginePool:
    """The threads of one provider."""

    def __init__(self, name: str, threads: int) -> None:
        """Start without a thread; the first work starts one.

        Args:
            name: Name of the engine, for errors and thread names.
            threads: How many pieces of work may run at a time.
        """
        self._name = name
        self._count = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._unfinished: set[Future[Any]] = set()

    @property
    def has_free_thread(self) -> bool:
        """Whether work would begin at once."""
        return len(self._unfinished) < self._count

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread of the pool and return its result."""
        return await self._submit(work)

    async def stream(self, work: Callable[[], Iterable[T]]) -> AsyncGenerator[T, None]:
        """Iterate over the result of `work` on a thread of the pool, yielding each item when ready.

        Closing the generator early stops the engine after the item it is at, or within it if it
        can be stopped there (`stopping.py`); work that still waits for a thread is never begun.
        Close it with `contextlib.aclosing`.

        Raises:
            RuntimeError: The pool was closed before the work was done.
        """
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[tuple[T, ...]] = asyncio.Queue()
        abandoned = threading.Event()
        stop = Stop()

        def produce() -> None:
            with stop.guarding():
                for item in work():
                    if abandoned.is_set():
                        return
                    loop.call_soon_threadsafe(items.put_nowait, (item,))

        done = self._submit(produce)
        # Runs on the loop after every item that the thread has handed over.
        done.add_done_callback(lambda _: items.put_nowait(()))
        try:
            while found := await items.get():
                yield found[0]
            if done.cancelled():
                raise RuntimeError(f"{self._name} was closed.")
            done.result()
        finally:
            abandoned.set()
            stop()
            done.cancel()

    def _submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        submitted = self._threads.submit(work)
        self._unfinished.add(submitted)
        followed(submitted)
        # Called when a thread is done with it, even if nobody waits for it any more.
        submitted.add_done_callback(self._unfinished.discard)
        return asyncio.wrap_future(submitted)

    def close(self) -> None:
        """Start no further work; what is running ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
