"""The embedded language model: the rule-based assistant as a Pipecat service.

It streams its answers in deltas at a configurable pace, so that voices, interruptions and tool
calls work as with a real model.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings
from pydantic import BeforeValidator, Field

from config import LLMConfig
from providers.assistant.reply import Answer, ToolCall, reply
from providers.base import LLMProvider
from providers.call_ids import new_call_id
from providers.frames import CompletionFrame, ToolCallFrame
from providers.options import Options, parse_options, refuse
from session.ports import FinishReason, ResponseRequest, TokenUsage
from settings.localisation import _
from settings.provider_declarations import Declaration

LONG_WORDS = 50
"""Words after which an answer counts as long and is slowed by `long_word_ms`."""
_ARGUMENT_PIECES = 4
_CHARACTERS_PER_TOKEN = 4
# A word with the space before it. Scripts that write no spaces come character by character.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3000-\u303f\uff00-\uffef"
_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)|\s+")


def _not_boolean(value: Any) -> Any:
    """Refuse `true`, which pydantic would take for 1."""
    if isinstance(value, bool):
        raise ValueError("it must be a number of milliseconds")
    return value


Milliseconds = Annotated[float, BeforeValidator(_not_boolean), Field(ge=0, allow_inf_nan=False)]


def _remedy() -> str:
    return _('set llm.provider = "openai", or llm.model to a GGUF file, to use a real model')


def _local_time() -> datetime:
    return datetime.now().astimezone()


class EmbeddedLLMOptions(Options):
    """`llm.options`: the pace of an answer in ms; 0 is as fast as the pipeline takes it."""

    first_token_ms: Milliseconds = 0
    """Delay before the first delta."""
    word_ms: Milliseconds = 0
    """Delay before each further delta."""
    long_word_ms: Milliseconds = 150
    """Delay before each delta from the fiftieth word on, if more than `word_ms`: otherwise a long
    answer would be complete before a user could interrupt it."""


class EmbeddedLLM(LLMProvider):
    """The built-in assistant. It needs no key, no model and no network."""

    declaration = Declaration(kind="llm", name="embedded", options=EmbeddedLLMOptions)
    images = False
    reasoning = False
    translates = False
    for_trial = True

    def __init__(self, config: LLMConfig) -> None:
        """Check the settings.

        Raises:
            ProviderSetupError: A setting that the assistant does not have, or a bad pace.
        """
        refuse("llm", config, ("api_base", "temperature"), _remedy())
        self._pace = parse_options("llm", config, EmbeddedLLMOptions)

    @classmethod
    def build(cls, config: LLMConfig) -> LLMProvider:
        """Return the assistant, or the user's own model if the settings name its file."""
        if config.model is None:
            return cls(config)
        from providers.llm.gguf import GgufModel

        return GgufModel(config)

    @property
    def label(self) -> str:
        """Provider and model in a few words, for the start-up banner."""
        return _("embedded (rule-based assistant, for trying things out)")

    def create(self, request: ResponseRequest) -> AssistantLLMService:
        """Build the assistant of one response."""
        return AssistantLLMService(request, self._pace)


class AssistantLLMService(LLMService):
    """Answers one request, when the context frame arrives."""

    def __init__(
        self,
        request: ResponseRequest,
        pace: EmbeddedLLMOptions,
        clock: Callable[[], datetime] = _local_time,
    ) -> None:
        """Prepare the answer to a request.

        Args:
            request: What to answer.
            pace: Delays between its deltas.
            clock: Returns the current time; called when the answer begins.
        """
        super().__init__(
            settings=LLMSettings(
                model="embedded",
                system_instruction=None,
                temperature=None,
                max_tokens=None,
                top_p=None,
                top_k=None,
                frequency_penalty=None,
                presence_penalty=None,
                seed=None,
                filter_incomplete_user_turns=False,
                user_turn_completion_config=None,
            )
        )
        self._request = request
        self._first_ms = pace.first_token_ms
        self._word_ms = pace.word_ms
        self._long_ms = max(pace.word_ms, pace.long_word_ms)
        self._clock = clock
        self._pieces = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer an `LLMContextFrame`; pass every other frame on."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        try:
            await self.push_frame(LLMFullResponseStartFrame())
            await self._answer()
        except Exception as error:
            await self.push_error(f"The embedded assistant failed: {error}", exception=error)
        finally:
            await self.push_frame(LLMFullResponseEndFrame())

    async def _answer(self) -> None:
        request = self._request
        answer = reply(
            request.messages,
            request.tools,
            request.tool_choice,
            request.instructions,
            self._clock(),
        )
        pieces = _PIECE.findall(answer.text)
        kept = pieces[: request.max_output_tokens]
        self._pieces = 0
        for piece in kept:
            await self._wait()
            await self.push_frame(LLMTextFrame(piece))
        reason: FinishReason = "stop"
        if len(kept) < len(pieces):
            reason = "length"
        elif answer.tool_calls:
            reason = "tool_calls"
            most = 1 if request.parallel_tool_calls is False else None
            for index, call in enumerate(answer.tool_calls[:most]):
                await self._push_call(index, call)
        usage = _usage(request, answer, "".join(kept))
        await self.push_frame(CompletionFrame(reason=reason, usage=usage))

    async def _push_call(self, index: int, call: ToolCall) -> None:
        call_id = new_call_id()
        for piece in _split(_json(call.arguments)):
            await self._wait()
            await self.push_frame(
                ToolCallFrame(index=index, call_id=call_id, function=call.name, arguments=piece)
            )

    async def _wait(self) -> None:
        """Wait before the next delta; at least yield, so that an interruption can arrive."""
        pace = self._word_ms if self._pieces < LONG_WORDS else self._long_ms
        await asyncio.sleep((pace if self._pieces else self._first_ms) / 1000)
        self._pieces += 1


def _split(text: str) -> Iterator[str]:
    size = math.ceil(len(text) / _ARGUMENT_PIECES)
    return (text[start : start + size] for start in range(0, len(text), size))


def _usage(request: ResponseRequest, answer: Answer, spoken: str) -> TokenUsage:
    """Estimate the tokens of a response; text beyond the token limit is not counted."""
    output = _tokens(spoken)
    if request.max_output_tokens is not None:
        # A delta counts as one token towards the limit, however long it is.
        output = min(output, request.max_output_tokens)
    output += sum(_tokens(call.name + _json(call.arguments)) for call in answer.tool_calls)
    given = (request.instructions, *map(_json, request.messages), *map(_json, request.tools))
    return TokenUsage(input_tokens=sum(map(_tokens, given)), output_tokens=output)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)
