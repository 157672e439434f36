"""The embedded language model: the rule-based assistant as a Pipecat service.

It streams its answers in pieces and at a settable pace like a model does, so that everything
behind it (voices, interruptions, tool calls) works as it will with a real one.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import secrets
import string
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

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

from config import LLMConfig
from providers.assistant.reply import Answer, ToolCall, reply
from providers.base import LLMProvider, ProviderSetupError
from providers.frames import CompletionFrame, ToolCallFrame
from session.ports import FinishReason, ResponseRequest, TokenUsage

_PACES = {"first_token_ms": 0.0, "word_ms": 0.0, "long_word_ms": 150.0}
LONG_WORDS = 50
"""Words after which an answer is long: from there on it can be interrupted."""
_REMEDY = 'remove it, or set llm.provider = "openai" to use a real model'
_CALL_ID_ALPHABET = string.ascii_letters + string.digits
_ARGUMENT_PIECES = 4
_CHARACTERS_PER_TOKEN = 4
# A word with the space before it. Scripts that write no spaces come character by character.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u3000-\u303f\uff00-\uffef"
_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)|\s+")


def _local_time() -> datetime:
    return datetime.now().astimezone()


class EmbeddedLLM(LLMProvider):
    """The built-in assistant. It needs no key, no model and no network.

    Options: `first_token_ms` and `word_ms` set the pace in milliseconds, before the first piece
    and before every further one; both default to 0, as fast as the pipeline takes it. From the
    fiftieth word on, `long_word_ms` (150) counts if it is more: a story that was made at once
    would be over, for the protocol, long before anybody could interrupt it.
    """

    images = False
    reasoning = False
    for_trial = True

    def __init__(self, config: LLMConfig) -> None:
        """Check the settings.

        Raises:
            ProviderSetupError: A setting that the assistant does not have, or a bad pace.
        """
        for name in ("model", "api_base", "temperature"):
            value = getattr(config, name)
            if value is not None:
                raise ProviderSetupError(
                    f"llm.{name} is {value!r}, but the embedded assistant has no such setting: "
                    f"{_REMEDY}."
                )
        unknown = sorted(set(config.options) - set(_PACES))
        if unknown:
            raise ProviderSetupError(
                f"llm.options.{unknown[0]} is unknown to the embedded assistant, which knows "
                f"{', '.join(_PACES)}: {_REMEDY}."
            )
        self._paces = {name: _pace(config.options, name) for name in _PACES}

    @property
    def label(self) -> str:
        """Provider and model in a few words, for the start-up banner."""
        return "embedded (rule-based assistant, for trying things out)"

    def create(self, request: ResponseRequest) -> AssistantLLMService:
        """Build the assistant of one response."""
        return AssistantLLMService(
            request,
            first_token_ms=self._paces["first_token_ms"],
            word_ms=self._paces["word_ms"],
            long_word_ms=self._paces["long_word_ms"],
        )


class AssistantLLMService(LLMService):
    """Answers one request: the context frame only says when."""

    def __init__(
        self,
        request: ResponseRequest,
        *,
        first_token_ms: float = 0,
        word_ms: float = 0,
        long_word_ms: float = 0,
        clock: Callable[[], datetime] = _local_time,
    ) -> None:
        """Prepare the answer to a request.

        Args:
            request: What to answer.
            first_token_ms: Milliseconds before the first piece of the answer.
            word_ms: Milliseconds before every further piece.
            long_word_ms: Milliseconds before every piece beyond the fiftieth, if that is more.
            clock: Tells the current time, when the answer is due.
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
        self._first_ms = first_token_ms
        self._word_ms = word_ms
        self._long_ms = max(word_ms, long_word_ms)
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
        call_id = "call_" + "".join(secrets.choice(_CALL_ID_ALPHABET) for _ in range(16))
        for piece in _split(_json(call.arguments)):
            await self._wait()
            await self.push_frame(
                ToolCallFrame(index=index, call_id=call_id, function=call.name, arguments=piece)
            )

    async def _wait(self) -> None:
        """Keep the pace. Without one, still let others run, and an interruption arrive."""
        pace = self._word_ms if self._pieces < LONG_WORDS else self._long_ms
        await asyncio.sleep((pace if self._pieces else self._first_ms) / 1000)
        self._pieces += 1


def _pace(options: Mapping[str, Any], name: str) -> float:
    value = options.get(name, _PACES[name])
    try:
        # Environment variables give numbers as text.
        pace = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        pace = math.nan
    if not 0 <= pace < math.inf:
        raise ProviderSetupError(
            f"llm.options.{name} is {value!r}: set it to a number of milliseconds, 0 or more."
        )
    return pace


def _split(text: str) -> Iterator[str]:
    size = math.ceil(len(text) / _ARGUMENT_PIECES)
    return (text[start : start + size] for start in range(0, len(text), size))


def _usage(request: ResponseRequest, answer: Answer, spoken: str) -> TokenUsage:
    """Estimate the tokens of a model call; what a limit cut off is not counted."""
    output = _tokens(spoken)
    if request.max_output_tokens is not None:
        # A piece counts as one token towards the limit, however long it is.
        output = min(output, request.max_output_tokens)
    output += sum(_tokens(call.name + _json(call.arguments)) for call in answer.tool_calls)
    given = (request.instructions, *map(_json, request.messages), *map(_json, request.tools))
    return TokenUsage(input_tokens=sum(map(_tokens, given)), output_tokens=output)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tokens(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)
