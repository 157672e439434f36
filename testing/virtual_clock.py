"""A clock of sessions that stands still while they work, and jumps to what they wait for.

Spoken audio is taken as fast as the machine can, and yet everything comes in the order, and with
the times, that it would have had if somebody had spoken it: the clock goes as far as the audio that
has come. Where a session waits for time to pass, with nothing to do before, the clock jumps.

Only sessions have this clock (`VirtualClock.entered`). The server around them, its housekeeping and
its connections, has the machine's, in the same event loop: which of the two a timer belongs to, and
which time `loop.time()` tells, is a matter of the context in which it is asked.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

REACTION_S = 0.05
"""Real seconds of quiet that are left to a client, to answer what it was sent, before a jump."""
STREAM_S = 0.25
"""The same for a client that is sending audio: that its next piece is late is no silence of the
speaker."""
FAR_S = 60.0
"""What is further away when it is begun is not jumped to: nobody waits for a session's lifetime."""
_BEGIN_S = 1000.0
"""What the clock begins with."""
_DIGITS = 6
"""Decimal places of a time, in seconds: two sums of the same delays are the same moment."""

_T = TypeVar("_T")
_in_session: ContextVar[bool] = ContextVar("in_session", default=False)


class VirtualClock:
    """The time of all sessions, in seconds, and what waits for it."""

    def __init__(self) -> None:
        """Let it stand still."""
        self.now = _BEGIN_S
        self._due: list[tuple[float, bool, int, asyncio.TimerHandle]] = []
        self._far: list[tuple[float, bool, int, asyncio.TimerHandle]] = []
        """What is not jumped to, and comes when the clock has got so far otherwise."""
        self._made = 0
        """Timers so far: those of the same moment run in their order."""
        self._heard_until = self.now
        """How far the audio goes that has come."""
        self._patience_s = 0.0
        """Real seconds of quiet that a jump beyond that needs."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let this be the clock of the code within, and of tasks that it begins."""
        token = _in_session.set(True)
        try:
            yield
        finally:
            _in_session.reset(token)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Let the code within have the machine's clock: a client reads in real time."""
        token = _in_session.set(False)
        try:
            yield
        finally:
            _in_session.reset(token)

    async def hear(self, audio_s: float) -> None:
        """Let as much time pass as a client has sent audio."""
        loop = asyncio.get_running_loop()
        heard = loop.create_future()
        timer = asyncio.TimerHandle(self.now + audio_s, _done, (heard,), loop)
        self._heard_until = round(timer.when(), _DIGITS)
        self._patience_s = STREAM_S
        # Whatever else happens at that moment happens before: so it is the same each time.
        self.add(timer, last=True)
        try:
            await heard
        finally:
            timer.cancel()

    def client_may_react(self) -> None:
        """Note that the client has been sent something, or has sent something itself."""
        self._patience_s = max(self._patience_s, REACTION_S)

    def add(self, timer: asyncio.TimerHandle, *, last: bool = False) -> None:
        """Add what waits for a time; `last`: behind all others that wait for the same."""
        self._made += 1
        when = round(timer.when(), _DIGITS)
        heap = self._due if last or when <= self.now + FAR_S else self._far
        heapq.heappush(heap, (when, last, self._made, timer))

    @property
    def patience_s(self) -> float | None:
        """How long it has to be quiet before a jump; None: there is nothing to jump to."""
        for heap in (self._due, self._far):
            while heap and heap[0][-1].cancelled():
                heapq.heappop(heap)
        if self._due and self._far and self._far[0] < self._due[0]:
            heapq.heappush(self._due, heapq.heappop(self._far))
        if not self._due:
            return None
        return 0.0 if self._due[0][0] <= self._heard_until else self._patience_s

    def jump(self) -> asyncio.TimerHandle:
        """Let it be the time of what is due first, and return that.

        One at a time: what comes of one is over before the next.
        """
        when, _last, _number, timer = heapq.heappop(self._due)
        if when > self._heard_until:
            self._patience_s = 0.0
        # Rounded down it would come before its time: who waits for that would wait again and again.
        self.now = max(self.now, timer.when())
        return timer


def _done(heard: asyncio.Future[None]) -> None:
    if not heard.done():
        heard.set_result(None)


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop in which sessions have a clock of their own."""

    def __init__(self) -> None:
        """Begin."""
        self.clock = VirtualClock()
        super().__init__(_QuietSelector(self))

    def time(self) -> float:
        """Return the time of the clock that the caller has."""
        return self.clock.now if _in_session.get() else super().time()

    # The base class's own names and signatures.
    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at a time of the clock that the caller has."""
        if not _in_session.get():
            return super().call_at(when, callback, *args, context=context)
        timer = asyncio.TimerHandle(when, callback, args, self, context or copy_context())
        self.clock.add(timer)
        return timer

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., _T], *args: Any
    ) -> asyncio.Future[_T]:
        """Run a session's work in its place: when a thread would be done is a matter of chance."""
        if not _in_session.get():
            return super().run_in_executor(executor, func, *args)
        done: asyncio.Future[_T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def jump(self) -> None:
        """Let the sessions' clock jump to what is due next."""
        # A timer is run as the event loop runs its own, for which there is no public way.
        self.call_soon(self.clock.jump()._run)


class _QuietSelector(selectors.DefaultSelector):
    """Notices when the event loop has nothing to do: then it asks what has come."""

    def __init__(self, loop: VirtualClockLoop) -> None:
        super().__init__()
        self._loop = loop
        self._quiet_since: float | None = None
        """Since when nothing has come, in the machine's time; None: something came just now."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        came = super().select(0)
        if came or (timeout is not None and timeout <= 0):
            if came:
                self._quiet_since = None
            return came
        patience_s = self._loop.clock.patience_s
        if patience_s is None:
            came = super().select(timeout)
        else:
            now = time.monotonic()
            if self._quiet_since is None:
                self._quiet_since = now
            left_s = self._quiet_since + patience_s - now
            if left_s > 0:
                came = super().select(left_s if timeout is None else min(left_s, timeout))
                left_s = self._quiet_since + patience_s - time.monotonic()
            if not came and left_s <= 0:
                self._loop.jump()
                return []
        if came:
            self._quiet_since = None
        return came
