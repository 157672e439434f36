"""What the pipeline of a response is asked for: its parameters, and what the model reads."""

from __future__ import annotations

from session.heard_turns import HeardMessage
from session.model_messages import render_messages
from session.ports import FailureReason, ResponseRequest
from session.reading_order import Readable
from session.response_spec import ResponseSpec


def unmet_choice(spec: ResponseSpec) -> FailureReason | None:
    """Return why `tool_choice` cannot be met (§C.2), or None."""
    names = {tool["name"] for tool in spec.tools}
    choice = spec.tool_choice
    if choice == "required" and not names:
        reason = "tool_choice is 'required', but there are no tools."
    elif isinstance(choice, dict) and choice["name"] not in names:
        reason = f"tool_choice names '{choice['name']}', which is not among the tools."
    else:
        return None
    return FailureReason(reason, "invalid_tool_choice", "invalid_request_error")


def build_request(spec: ResponseSpec, read: list[Readable | HeardMessage]) -> ResponseRequest:
    """Return the request for a response that reads these messages."""
    limit = spec.max_output_tokens
    return ResponseRequest(
        response_id=spec.id,
        instructions=spec.instructions,
        messages=render_messages(read),
        tools=spec.tools,
        tool_choice=spec.tool_choice,
        max_output_tokens=limit if isinstance(limit, int) else None,
        reasoning_effort=spec.reasoning_effort,
        parallel_tool_calls=spec.parallel_tool_calls,
        temperature=spec.temperature,
        voice=spec.voice,
        speed=spec.speed,
        spoken=spec.spoken,
    )
