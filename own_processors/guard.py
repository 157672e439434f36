"""Keeps what a processor of one's own does to itself: its calls, its tasks and what it pushes.

Its code runs in steps (`steps.py`), so that nothing of it ends more than itself, and so that it is
known for how long it blocked the event loop. A call that never returns can be given up. And an
`_Exit` stands in place of each of its neighbours: whatever it pushes, by whichever method of its
own, is judged there, once and completely, before anything else sees it. What cannot be judged is
its fault, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

from loguru import logger
from pipecat.frames.frames import CancelFrame, Frame, StartFrame
from pipecat.pipeline.base_pipeline import BasePipeline
from pipecat.pipeline.pipeline import PipelineSink, PipelineSource
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)

from own_processors.steps import ContainedCoroutine, Step, raised, running_step
from own_processors.unfit_frames import ENDS, STEERS, UnfitFrame, judged

HELD_S = 0.25
"""Seconds without an `await` from which on it is logged: everybody hears such a gap."""
LEAVING_S = 5.0
"""Seconds that it may be at a `CancelFrame`: the rest of its pipeline waits for that."""


class Watcher(Protocol):
    """Is told what a processor lets out: the `Chain` of its place."""

    def passes(self, processor: FrameProcessor, frame: Frame) -> bool:
        """Take note of a frame that goes on; return whether it may."""

    def refused(self, processor: FrameProcessor, why: str) -> None:
        """Take note that what it pushed goes no further, and why: what follows "it pushed"."""


class Guard:
    """Stands around one processor."""

    def __init__(
        self, processor: FrameProcessor, name: str, timeout_s: float, told: set[str]
    ) -> None:
        """Take the processor's methods over, before its pipeline is set up.

        Args:
            processor: The processor.
            name: What errors and the log call it.
            timeout_s: Seconds that its setup may take.
            told: Names of processors of which the log has said that they keep a `StartFrame`; one
                set for all processors of the server, which are built anew for each answer.
        """
        self.name = name
        self.watcher: Watcher | None = None
        self._processor = processor
        self._made_of_others = bool(processor.processors)
        # One that is made of others is set up when they are: theirs is to be named.
        self._timeout_s = 2 * timeout_s if self._made_of_others else timeout_s
        self._told = told
        self._setups = 0
        self._given: set[int] = set()
        """Ids of the frames it got that end or steer the pipeline: those it may push."""
        self._gone: set[int] = set()
        """Ids of the `StartFrame`s and `CancelFrame`s that went on from it, each only once: by them
        the processors behind it begin or end."""
        self._calls: dict[int, _Call] = {}
        """Its calls that run, each by the id of the time-out that can end it."""
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        """Tasks that were made by its `create_task`, by Pipecat or by itself."""
        self._leaving: WeakSet[asyncio.Task[Any]] = WeakSet()
        """Those of them that its `cancel_task` has cancelled, and not what runs in them."""
        self._held_s = 0.0
        """Seconds of its longest step since `held_beyond` was last asked."""
        self._hold_logged = False
        """Whether the log has a line about a step that blocked the event loop."""
        self._stay_logged = False
        """Whether the log has a line about a call that was cancelled and went on."""
        self._surround()

    def held_beyond(self, limit_s: float) -> float | None:
        """Return for how long a step of it blocked the event loop; each step is told of once.

        Args:
            limit_s: Seconds that a step may take.

        Returns:
            Seconds; None: no step that was not told of took longer, the running one included.
        """
        step = running_step()
        if step is not None and step.owner is self and not step.told:
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
            stuck: Returns whether a call hangs, by the frame that it is at, and by when it began,
                in the loop's time.
        """
        for call in self._calls.values():
            if stuck(call.frame, call.since) and call.limit.when() is None:
                call.limit.reschedule(call.since)

    def took(self, step: Step) -> None:
        """Note how long a step took that is over."""
        held = step.own_s()
        if not step.told:
            self._held_s = max(self._held_s, held)
        if held >= HELD_S and not self._hold_logged:
            self._hold_logged = True
            logger.warning(
                f"The processor {self.name} held the server's event loop for {held:.1f} s: nobody "
                "else was heard or answered for so long. What blocks belongs in asyncio.to_thread."
            )

    def overstayed(self) -> None:
        """Tell that a call of it was cancelled, went on, and is ended where it waits."""
        if not self._stay_logged:
            self._stay_logged = True
            logger.warning(
                f"The processor {self.name} was cancelled and went on: it is ended where it waits. "
                "What catches a CancelledError has to raise it again."
            )

    def lets_out(self, frame: Any) -> bool:
        """Judge what is to leave the processor; return whether it may."""
        why = judged(frame, self._given)
        if why is None and isinstance(frame, StartFrame | CancelFrame):
            if frame.id in self._gone:
                # It was passed on in its stead.
                return False
            self._gone.add(frame.id)
        if self.watcher is None:
            return why is None
        if why is not None:
            self.watcher.refused(self._processor, why)
            return False
        return self.watcher.passes(self._processor, frame)

    def close_exits(self) -> None:
        """Stand in place of the neighbours; by then it has been linked to them."""
        processor = self._processor
        for side in ("_next", "_prev"):
            neighbour = getattr(processor, side)
            if neighbour is not None and not isinstance(neighbour, _Exit):
                setattr(processor, side, _Exit(self, neighbour))

    def _task_failed(self, error: BaseException) -> None:
        # What it says may quote what the user said: not for the log.
        kind = str(error) if isinstance(error, UnfitFrame) else type(raised(error)).__name__
        logger.warning(
            f"The processor {self.name} failed in a task of its own: {kind}. Its answer goes on "
            "without that; the server's log with debug on says more."
        )
        logger.opt(exception=error).debug(f"a task of the processor {self.name} failed")

    async def _pass_on(self, frame: Frame, direction: FrameDirection, *, silently: bool) -> None:
        """Pass on a frame by which the processors behind it begin or end, if it did not itself.

        Args:
            frame: A `StartFrame` or a `CancelFrame`.
            direction: Its direction.
            silently: Whether the log says nothing about it: it is not the processor's neglect.
        """
        if frame.id in self._gone:
            return
        if isinstance(frame, StartFrame) and not silently and self.name not in self._told:
            self._told.add(self.name)
            logger.warning(
                f"The processor {self.name} did not push on the StartFrame: the server did so in "
                "its stead. A processor has to push on every frame that it does not use."
            )
        # Past what its class makes of them: else it would take nothing that follows.
        await FrameProcessor.process_frame(self._processor, frame, direction)
        await FrameProcessor.push_frame(self._processor, frame, direction)

    def _surround(self) -> None:
        processor = self._processor
        process = processor.process_frame
        create_task, cancel_task = processor.create_task, processor.cancel_task
        setup, cleanup = processor.setup, processor.cleanup

        async def call(frame: Frame, direction: FrameDirection) -> bool:
            """Have it take a frame; return whether that had to be given up."""
            limit = asyncio.timeout(LEAVING_S if isinstance(frame, CancelFrame) else None)

            def asked(task: asyncio.Task[Any]) -> int | None:
                """Return how often others have cancelled a task: this limit, or `cancel_task`."""
                known = task in self._tasks
                return limit.expired() + (task in self._leaving) if known else None

            self._calls[id(limit)] = _Call(frame, asyncio.get_running_loop().time(), limit)
            try:
                async with limit:
                    await ContainedCoroutine(process(frame, direction), self, asked=asked)
            except TimeoutError:
                if not limit.expired():
                    raise
            finally:
                del self._calls[id(limit)]
            return limit.expired()

        async def process_frame(frame: Frame, direction: FrameDirection) -> None:
            if isinstance(frame, ENDS | STEERS):
                self._given.add(frame.id)
            if not isinstance(frame, StartFrame | CancelFrame):
                await call(frame, direction)
                return
            try:
                given_up = await call(frame, direction)
            except Exception:
                await self._pass_on(frame, direction, silently=True)
                raise
            # One that is made of others passes it on once they have begun.
            if given_up or not self._made_of_others:
                await self._pass_on(frame, direction, silently=given_up and self._made_of_others)

        async def set_up(given: FrameProcessorSetup) -> None:
            self.close_exits()
            self._setups += 1
            try:
                async with asyncio.timeout(self._timeout_s) as limit:
                    await ContainedCoroutine(setup(given), self)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                told = f"its setup did not end within {self._timeout_s:g} s"
                raise TimeoutError(told) from error
            finally:
                self._setups -= 1

        async def clean_up() -> None:
            await ContainedCoroutine(cleanup(), self)  # type: ignore[no-untyped-call]

        def task(
            coroutine: Coroutine[Any, Any, Any], name: str | None = None, *more: Any, **options: Any
        ) -> asyncio.Task[Any]:
            name = name or getattr(coroutine, "__name__", None)
            made = create_task(
                ContainedCoroutine(coroutine, self, self._task_failed), name, *more, **options
            )
            # One that is cancelled before its first step has never begun with it.
            made.add_done_callback(lambda _task: coroutine.close())
            self._tasks.add(made)
            return made

        async def end_task(task: asyncio.Task[Any], *more: Any, **options: Any) -> None:
            # Pipecat cancels no task that asks for its own end so.
            if task is not asyncio.current_task():
                self._leaving.add(task)
            await cancel_task(task, *more, **options)

        processor.process_frame = process_frame  # type: ignore[method-assign]
        processor.setup = set_up  # type: ignore[method-assign,assignment]
        processor.cleanup = clean_up  # type: ignore[method-assign]
        processor.create_task = task  # type: ignore[method-assign]
        processor.cancel_task = end_task  # type: ignore[method-assign]


def guarded(
    processor: FrameProcessor, name: str, timeout_s: float, told: set[str]
) -> dict[FrameProcessor, Guard]:
    """Put a guard around a processor, and around each that it is made of.

    Args:
        processor: The processor.
        name: What errors and the log call it; of those within, their class is said before it.
        timeout_s: Seconds that the setup of each may take.
        told: See `Guard`.
    """
    found: dict[FrameProcessor, Guard] = {}

    def surround(one: FrameProcessor, called: str) -> None:
        found[one] = Guard(one, called, timeout_s, told)
        for inner in one.processors:
            # The names of Pipecat's own parts say nothing to whoever wrote the processor.
            plain = isinstance(inner, BasePipeline | PipelineSource | PipelineSink)
            surround(inner, name if plain else f"{type(inner).__name__} in {name}")

    surround(processor, name)
    return found


class _Exit:
    """Stands in place of a processor's neighbour: what the processor pushes is judged first."""

    def __init__(self, guard: Guard, behind: FrameProcessor) -> None:
        self._guard = guard
        self._behind = behind

    async def queue_frame(
        self,
        frame: Frame,
        direction: FrameDirection = FrameDirection.DOWNSTREAM,
        callback: Any = None,
    ) -> None:
        """Hand a frame over, if it is fit."""
        if self._guard.lets_out(frame):
            await self._behind.queue_frame(frame, direction, callback)

    def __getattr__(self, name: str) -> Any:
        """Be the neighbour in all else."""
        return getattr(self._behind, name)

    def __str__(self) -> str:
        """Be called as it is."""
        return str(self._behind)


@dataclass(frozen=True, slots=True)
class _Call:
    """A frame that a processor is at."""

    frame: Frame
    since: float
    """When that began, in the loop's time."""
    limit: asyncio.Timeout
    """Ends the call when it is given up."""
