"""Keeps what a processor of one's own does to itself: its calls and its tasks run in here.

Pipecat turns an `Exception` of a processor into an error that `chain.py` hears of. What a program
ends by is none: `sys.exit()` in a library, or a panic in one written in Rust, would end the event
loop, and with it everybody's sessions. In here it becomes an `Exception`; so does a frame that no
stage behind can take, or that steers what is the server's. What runs in tasks of its own, and how
long it lets nobody else run, nobody else would tell of; and a call that never returns would keep
the processor from all that follows, so that it can be given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    FrameProcessorPauseFrame,
    FrameProcessorPauseUrgentFrame,
    FrameProcessorResumeFrame,
    FrameProcessorResumeUrgentFrame,
    InterruptionFrame,
    StartFrame,
    StopFrame,
    WorkerFrame,
    WorkerSystemFrame,
)
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)

from own_processors.unfit_frames import UnfitFrame, repair, unfit
from providers.quoted import brief

HELD_S = 0.25
"""Seconds without an `await` from which on it is logged: everybody hears such a gap."""
_ENDS = CancelFrame | EndFrame | StopFrame
_STEERS = (
    StartFrame
    | InterruptionFrame
    | FrameProcessorPauseFrame
    | FrameProcessorPauseUrgentFrame
    | FrameProcessorResumeFrame
    | FrameProcessorResumeUrgentFrame
    | WorkerFrame
    | WorkerSystemFrame
)
"""Frames that start, interrupt or hold a pipeline, or ask a worker for it, which there is none of.
"""


class ProgramEnded(Exception):
    """A processor raised what would have ended the server; its cause is that."""


class Unsayable(Exception):
    """A processor raised what raises where it is to be written; its cause is that."""


def raised(error: BaseException) -> BaseException:
    """Return what a processor raised, of an error that came out of here."""
    if isinstance(error, ProgramEnded | Unsayable) and error.__cause__ is not None:
        return error.__cause__
    return error


def within(processor: FrameProcessor) -> list[FrameProcessor]:
    """Return a processor and all that it is made of."""
    return [processor, *(one for inner in processor.processors for one in within(inner))]


class Guard:
    """Stands around one processor, and around those that it is made of."""

    def __init__(self, processor: FrameProcessor, name: str, timeout_s: float) -> None:
        """Take the processor's methods over, before its pipeline is set up.

        Args:
            processor: It.
            name: What the log calls it.
            timeout_s: Seconds that its setup may take.
        """
        self._name = name
        self._timeout_s = timeout_s
        self._setups = 0
        self._given: set[int] = set()
        """Ids of the frames it got that end or steer the pipeline: those it may push."""
        self._calls: dict[int, _Call] = {}
        """Those that run, each by the id of what gives it up."""
        self._held_s = 0.0
        self._told = False
        """Whether the log has a line about the time it held."""
        self._surround(processor)

    def held_beyond(self, limit_s: float) -> float | None:
        """Return for how long it let nobody else run, if that is told for the first time.

        Args:
            limit_s: Seconds that it may.

        Returns:
            Seconds; None: no step of it, neither the one that runs, took longer.
        """
        step = _STEP.get()
        if step is not None and step.guard is self and not step.told:
            held_s = step.own_s()
            if held_s > limit_s:
                step.told = True
                return held_s
        held_s, self._held_s = self._held_s, 0.0
        return held_s if held_s > limit_s else None

    @property
    def setting_up(self) -> bool:
        """Whether it is being set up: its pipeline takes nothing yet."""
        return self._setups > 0

    def give_up(self, stuck: Callable[[Frame, float], bool]) -> None:
        """Cancel its calls that hang: they return as if they were done, without what they kept.

        Args:
            stuck: Returns whether it is one, by the frame that it is at, and by when it began, in
                the loop's time.
        """
        for call in self._calls.values():
            if stuck(call.frame, call.since) and call.end.when() is None:
                call.end.reschedule(call.since)

    def took(self, step: _Step) -> None:
        """Note how long a step took that is over."""
        held = step.own_s()
        if not step.told:
            self._held_s = max(self._held_s, held)
        if held >= HELD_S and not self._told:
            self._told = True
            logger.warning(
                f"The processor {self._name} held the server's event loop for {held:.1f} s: nobody "
                "else was heard or answered for so long. What blocks belongs in asyncio.to_thread."
            )

    def _task_failed(self, error: BaseException) -> None:
        # What it says may quote what the user said: not for the log.
        kind = str(error) if isinstance(error, UnfitFrame) else type(raised(error)).__name__
        logger.warning(
            f"The processor {self._name} failed in a task of its own: {kind}. Its answer goes on "
            "without that; the server's log with debug on says more."
        )
        logger.opt(exception=error).debug(f"a task of the processor {self._name} failed")

    def _keeps_start(self) -> None:
        """Tell that what stands behind it would never begin."""
        logger.warning(
            f"The processor {self._name} did not push on the StartFrame: the server did so in its "
            "stead. A processor has to push on every frame that it does not use."
        )

    def _check(self, frame: Any) -> None:
        """Refuse what no stage behind can take.

        Raises:
            UnfitFrame: Says what it is.
        """
        kind = type(frame).__name__
        if not isinstance(frame, Frame):
            raise UnfitFrame(f"it pushed what is no frame but {kind}")
        if isinstance(frame, _ENDS | _STEERS) and frame.id not in self._given:
            does = "ends" if isinstance(frame, _ENDS) else "steers"
            raise UnfitFrame(f"it pushed a frame of its own that {does} the pipeline ({kind})")
        if (why := unfit(frame)) is not None:
            raise UnfitFrame(f"it pushed {why}")

    def _surround(self, processor: FrameProcessor) -> None:
        process, create_task = processor.process_frame, processor.create_task
        setup, cleanup, push = processor.setup, processor.cleanup, processor.push_frame
        started: set[int] = set()
        """The frames that it has passed on with which those behind it begin."""

        async def process_frame(frame: Frame, direction: FrameDirection) -> None:
            if isinstance(frame, _ENDS | _STEERS):
                self._given.add(frame.id)
            end = asyncio.timeout(None)
            self._calls[id(end)] = _Call(frame, asyncio.get_running_loop().time(), end)
            try:
                async with end:
                    await _Steps(process(frame, direction), self)
            except TimeoutError:
                if not end.expired():
                    raise
            finally:
                del self._calls[id(end)]
            # One that is made of others passes it on once they have begun.
            if isinstance(frame, StartFrame) and frame.id not in started:
                if not processor.processors:
                    self._keeps_start()
                    await push_frame(frame, direction)
                elif end.expired():
                    await push_frame(frame, direction)

        async def push_frame(
            frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
        ) -> None:
            self._check(frame)
            repair(frame)
            if isinstance(frame, StartFrame):
                if frame.id in started:
                    # It was passed on in its stead.
                    return
                started.add(frame.id)
            await push(frame, direction)

        async def set_up(given: FrameProcessorSetup) -> None:
            self._setups += 1
            try:
                async with asyncio.timeout(self._timeout_s) as limit:
                    await _Steps(setup(given), self)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                told = f"its setup did not end within {self._timeout_s:g} s"
                raise TimeoutError(told) from error
            finally:
                self._setups -= 1

        async def clean_up() -> None:
            await _Steps(cleanup(), self)  # type: ignore[no-untyped-call]

        def task(
            coroutine: Coroutine[Any, Any, Any], name: str | None = None, *more: Any, **options: Any
        ) -> asyncio.Task[Any]:
            name = name or getattr(coroutine, "__name__", None)
            made = create_task(_Steps(coroutine, self, self._task_failed), name, *more, **options)
            # One that is cancelled before its first step has never begun with it.
            made.add_done_callback(lambda _task: coroutine.close())
            return made

        processor.process_frame = process_frame  # type: ignore[method-assign]
        processor.push_frame = push_frame  # type: ignore[method-assign]
        processor.setup = set_up  # type: ignore[method-assign,assignment]
        processor.cleanup = clean_up  # type: ignore[method-assign]
        processor.create_task = task  # type: ignore[method-assign]
        for inner in processor.processors:
            self._surround(inner)


@dataclass(frozen=True, slots=True)
class _Call:
    """A frame that a processor is at."""

    frame: Frame
    since: float
    """When that began, in the loop's time."""
    end: asyncio.Timeout
    """Gives it up."""


@dataclass(slots=True)
class _Step:
    """What a processor does without an `await`; processors behind it may have theirs in between."""

    guard: Guard
    began: float
    others_s: float = 0.0
    """Seconds of those in between."""
    told: bool = False
    """Whether the chain knows how long it took."""

    def own_s(self) -> float:
        """Return the seconds so far, without those of others."""
        return time.monotonic() - self.began - self.others_s


_STEP: ContextVar[_Step | None] = ContextVar("step", default=None)
"""The innermost step that runs."""


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine of a processor's, which runs from one `await` to the next in a step."""

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        guard: Guard,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._coroutine = coroutine
        self._guard = guard
        self._on_failure = on_failure
        """Takes what it raises, where Pipecat would tell nobody."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Run it, as `await` does."""
        return self

    def __iter__(self) -> _Steps:
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
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        """End it where it waits."""
        self._coroutine.close()

    def _step(self, take: Callable[..., Any], *given: Any) -> Any:
        outer = _STEP.get()
        step = _Step(self._guard, time.monotonic())
        here = _STEP.set(step)
        try:
            return take(*given)
        except (StopIteration, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            self._failed(error)
            if _says(error):
                raise
            # Pipecat writes it, and would lose the task that takes the processor's frames.
            raise Unsayable(type(error).__name__) from error
        except BaseException as error:
            ended = ProgramEnded(f"{type(error).__name__}: {brief(error)}")
            self._failed(error)
            raise ended from error
        finally:
            _STEP.reset(here)
            self._guard.took(step)
            if outer is not None:
                outer.others_s += time.monotonic() - step.began

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
