"""uvicorn with a graceful shutdown: the first signal lets sessions end, the second cuts them.

For `server.drain_s` they go on as they are; in the grace period, responses are finished.

A process that still hangs is ended by force (`ending.py`): some time after the grace period, or at
the third signal. And nothing else ends it: of a task that raises `SystemExit`, as one of a library
or of a class of somebody's own may, asyncio would end the loop, and with it everybody's sessions.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from loguru import logger

from serving.process.ending import BEYOND_GRACE_S, END_SIGNALS


class DrainingServer(uvicorn.Server):
    """A uvicorn server that drains sessions before it closes its connections."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[float], Awaitable[None]],
        hurry: Callable[[], None],
        end_within: Callable[[float], None],
        live_on_s: Callable[[], float],
        grace_s: float,
        signals: Collection[int] = END_SIGNALS,
    ) -> None:
        """Prepare.

        Args:
            config: uvicorn's configuration.
            drain: Called at the first signal with the seconds that sessions may go on; the server
                ends when it returns.
            hurry: Called at the second signal, to make `drain` return soon.
            end_within: Called at each signal with the seconds that the process may still take.
            live_on_s: Returns, at the first signal, the seconds that `drain` lets sessions go on.
            grace_s: Seconds that `drain` gives responses to finish after that, unless `hurry` is
                called.
            signals: Signals that shut it down; others are ignored.
        """
        super().__init__(config)
        self._drain = drain
        self._hurry = hurry
        self._end_within = end_within
        self._how_long = live_on_s
        self._live_on_s = 0.0
        """What that returned at the first signal."""
        self._grace_s = grace_s
        self._signals = signals
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop that the server runs in; None before and after."""
        self._signalled = 0
        """Number of signals received so far."""
        self._drained: asyncio.Task[None] | None = None
        self._late: tuple[socket.socket, Callable[[], Awaitable[bool]]] | None = None
        self._opening: asyncio.Task[None] | None = None

    def listen_later(self, listener: socket.socket, ready: Callable[[], Awaitable[bool]]) -> None:
        """Listen at a further socket, once there is a reason to.

        Whoever shares a socket with a process that can serve would otherwise take connections away
        from it, to refuse them.

        Args:
            listener: The bound socket.
            ready: Waits until the server can serve, or has to say that it cannot yet; returns
                whether there is such a reason.
        """
        self._late = listener, ready

    @property
    def left(self) -> str:
        """Description of what has not ended yet, for the log; any thread may read it."""
        if not self.started:
            return "the start"
        if self._loop is None:
            waited_for = [
                thread.name
                for thread in threading.enumerate()
                if not thread.daemon and thread is not threading.main_thread()
            ]
            return f"threads ({', '.join(waited_for)})" if waited_for else "the interpreter"
        if self._drained is None:
            return "whatever occupies the event loop"
        if not self._drained.done():
            return "a session"
        state = self.server_state
        return "a connection" if state.connections or state.tasks else "a provider"

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until the server has ended, whatever another task raises."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            loop = runner.get_loop()
            task = loop.create_task(self.serve(sockets), name="serve")
            while not task.done():
                try:
                    loop.run_until_complete(task)
                # Signals have handlers of ours, so that Ctrl-C raises neither.
                except (SystemExit, KeyboardInterrupt) as error:
                    if not task.done():
                        _log_ended(error)
            task.result()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve. Signals may also arrive before and after, when there is no event loop."""
        try:
            await super().serve(sockets=sockets)
        finally:
            self._loop = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Keep the event loop, and begin to drain if a signal came before it ran."""
        self._loop = asyncio.get_running_loop()
        if self._signalled:
            self._begin_to_drain()
        await super().startup(sockets=sockets)
        if self._late is not None:
            self._opening = asyncio.create_task(self._open(*self._late), name="listen")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything; nothing is opened any more."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await super().shutdown(sockets=sockets)

    async def _open(self, listener: socket.socket, ready: Callable[[], Awaitable[bool]]) -> None:
        if not await ready():
            return

        def protocol() -> asyncio.Protocol:
            make: Any = self.config.http_protocol_class
            connection: asyncio.Protocol = make(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            return connection

        loop = asyncio.get_running_loop()
        self.servers.append(
            await loop.create_server(protocol, sock=listener, backlog=self.config.backlog)
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: `taking_end_signals` has, for longer than the server runs."""
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal: the first drains, the second hurries, the third ends the process."""
        if sig not in self._signals:
            return
        self._signalled += 1
        if self._signalled == 1:
            self._live_on_s = self._how_long()
            self._end_within(self._live_on_s + self._grace_s + BEYOND_GRACE_S)
        elif self._signalled == 2:
            self._end_within(BEYOND_GRACE_S)
        else:
            self._end_within(0)
        if self._loop is None:
            return
        if self._signalled == 1:
            self._loop.call_soon_threadsafe(self._begin_to_drain)
        elif self._signalled == 2:
            self._loop.call_soon_threadsafe(self._hurry)

    def _begin_to_drain(self) -> None:
        self._drained = asyncio.create_task(self._drain_and_end(), name="drain")

    async def _drain_and_end(self) -> None:
        try:
            await self._drain(self._live_on_s)
        finally:
            self.should_exit = True


def _log_ended(error: BaseException) -> None:
    # What it says may quote what a user said: not for the log.
    logger.error(
        f"A task would have ended the server by {type(error).__name__}; that task is over, the "
        "server goes on. The server's log with debug on says where it came from: a processor or a "
        "class of your own, or a library of theirs, must not end the program."
    )
    logger.opt(exception=error).debug("what would have ended the server")
