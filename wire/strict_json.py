"""A JSON reader for untrusted text: strict, and bounded in time.

Python's own reader accepts what is not JSON (`NaN`, infinite numbers) and what no text frame can
carry: half a character, which clients write that cut a text in the middle of an emoji. It also
reads any number of values, which then all have to be validated: 100,000 of them would block all
other sessions for a second.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_VALUES = 10_000
"""Most values in one message: enough for hundreds of tools, and read in a few milliseconds."""
MAX_DIGITS = 100
"""Most digits of an integer; the time to read one grows with their square."""

_SURROGATE = re.compile("[\ud800-\udfff]")
# Matches whole strings, to skip them, and the separators that count values.
_SEPARATORS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,\[{])', re.DOTALL)


def read_json(text: str, most_values: int = MAX_VALUES) -> Any:
    """Parse JSON. A lone surrogate becomes U+FFFD, in strings and in keys.

    Args:
        text: The JSON.
        most_values: How many values may be in it.

    Raises:
        ValueError: It is not JSON, a number is not finite, or there are too many values.
        RecursionError: It is nested deeper than Python's limit.
    """
    if sum(map(text.count, ",[{")) > most_values:
        _count_values(text, most_values)
    value = _DECODER.decode(text)
    # Escaped lone surrogates are valid JSON, but no text frame could echo them.
    return with_whole_characters(value) if "\\ud" in text or "\\uD" in text else value


def with_whole_characters(value: Any) -> Any:
    """Return a value that was just read with U+FFFD for each lone surrogate; it is changed."""
    outer = [value]
    # A list of what is left to do: JSON may be nested deeper than functions may.
    holders: list[Any] = [outer]
    while holders:
        holder = holders.pop()
        entries = list(holder.items() if isinstance(holder, dict) else enumerate(holder))
        if isinstance(holder, dict):
            holder.clear()
        for key, inner in entries:
            name = whole_characters(key) if isinstance(key, str) else key
            holder[name] = whole_characters(inner) if isinstance(inner, str) else inner
            if isinstance(inner, dict | list):
                holders.append(inner)
    return outer[0]


def whole_characters(text: str) -> str:
    """Return a text with U+FFFD for each lone surrogate, as a service's JSON may have them."""
    return _SURROGATE.sub("\ufffd", text)


def in_whole_characters(text: str) -> str:
    """Return JSON without lone surrogates; any other text as it is.

    For JSON within JSON, as in calls of functions: some model services are sent it as objects, and
    half a character cannot be sent.
    """
    if "\\ud" not in text and "\\uD" not in text:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(with_whole_characters(value), ensure_ascii=False)


def json_object(text: str) -> str:
    """Return a call's arguments as a JSON object, without which model services refuse the request.

    Args:
        text: As the model or a client wrote it. Anything but an object, and what is no JSON,
            becomes the value of `arguments` in one.
    """
    try:
        value = json.loads(text or "null", parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        value = text
    if isinstance(value, dict):
        return text
    return "{}" if value is None else json.dumps({"arguments": value}, ensure_ascii=False)


def _count_values(text: str, most: int) -> None:
    count = 0
    for found in _SEPARATORS.finditer(text):
        count += found.lastindex is not None
        if count > most:
            raise ValueError(f"It has more than {most} values.")


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number.")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number[:20]} is too large a number.")
    return value


def _bounded(number: str) -> int:
    if len(number) > MAX_DIGITS:
        raise ValueError(f"{number[:20]}… is too large a number: it has {len(number)} digits.")
    return int(number)


# Built once: `json.loads` would build one per call, and appends are frequent.
_DECODER = json.JSONDecoder(
    parse_constant=_reject_constant, parse_float=_finite, parse_int=_bounded
)
