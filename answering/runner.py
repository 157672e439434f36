"""Runs the pipelines of one session's responses, including a speculative one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from loguru import logger
from pipecat.utils.tracing.tracing_context import TracingContext

from answering.held_response import HeldResponse
from providers.quoted import brief
from session.ports import ClientRoom, FailureReason, ResponseRequest
from session.reports import ResponseFailed, ResponseReport
from telemetry.turn_log import TurnLog


class Generation(Protocol):
    """What generates one response: a `ResponsePipeline`, or an upstream's."""

    async def start(self) -> None:
        """Start generating."""

    async def stop(self) -> None:
        """Stop generating and release all resources."""


class Pipelines(Protocol):
    """Builds pipelines: `PipelineManager`, or what an upstream has for a session."""

    def response_pipeline(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        tracing: TracingContext | None = None,
    ) -> Generation:
        """Build the pipeline of one response."""


class ResponseRunner:
    """The responses of one session that are being generated."""

    def __init__(
        self,
        pipelines: Pipelines,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        log: TurnLog,
    ) -> None:
        """Start with none.

        Args:
            pipelines: Builds the pipelines.
            report: Takes their reports.
            room: The client's back-pressure.
            log: Counts speculative responses and their failures.
        """
        self._pipelines = pipelines
        self._report = report
        self._room = room
        self._log = log
        self._due: set[str] = set()
        """Ids of the responses whose `generate` is queued."""
        self._running: dict[str, Generation] = {}
        self._held: tuple[HeldResponse, Generation] | None = None
        """The speculative response to a turn that may be over."""
        self._stopping: set[asyncio.Task[None]] = set()

    def expect(self, request: ResponseRequest) -> None:
        """Note that `generate` is queued; `stop` can still take it back."""
        self._due.add(request.response_id)

    async def generate(self, request: ResponseRequest) -> None:
        """Generate a response, or release the speculative one if its request is the same."""
        if request.response_id not in self._due:
            return
        self._due.remove(request.response_id)
        if self._held is not None and self._held[0].answers(request):
            (held, pipeline), self._held = self._held, None
            self._running[request.response_id] = pipeline
            await held.release(self._report, request.response_id)
            return
        self.drop_held()
        try:
            tracing = self._log.tracing(request.response_id)
            pipeline = self._pipelines.response_pipeline(request, self._report, self._room, tracing)
        # Building a service runs a provider's code, which may raise anything.
        except Exception as error:
            logger.opt(exception=True).debug("building a response's pipeline failed")
            what = "The response's pipeline could not be built: "
            # The error's text may quote the request, and so the conversation: not for the log.
            failure = FailureReason(f"{what}{brief(error)}", discreet=what + type(error).__name__)
            self._report(ResponseFailed(request.response_id, failure))
            return
        self._running[request.response_id] = pipeline
        await pipeline.start()

    async def speculate(self, request: ResponseRequest) -> None:
        """Start the response to a turn that may be over."""
        self.drop_held()
        held = HeldResponse(request, self._room, self._log.failed)
        try:
            pipeline = self._pipelines.response_pipeline(
                request, held.report, held, self._log.tracing()
            )
        # `generate` will meet the same failure, and report it.
        except Exception:
            logger.opt(exception=True).debug("building a speculative response's pipeline failed")
            return
        self._held = held, pipeline
        self._log.speculated()
        await pipeline.start()

    def drop_held(self) -> None:
        """Discard the speculative response, if there is one."""
        if self._held is not None:
            (_held, pipeline), self._held = self._held, None
            self._log.discarded()
            self._stop_soon(pipeline)

    def stop(self, response_id: str) -> None:
        """Stop generating a response, also one that is still queued."""
        self._due.discard(response_id)
        pipeline = self._running.pop(response_id, None)
        if pipeline is not None:
            self._stop_soon(pipeline)

    async def close(self) -> None:
        """Stop all responses, and wait until their pipelines have stopped."""
        self.drop_held()
        for response_id in list(self._running):
            self.stop(response_id)
        await asyncio.gather(*self._stopping)

    def _stop_soon(self, pipeline: Generation) -> None:
        task = asyncio.create_task(pipeline.stop(), name="stop a response")
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
