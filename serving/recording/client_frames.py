"""Client frames as a recording keeps them: on one line, without keys, with their images.

A frame may be megabytes of base64, which no JSON parser is given: it would hold the interpreter,
and so all sessions, for a tenth of a second. What is long passes by, as `wire/incoming.py` does it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from flow.steps import at_once
from serving.recording.hiding import SECRET_FIELDS, without_secrets, without_words
from settings.masks import HIDDEN
from wire.errors import ProtocolError
from wire.long_strings import MARK_CHARS, cut_long
from wire.strict_json import read_json

_NAMED = [
    re.compile(rf"""{name}[\\"']*\s*[:=]|["']{name}[\\"']+\s*,""") for name in sorted(SECRET_FIELDS)
]
"""Find, in lower case, the names behind which keys stand; one pattern for all takes 20 times as
long."""
_QUOTED = re.compile(r"\\+u00([2-7][0-9a-fA-F])(?<!22)(?<!5c)(?<!5C)")
"""Finds what JSON need not quote, but for quotes and backslashes."""


def written(raw: str, *, redact: bool) -> bytes | None:
    """Return a frame as compact JSON without keys; None: it is no JSON object.

    Args:
        raw: The frame as it came.
        redact: Whether to leave out texts, audio and images.
    """
    try:
        light, cut = at_once(cut_long(raw, len(raw)))
        message = read_json(light)
        if not isinstance(message, dict):
            return None
        message = without_secrets(message)
        if redact:
            return to_json(without_words(message))
        marks = {mark: secrets.token_hex(16) for mark in cut}
        text = to_json(_marked(message, marks)) if cut else to_json(message)
    except (ProtocolError, ValueError, RecursionError):
        return None
    for mark, token in marks.items():
        text = text.replace(token.encode(), cut[mark].encode(), 1)
    return text


def unread(raw: str | None, *, redact: bool) -> str | dict[str, Any] | None:
    """Return what stands for a message that is no JSON object.

    Where a key ends cannot be told in what is no JSON: all that stands behind its name is masked.
    """
    if raw is None:
        return None
    if redact:
        return {"chars": len(raw)}
    # Quoted letters hide the name of a key, or a key.
    raw = _QUOTED.sub(lambda found: chr(int(found[1], 16)), raw)
    # No other letter has a lower case of another length.
    lower = raw.replace("İ", "i").lower()
    ends = [found.end() for found in (name.search(lower) for name in _NAMED) if found is not None]
    return raw[: min(ends)] + HIDDEN if ends else raw


def _marked(value: Any, marks: Mapping[str, str]) -> Any:
    """Return a value whose long strings are tokens."""
    if isinstance(value, dict):
        return {key: _marked(inner, marks) for key, inner in value.items()}
    if isinstance(value, list):
        return [_marked(inner, marks) for inner in value]
    if isinstance(value, str):
        return marks.get(value[-MARK_CHARS:], value)
    return value
