"""Keeps what a processor of one's own does to itself: its calls and its tasks run in here.

Pipecat turns an `Exception` of a processor into an error that `chain.py` hears of. What a program
ends by is none: `sys.exit()` in a library, or a panic in one written in Rust, would end the event
loop, and with it everybody's sessions. In here it becomes an `Exception`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)


class ProgramEnded(Exception):
    """A processor raised what would have ended the server; its cause is that."""


def raised(error: BaseException) -> BaseException:
    """Return what a processor raised, of an error that came out of here."""
    if isinstance(error, ProgramEnded) and error.__cause__ is not None:
        return error.__cause__
    return error


class Guard:
    """Stands around one processor, and around those that it is made of."""

    def __init__(self, processor: FrameProcessor) -> None:
        """Take the processor's methods over, before its pipeline is set up."""
        self._surround(processor)

    def _surround(self, processor: FrameProcessor) -> None:
        process, create_task = processor.process_frame, processor.create_task
        setup, cleanup = processor.setup, processor.cleanup

        async def process_frame(frame: Frame, direction: FrameDirection) -> None:
            await _Steps(process(frame, direction))

        async def set_up(given: FrameProcessorSetup) -> None:
            await _Steps(setup(given))

        async def clean_up() -> None:
            await _Steps(cleanup())  # type: ignore[no-untyped-call]

        def task(
            coroutine: Coroutine[Any, Any, Any], name: str | None = None, *more: Any, **options: Any
        ) -> asyncio.Task[Any]:
            name = name or getattr(coroutine, "__name__", None)
            made = create_task(_Steps(coroutine), name, *more, **options)
            # One that is cancelled before its first step has never begun with it.
            made.add_done_callback(lambda _task: coroutine.close())
            return made

        processor.process_frame = process_frame  # type: ignore[method-assign]
        processor.setup = set_up  # type: ignore[method-assign,assignment]
        processor.cleanup = clean_up  # type: ignore[method-assign]
        processor.create_task = task  # type: ignore[method-assign]
        for inner in processor.processors:
            self._surround(inner)


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine of a processor's, which runs from one `await` to the next in a step."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

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
        try:
            return take(*given)
        except (Exception, asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            raise ProgramEnded(f"{type(error).__name__}: {error}") from error
