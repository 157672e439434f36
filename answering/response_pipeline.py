"""The pipeline of one response: LLM → clauses → TTS → client, and processors of one's own.

Every response has its own, so that settings of two responses never mix and stopping one affects no
other. Its reports carry the response's id; the session ignores those that come too late.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import ErrorFrame, LLMContextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService
from pipecat.utils.tracing.tracing_context import TracingContext

from answering.heard_messages import written_out
from answering.outputs import AudioOutput, TextOutput
from answering.response_chains import ModelInput, processed_stages
from answering.supervision import Stage, Supervision
from answering.voice_lead import hold_back
from own_processors.chain import Chain
from own_processors.places import NO_PROCESSORS, Processors
from providers.running_pipeline import RunningPipeline
from session.ports import ClientRoom, ResponseRequest
from session.reports import ResponseReport


async def llm_context(request: ResponseRequest) -> LLMContext:
    """Return a request as Pipecat's context, which its services convert for each vendor."""
    tools = [
        FunctionSchema(
            tool["name"],
            tool.get("description") or "",
            tool["parameters"].get("properties", {}),
            tool["parameters"].get("required", []),
        )
        for tool in request.tools
    ]
    messages = cast(Any, await written_out(request.messages))
    if not tools:
        return LLMContext(messages)
    choice = request.tool_choice
    if isinstance(choice, dict):
        choice = {"type": "function", "function": {"name": choice["name"]}}
    return LLMContext(messages, ToolsSchema(standard_tools=tools), cast(Any, choice))


class ResponsePipeline:
    """The pipeline that generates one response."""

    def __init__(
        self,
        request: ResponseRequest,
        llm: Stage[LLMService],
        tts: Stage[TTSService] | None,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        tracing: TracingContext | None = None,
        processors: Processors = NO_PROCESSORS,
    ) -> None:
        """Link the stages.

        Args:
            request: What to generate.
            llm: A model built for this response alone.
            tts: A voice built for this response alone; None for text-only output.
            report: Takes the reports about the response.
            room: The client's back-pressure.
            tracing: The context of the stages' spans; None: no tracing.
            processors: Processors of one's own between the stages. Those before the model change
                the messages of `request`.

        Raises:
            ProviderSetupError: One of those cannot be built.
        """
        self._supervision = supervision = Supervision(request, report, room, llm, tts)
        self._before_model: ModelInput | None = None
        if processors.behind_model:
            stages = processed_stages(processors, supervision, llm, tts)
        else:
            stages = [llm.service, TextOutput(supervision)]
            stages += [] if tts is None else [tts.service, AudioOutput(supervision)]
        if processors.before_model:
            self._before_model = ModelInput(processors, supervision, llm.service, request)
            stages = [*self._before_model.processors, *stages]
        self._watch_own(stages, llm, tts)
        self._watch(llm)
        if tts is not None:
            self._watch(tts)
            hold_back(tts.service, supervision.lead)
        name = f"response {request.response_id}"
        self._running = RunningPipeline(Pipeline(stages), name, tracing=tracing)
        self._request = request

    async def start(self) -> None:
        """Start generating."""
        if self._before_model is not None:
            self._before_model.started()
        else:
            self._supervision.started()
        await self._running.push(LLMContextFrame(await llm_context(self._request)))

    async def stop(self) -> None:
        """Stop generating and release all resources."""
        self._supervision.unwatched()
        await self._running.stop()

    def _watch_own(
        self, stages: list[FrameProcessor], llm: Stage[LLMService], tts: Stage[TTSService] | None
    ) -> None:
        """Fail the response by an error of the server's own, which something before it caused."""
        last: Stage[Any] = llm
        behind: Chain | None = None
        for processor in stages:
            chain = next((one for one in self._supervision.chains if processor in one), None)
            if chain is not None:
                behind = chain
            elif tts is not None and processor is tts.service:
                last = tts
            elif processor is not llm.service:
                self._watch_one(processor, behind, last)

    def _watch_one(self, own: FrameProcessor, behind: Chain | None, last: Stage[Any]) -> None:
        async def on_error(_processor: FrameProcessor, frame: ErrorFrame) -> None:
            if behind is not None:
                self._supervision.fail(behind.reason_behind(frame))
            else:
                self._supervision.failed(last, frame)

        own.add_event_handler("on_error", on_error)

    def _watch(self, stage: Stage[Any]) -> None:
        # Called before the error frame travels, so that the failure is known before the frame
        # that ends the response could make it look complete.
        async def on_error(_processor: FrameProcessor, frame: ErrorFrame) -> None:
            self._supervision.failed(stage, frame)

        stage.service.add_event_handler("on_error", on_error)
