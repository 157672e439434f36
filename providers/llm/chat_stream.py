"""Reads from a streamed chat completion what Pipecat drops: tool call deltas, finish reason, usage.

It also tolerates servers that only resemble OpenAI's: fields that they leave out are optional, and
a body that is no chat completion is reported as an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

from openai import APIError, APIStatusError, AsyncStream
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice
from pipecat.frames.frames import LLMTextFrame
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.base_llm import BaseOpenAILLMService

from providers.frames import CompletionFrame
from providers.llm.chat_calls import StreamedCalls
from providers.llm.pipecat_services import NotUnderstood, StreamError
from providers.llm.thoughts import ThoughtFilter
from providers.openai_client import explained
from session.ports import FinishReason, TokenUsage

_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
}
_DONE = re.compile(rb"^data: ?\[DONE\]", re.MULTILINE)
HEAD_BYTES = 200
"""Characters shown in the error of a body that is no chat completion."""


class TellingChatService(BaseOpenAILLMService):
    """Any Pipecat service of chat completions, with its stream observed.

    A mixin: put it before that service's class in the bases.
    """

    usage: TokenUsage | None = None
    """What the server has counted so far; some count before the end."""

    async def get_chat_completions(self, context: LLMContext) -> AsyncStream[ChatCompletionChunk]:
        """Open the stream, wrapped in `_Tee`."""
        try:
            stream = await super().get_chat_completions(context)
        except APIStatusError as error:
            raise explained(error) from error
        return _Tee(stream, self)  # type: ignore[return-value]


class _Tee:
    """Passes chunks with text on to Pipecat, and pushes what it would drop as our own frames."""

    def __init__(
        self, stream: AsyncStream[ChatCompletionChunk], service: TellingChatService
    ) -> None:
        self._stream = stream
        self._service = service
        # Some services of Pipecat wrap the stream, which hides the response.
        self._body = _Body(getattr(stream, "response", None))
        self._calls = StreamedCalls()
        self._thoughts = ThoughtFilter()
        self._begun = False
        self._reason: FinishReason | None = None

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        try:
            async for chunk in self._told():
                yield chunk
        finally:
            # An answer that fails has cost what was counted.
            if self._service.usage is not None:
                await self._service.start_llm_usage_metrics(_for_traces(self._service.usage))

    async def _told(self) -> AsyncIterator[ChatCompletionChunk]:
        try:
            async for chunk in self._stream:
                if not isinstance(chunk, ChatCompletionChunk):
                    raise self._body.not_understood()
                usage: CompletionUsage | None = getattr(chunk, "usage", None)
                self._service.usage = _token_usage(usage) or self._service.usage
                choices = [
                    choice
                    for choice in getattr(chunk, "choices", None) or []
                    if isinstance(choice, Choice)
                ]
                # Pipecat reads these fields without checking that the server sent them.
                chunk.usage = None
                chunk.model = getattr(chunk, "model", "")
                chunk.choices = choices
                if choices:
                    await self._listen(choices[0])
                yield chunk
        except json.JSONDecodeError as error:
            raise self._body.not_understood() from error
        except APIStatusError:
            raise
        except APIError as error:
            raise _reported(error) from error
        if rest := self._thoughts.flush():
            await self._service.push_frame(LLMTextFrame(rest))
        if self._reason is None and not self._body.done:
            if not self._begun:
                raise self._body.not_understood()
            raise ConnectionError("the stream ended in the middle of the answer")
        reason = self._reason or "stop"
        if reason == "stop" and self._calls.count:
            reason = "tool_calls"
        await self._service.push_frame(CompletionFrame(reason, self._service.usage))

    async def __aenter__(self) -> _Tee:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release the connection."""
        stream: Any = self._stream
        await (stream.close if hasattr(stream, "close") else stream.aclose)()

    async def _listen(self, choice: Choice) -> None:
        self._begun = True
        if reason := getattr(choice, "finish_reason", None):
            self._reason = _REASONS.get(reason, "stop")
        delta = getattr(choice, "delta", None)
        if delta is None:
            return
        for call in getattr(delta, "tool_calls", None) or []:
            await self._service.push_frame(self._calls.piece(call))
        # Hidden from Pipecat, which would look for a handler: the client runs the call.
        delta.tool_calls = None
        delta.content = self._thoughts.push(getattr(delta, "content", None) or "")


class _Body:
    """Watches the bytes of a reply: how it begins, and whether its end marker has come."""

    def __init__(self, response: Any) -> None:
        self._head = b""
        self._tail = b""
        self._type = "of an unknown type"
        if response is not None:
            self._type = response.headers.get("content-type", self._type)
            self._read = response.aiter_bytes
            response.aiter_bytes = self._pass

    @property
    def done(self) -> bool:
        """Whether the server has sent the stream's end marker."""
        return _DONE.search(self._tail) is not None

    def not_understood(self) -> NotUnderstood:
        """Return the error for a reply that is no chat completion."""
        head = " ".join(self._head.decode(errors="replace").split())
        return NotUnderstood(f"the answer is no chat completion stream but {self._type}", head)

    async def _pass(self) -> AsyncIterator[bytes]:
        async for piece in self._read():
            self._head += piece[: HEAD_BYTES - len(self._head)]
            self._tail = (self._tail + piece)[-HEAD_BYTES:]
            yield piece


def _token_usage(usage: CompletionUsage | None) -> TokenUsage | None:
    # Some servers send only a part of what OpenAI does.
    prompt = getattr(usage, "prompt_tokens", None)
    completion = getattr(usage, "completion_tokens", None)
    if prompt is None or completion is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    return TokenUsage(
        prompt,
        completion,
        getattr(details, "cached_tokens", None) or 0,
        getattr(details, "audio_tokens", None),
    )


def _for_traces(usage: TokenUsage) -> LLMTokenUsage:
    return LLMTokenUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        cache_read_input_tokens=usage.cached_tokens,
    )


def _reported(error: APIError) -> Exception:
    """Return what a server reported in the stream, by the HTTP status it names, if any."""
    status = error.body.get("code") if isinstance(error.body, dict) else None
    return StreamError(error.message, status) if isinstance(status, int) else error
