"""Runs a coroutine of somebody's own from one `await` to the next, so that nobody else suffers.

Pipecat turns an `Exception` of a processor into an error. What a program ends by is none:
`sys.exit()` in a library, or a panic in one written in Rust, would end the event loop, and with it
everybody's sessions; and a `CancelledError` that nobody asked for, as an `await` of a cancelled
task gives, would end the task that takes the processor's frames. In here both become an
`Exception`. What was asked for, on the other hand, cannot be escaped: a call that is cancelled and
waits on is ended where it waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from loguru import logger

from providers.quoted import brief

GRACE_S = 2.0
"""Seconds that a call may take to end once it is cancelled."""


class ProgramEnded(Exception):
    """A processor raised what would have ended the server, or its task; its cause is that."""


class Unsayable(Exception):
    """A processor raised what raises where it is to be written; its cause is that."""


def raised(error: BaseException) -> BaseException:
    """Return what a processor raised, of an error that came out of here."""
    if isinstance(error, ProgramEnded | Unsayable) and error.__cause__ is not None:
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
    """What a processor does without an `await`; processors behind it may have theirs in between."""

    owner: Owner | None
    """None: it is over. What began within it keeps it as long as it likes, and nothing else."""
    began: float
    others_s: float = 0.0
    """Seconds of those in between."""
    told: bool = False
    """Whether the chain knows how long it took."""
    stays: bool = False
    """Whether it was cancelled and waits on, or one in between."""

    def own_s(self) -> float:
        """Return the seconds so far, without those of others."""
        return time.monotonic() - self.began - self.others_s


_STEP: ContextVar[Step | None] = ContextVar("step", default=None)
"""The innermost step that runs."""


def running_step() -> Step | None:
    """Return the innermost step that runs; None: none does."""
    return _STEP.get()


class Steps(Coroutine[Any, Any, Any]):
    """A coroutine of a processor's, which runs from one `await` to the next in a step."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        owner: Owner,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._owner = owner
        self._on_failure = on_failure
        """Takes what it raises, where Pipecat would tell nobody."""
        self._before: int | None = None
        """How often its task had been cancelled when it began."""
        self._ending: asyncio.TimerHandle | None = None
        """Ends it; None: it has not been cancelled, or has ended."""
        self._over = False
        self._forced = False
        """Whether the next cancellation is the one that it cannot catch."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it, as `await` does."""
        return self

    def __iter__(self) -> Steps:
        """Return itself: it is what `await` goes through."""
        return self

    def __next__(self) -> Any:
        """Take the next step."""
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Take the next step."""
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """Take the next step, which begins with an error."""
        kind = error[0] if isinstance(error[0], type) else type(error[0])
        if self._forced and issubclass(kind, asyncio.CancelledError):
            self._step(self._close)
            task = asyncio.current_task()
            if task is not None:
                # Whoever cancelled it first counts only what they asked for.
                task.uncancel()
            self._end()
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
        outer = _STEP.get()
        step = Step(self._owner, time.monotonic())
        here = _STEP.set(step)
        try:
            awaited = take(*given)
        except StopIteration:
            self._end()
            if self._is_cancelled(task):
                # It has caught that: its task would never end.
                raise asyncio.CancelledError from None
            raise
        except asyncio.CancelledError as error:
            self._end()
            if self._is_cancelled(task):
                raise
            raise self._ended(error) from error
        except Exception as error:
            self._end()
            self._failed(error)
            if _says(error):
                raise
            # Pipecat writes it, and would lose the task that takes the processor's frames.
            raise Unsayable(type(error).__name__) from error
        except BaseException as error:
            self._end()
            raise self._ended(error) from error
        else:
            self._check_stay(task, step)
            return awaited
        finally:
            _STEP.reset(here)
            self._owner.took(step)
            step.owner = None
            if outer is not None:
                outer.others_s += time.monotonic() - step.began
                outer.stays = outer.stays or step.stays

    def _is_cancelled(self, task: asyncio.Task[Any] | None) -> bool:
        return task is not None and task.cancelling() > (self._before or 0)

    def _check_stay(self, task: asyncio.Task[Any] | None, step: Step) -> None:
        """Give it a while if it was cancelled and waits on."""
        # Where one in between stays, it is that one's fault.
        if task is None or step.stays or self._over or not self._is_cancelled(task):
            return
        step.stays = True
        if self._ending is None and not self._forced:
            loop = asyncio.get_running_loop()
            self._ending = loop.call_later(GRACE_S, self._force, task)

    def _force(self, task: asyncio.Task[Any]) -> None:
        self._ending = None
        if not self._over and self._is_cancelled(task):
            self._forced = True
            self._owner.overstayed()
            task.cancel()

    def _ended(self, error: BaseException) -> ProgramEnded:
        self._failed(error)
        return ProgramEnded(f"{type(error).__name__}: {brief(error)}")

    def _failed(self, error: BaseException) -> None:
        if self._on_failure is not None:
            self._on_failure(error)


def _says(error: Exception) -> bool:
    """Return whether an exception can be written."""
    try:
        str(error)
    # Its class is somebody's own, too.
    except Exception:
        return False
    return True
