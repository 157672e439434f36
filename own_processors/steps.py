"""Runs a coroutine of somebody's own from one `await` to the next, so that nobody else suffers.

* Pipecat turns an `Exception` of a processor into an error, and no other `BaseException`.
  `sys.exit()` in a library, or a panic in one written in Rust, would end the event loop, and with
  it everybody's sessions. Here it becomes an `Exception`.
* A `CancelledError` without a cancellation, as an `await` of another task that was cancelled gives,
  would end the task that takes the processor's frames. It becomes an `Exception`, too.
* A cancellation cannot be escaped: a call that catches it and waits on is ended where it waits.
* A call that cancels its own task, as helpers from before `Task.uncancel` do when their time is up,
  has not been cancelled by anybody else: what it did to its task is undone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from loguru import logger

from providers.quoted import brief

GRACE_S = 2.0
"""Seconds that a call may take to end once it is cancelled."""


class ProgramEnded(Exception):
    """A processor raised what would have ended the server, or its task; its cause is that."""


class Unprintable(Exception):
    """A processor raised an exception whose text cannot be made; its cause is that exception."""


def raised(error: BaseException) -> BaseException:
    """Return what a processor raised, of an error that came out of here."""
    if isinstance(error, ProgramEnded | Unprintable) and error.__cause__ is not None:
        return error.__cause__
    return error


class Owner(Protocol):
    """Whose coroutines they are: a `Guard`."""

    def took(self, step: Step) -> None:
        """Note how long a step took that is over."""

    def overstayed(self) -> None:
        """Note that a call was cancelled, did not end, and is ended."""


@dataclass(slots=True)
class Step:
    """What a processor does without an `await`; steps of those behind it may be in between."""

    owner: Owner | None
    """None: it is over. Tasks that began within it keep this record, and not the owner."""
    began: float
    others_s: float = 0.0
    """Seconds of the steps in between."""
    told: bool = False
    """Whether the chain knows how long it took."""
    stays: bool = False
    """Whether it, or a step in between, was cancelled and goes on waiting."""

    def own_s(self) -> float:
        """Return the seconds so far, without those of others."""
        return time.monotonic() - self.began - self.others_s


_STEP: ContextVar[Step | None] = ContextVar("step", default=None)
"""The innermost step that runs."""


def running_step() -> Step | None:
    """Return the innermost step that runs; None: none does."""
    return _STEP.get()


class ContainedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine of a processor's, which runs from one `await` to the next in a step."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        owner: Owner,
        on_failure: Callable[[BaseException], None] | None = None,
        asked: Callable[[asyncio.Task[Any]], int | None] | None = None,
    ) -> None:
        """Take a coroutine that has not begun.

        Args:
            coroutine: The coroutine.
            owner: Whose it is.
            on_failure: Takes what it raises, where Pipecat would tell nobody.
            asked: Returns how often others have cancelled its task since it began; None, or without
                this function: that is not known, and all cancellations are theirs but those that
                came while a step of it ran.
        """
        self._coroutine = coroutine
        self._owner = owner
        self._on_failure = on_failure
        self._asked = asked
        self._before: int | None = None
        """How often its task had been cancelled when it began."""
        self._itself = 0
        """How often it has cancelled its own task, less how often it has taken that back."""
        self._outcome: BaseException | None = None
        """What it ended with, if it cancelled its own task in its last step: that cancellation
        comes at the next `await`, which must not be somebody else's."""
        self._ending: asyncio.TimerHandle | None = None
        """Forces its end after `GRACE_S`; None: it has not been cancelled, or has ended."""
        self._over = False
        self._forced = False
        """Whether the next cancellation is the one that it cannot catch."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it, as `await` does."""
        return self

    def __iter__(self) -> ContainedCoroutine:
        """Return itself: it is what `await` goes through."""
        return self

    def __next__(self) -> Any:
        """Take the next step."""
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Take the next step."""
        if self._outcome is not None:
            self._conclude(asyncio.current_task(), self._outcome)
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """Take the next step, which begins with an error."""
        if self._outcome is not None:
            self._conclude(asyncio.current_task(), self._outcome)
        kind = error[0] if isinstance(error[0], type) else type(error[0])
        if self._forced and issubclass(kind, asyncio.CancelledError):
            self._step(self._close)
            task = asyncio.current_task()
            if task is not None:
                # Whoever cancelled it first counts only what they asked for.
                task.uncancel()
            self._end()
            self._take_back(task)
            raise asyncio.CancelledError
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        """End it where it waits."""
        self._end()
        self._coroutine.close()

    def _close(self) -> None:
        try:
            self._coroutine.close()
        # It catches even what ends a coroutine, and is left as it is.
        except BaseException as error:
            logger.opt(exception=error).debug("a call of a processor cannot be closed")

    def _end(self) -> None:
        self._over = True
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _step(self, take: Callable[..., Any], *given: Any) -> Any:
        task = asyncio.current_task()
        if self._before is None:
            self._before = 0 if task is None else task.cancelling()
        cancelled = 0 if task is None else task.cancelling()
        outer = _STEP.get()
        step = Step(self._owner, time.monotonic())
        here = _STEP.set(step)
        try:
            awaited = take(*given)
        # Whatever it is: also `StopIteration`, by which it returns.
        except BaseException as outcome:
            if self._count(task, cancelled) <= 0:
                self._conclude(task, outcome)
            # Its own cancellation comes at the next `await`: wait once, for nothing, to take it.
            self._outcome = outcome
            return None
        else:
            self._count(task, cancelled)
            self._check_stay(task, step)
            return awaited
        finally:
            _STEP.reset(here)
            self._owner.took(step)
            step.owner = None
            if outer is not None:
                outer.others_s += time.monotonic() - step.began
                outer.stays = outer.stays or step.stays

    def _count(self, task: asyncio.Task[Any] | None, before: int) -> int:
        """Return how much more often its task is cancelled than before the step that is over."""
        more = 0 if task is None else task.cancelling() - before
        self._itself = max(0, self._itself + more)
        return more

    def _conclude(self, task: asyncio.Task[Any] | None, outcome: BaseException) -> NoReturn:
        """End with what it returned or raised, as far as nobody else suffers.

        Raises:
            StopIteration: It has returned.
            asyncio.CancelledError: That was asked for.
            ProgramEnded: It raised what would end more than itself.
            Unprintable: It raised what cannot be written.
            Exception: It raised that.
        """
        self._end()
        is_cancelled = self._others(task) > 0
        self._take_back(task)
        if isinstance(outcome, StopIteration):
            if is_cancelled:
                # It has caught that: its task would never end.
                raise asyncio.CancelledError from None
            raise outcome
        if isinstance(outcome, asyncio.CancelledError) and is_cancelled:
            raise outcome
        if not isinstance(outcome, Exception):
            raise self._ended(outcome) from outcome
        self._failed(outcome)
        if _is_printable(outcome):
            raise outcome
        # Pipecat writes it, and would lose the task that takes the processor's frames.
        raise Unprintable(type(outcome).__name__) from outcome

    def _excess(self, task: asyncio.Task[Any] | None) -> int:
        """Return how much more often its task is cancelled than when it began."""
        return 0 if task is None else max(0, task.cancelling() - (self._before or 0))

    def _others(self, task: asyncio.Task[Any] | None) -> int:
        """Return how often others have cancelled it."""
        excess = self._excess(task)
        if task is None or not excess:
            return 0
        asked = None if self._asked is None else self._asked(task)
        return max(0, excess - self._itself) if asked is None else min(excess, asked)

    def _take_back(self, task: asyncio.Task[Any] | None) -> None:
        """Undo what it has asked of its own task, which others go on in."""
        if task is not None:
            for _again in range(self._excess(task) - self._others(task)):
                task.uncancel()
        self._itself = 0

    def _check_stay(self, task: asyncio.Task[Any] | None, step: Step) -> None:
        """Give it a while if it was cancelled and waits on."""
        # Where one in between stays, it is that one's fault.
        if task is None or step.stays or self._over or not self._excess(task):
            return
        step.stays = True
        if self._ending is None and not self._forced and self._others(task):
            loop = asyncio.get_running_loop()
            self._ending = loop.call_later(GRACE_S, self._force, task)

    def _force(self, task: asyncio.Task[Any]) -> None:
        self._ending = None
        if not self._over and self._others(task):
            self._forced = True
            self._owner.overstayed()
            task.cancel()

    def _ended(self, error: BaseException) -> ProgramEnded:
        self._failed(error)
        return ProgramEnded(f"{type(error).__name__}: {brief(error)}")

    def _failed(self, error: BaseException) -> None:
        if self._on_failure is not None:
            self._on_failure(error)


def _is_printable(error: Exception) -> bool:
    """Return whether an exception can be written."""
    try:
        str(error)
    # Its class is somebody's own: its `__str__` may raise anything.
    except Exception:
        return False
    return True
