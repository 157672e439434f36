"""Whether a context that a processor hands on is one that a model can be asked with.

Its messages go to the model as they are. What is wrong with them would be found there, in a service
or in a request's JSON, and the model would be blamed for it.
"""

from __future__ import annotations

import math
from typing import Any

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.processors.aggregators.llm_context import LLMContext, LLMSpecificMessage
from pipecat.utils.types import is_given

MOST_NESTED = 64
"""Levels of lists and objects within a message; a list that holds itself has no end of them."""

_HELD: dict[str, tuple[str, ...]] = {
    "text": (),
    "image_url": ("url",),
    "input_audio": ("data", "format"),
}
"""Type of a part of a message → the texts in what it holds under that name; none: that is one."""
_IN_JSON = "openai"
"""Whose own messages go into a request as they are."""
_INSTEAD = ("tool_calls", "function_call", "audio", "refusal")
"""What a message of the model's may have instead of content."""


def unfit_context(context: Any) -> str | None:
    """Return what is wrong with a context, as what follows "a context"; None: nothing is.

    It quotes nothing of it.

    Args:
        context: As a processor left it: any object at all.
    """
    if not isinstance(context, LLMContext):
        return f"that is no LLMContext but {type(context).__name__}"
    messages: Any = context.get_messages()
    if not isinstance(messages, list):
        return f"whose messages are no list but {type(messages).__name__}"
    for message in messages:
        wrong = (
            _wrong_specific(message) if isinstance(message, LLMSpecificMessage) else _wrong(message)
        )
        if wrong is not None:
            return wrong
    return _wrong_tools(context)


def _wrong_specific(message: LLMSpecificMessage) -> str | None:
    """Return what is wrong with a message in a service's own form; None: nothing that is known.

    It is that service's to judge; that of OpenAI and all that do as it does is an object of JSON.
    """
    said = message.message
    if message.llm != _IN_JSON:
        return None
    if not isinstance(said, dict):
        return f"with a message that is no dict but {type(said).__name__}"
    foreign = _foreign(said)
    return None if foreign is None else f"with a message that no JSON can hold ({foreign})"


def _wrong_tools(context: LLMContext) -> str | None:
    """Return what is wrong with the tools of a context, which are the client's; None: nothing."""
    tools: Any = context.tools
    if is_given(tools) and not (
        isinstance(tools, ToolsSchema)
        and all(isinstance(tool, FunctionSchema) for tool in tools.standard_tools)
    ):
        return "whose tools are no ToolsSchema of functions"
    choice: Any = context.tool_choice
    if is_given(choice) and (foreign := _foreign(choice)) is not None:
        return f"whose tool_choice no JSON can hold ({foreign})"
    return None


def _wrong(message: Any) -> str | None:
    """Return what is wrong with a message; None: nothing is."""
    if not isinstance(message, dict):
        return f"with a message that is no dict but {type(message).__name__}"
    role = message.get("role")
    if not isinstance(role, str) or not role:
        return "with a message without a role"
    content = message.get("content")
    if not isinstance(content, str | list | None):
        return f"with a message whose content is no text but {type(content).__name__}"
    parts = content if isinstance(content, list) else []
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts):
        return "with a message whose content has a part without a type"
    for part in parts:
        if not _holds(part):
            return f"with a message whose content has a part of type {part['type']} without that"
    if content is None and not (role == "assistant" and any(map(message.get, _INSTEAD))):
        return "with a message without content"
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        return "with a message of a tool without tool_call_id"
    if not all(map(_is_call, _sequence(message.get("tool_calls")))):
        return "with a message whose tool_calls are no list of calls with id, name and arguments"
    foreign = _foreign(message)
    return None if foreign is None else f"with a message that no JSON can hold ({foreign})"


def _holds(part: dict[str, Any]) -> bool:
    """Return whether a part of a known type holds what it says."""
    texts = _HELD.get(part["type"])
    held = part.get(part["type"])
    if texts is None:
        return True
    if not texts:
        return isinstance(held, str)
    return isinstance(held, dict) and all(isinstance(held.get(name), str) for name in texts)


def _sequence(calls: Any) -> list[Any]:
    """Return the calls of a message; what is no list is no call, either."""
    return calls if isinstance(calls, list) else [] if calls is None else [calls]


def _is_call(call: Any) -> bool:
    function = call.get("function") if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(call.get("id"), str)
        and all(isinstance(function.get(name), str) for name in ("name", "arguments"))
    )


def _foreign(value: Any, depth: int = 0) -> str | None:
    """Return the type of what JSON has no word for; None: there is nothing of the kind."""
    if depth > MOST_NESTED:
        return "nested too deeply"
    if isinstance(value, float):
        return None if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return None if value.isascii() or _is_whole(value) else "half a character"
    if value is None or isinstance(value, int):
        return None
    if isinstance(value, dict):
        names = (type(name).__name__ for name in value if not isinstance(name, str))
        return (
            next(names, None)
            or _first_foreign(value, depth)
            or _first_foreign(value.values(), depth)
        )
    if isinstance(value, list | tuple):
        return _first_foreign(value, depth)
    return type(value).__name__


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_foreign(values: Any, depth: int) -> str | None:
    found = (_foreign(value, depth + 1) for value in values)
    return next((one for one in found if one is not None), None)
