"""Whether a context that a processor hands on is one that a model can be asked with.

Its messages go to the model as they are. What is wrong with them would be found there, in a service
or in a request's JSON, and the model would be blamed for it.
"""

from __future__ import annotations

import math
from typing import Any

from pipecat.processors.aggregators.llm_context import LLMContext, LLMSpecificMessage

MOST_NESTED = 64
"""Levels of lists and objects within a message; a list that holds itself has no end of them."""

_HELD: dict[str, type[Any]] = {"text": str, "image_url": dict, "input_audio": dict}
"""Type of a part of a message → type of what it holds under that name."""


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
        # One in a service's own form is that service's to judge.
        if isinstance(message, LLMSpecificMessage):
            continue
        wrong = _wrong(message)
        if wrong is not None:
            return wrong
    return None


def _wrong(message: Any) -> str | None:
    """Return what is wrong with a message; None: nothing is."""
    if not isinstance(message, dict):
        return f"with a message that is no dict but {type(message).__name__}"
    if not isinstance(message.get("role"), str):
        return "with a message without a role"
    content = message.get("content")
    if not isinstance(content, str | list | None):
        return f"with a message whose content is no text but {type(content).__name__}"
    parts = content if isinstance(content, list) else []
    if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts):
        return "with a message whose content has a part without a type"
    for part in parts:
        held = _HELD.get(part["type"])
        if held is not None and not isinstance(part.get(part["type"]), held):
            return f"with a message whose content has a part of type {part['type']} without that"
    foreign = _foreign(message)
    return None if foreign is None else f"with a message that no JSON can hold ({foreign})"


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
