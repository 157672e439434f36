"""What the pipeline of a response is asked for: its parameters, and what the model reads.

A response waits until that is complete: until the transcripts of its context are there, where its
model reads them, and the tools of servers that it brings itself.
"""

from __future__ import annotations

from collections.abc import Container

from session.context_window import ContextTooLong
from session.conversation import Conversation
from session.heard_turns import HeardMessage
from session.items import Item
from session.mcp_offer import Offer
from session.mcp_tools import McpTools
from session.model_context import ModelContext
from session.model_messages import render_messages
from session.ports import FailureReason, ResponseRequest
from session.reading_order import Readable
from session.response import Response
from session.response_spec import ResponseSpec, build_spec
from session.session_config import SessionConfig
from wire.response_fields import ResponseOptions


class ResponseRequests:
    """The requests of one session's responses."""

    def __init__(self, config: SessionConfig, conversation: Conversation, tools: McpTools) -> None:
        """Make requests out of a session's settings, its conversation and its MCP tools."""
        self._config = config
        self._conversation = conversation
        self._tools = tools
        self._model = ModelContext(config)

    def is_incomplete(self, response: Response) -> bool:
        """Return whether a response has to wait for transcripts, or for tools."""
        wordless = any(map(self._model.lacks_words, response.context))
        return wordless or self._tools.awaited(response.spec)

    def of(self, response: Response) -> ResponseRequest | FailureReason:
        """Note in a response what its model is given, and return the request for it.

        Returns:
            A reason: its `tool_choice` cannot be met, or its context does not fit (§A.9).
        """
        offered = self._tools.offer(response.spec)
        if offered.unmet is not None:
            return offered.unmet
        response.offer = offered
        try:
            response.read = self._model.of(response.spec, response.context)
        except ContextTooLong as too_long:
            return too_long.error
        return _request(self._config.id, response.spec, response.read, offered)

    def preview(self, item: Item, without: Container[str] = ()) -> ResponseRequest | None:
        """Return the request for the answer to a turn, if the turn ended the conversation.

        Args:
            item: The turn.
            without: Ids of items that it would replace.

        Returns:
            None: there would be no answer, or not at once. State does not change.
        """
        context = [*(known for known in self._conversation if known.id not in without), item]
        if any(map(self._model.lacks_words, context)) or not self._model.says_something(item):
            return None
        spec = build_spec(ResponseOptions(), self._config, self._conversation)
        spec.answers = (item.id,)
        offered = self._tools.offer(spec)
        if offered.unmet is not None:
            return None
        try:
            return _request(self._config.id, spec, self._model.of(spec, context), offered)
        except ContextTooLong:
            return None


def _request(
    session_id: str, spec: ResponseSpec, read: list[Readable | HeardMessage], offer: Offer
) -> ResponseRequest:
    limit = spec.max_output_tokens
    return ResponseRequest(
        response_id=spec.id,
        instructions=spec.instructions,
        messages=render_messages(read),
        tools=offer.tools,
        tool_choice=offer.choice,
        max_output_tokens=limit if isinstance(limit, int) else None,
        reasoning_effort=spec.reasoning_effort,
        parallel_tool_calls=spec.parallel_tool_calls,
        temperature=spec.temperature,
        voice=spec.voice,
        speed=spec.speed,
        spoken=spec.spoken,
        session_id=session_id,
    )
