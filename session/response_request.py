"""What the pipeline of a response is asked for: its parameters, and what the model reads."""

from __future__ import annotations

from session.heard_turns import HeardMessage
from session.mcp_offer import Offer
from session.model_messages import render_messages
from session.ports import ResponseRequest
from session.reading_order import Readable
from session.response_spec import ResponseSpec


def build_request(
    spec: ResponseSpec, read: list[Readable | HeardMessage], offer: Offer
) -> ResponseRequest:
    """Return the request for a response that reads these messages, and is offered these tools."""
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
    )
