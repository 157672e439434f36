"""Decodes long base64 strings (audio, images) of client events in small steps.

Parsing and decoding a string of 20 MB takes a tenth of a second, which would block all other
sessions. So long strings are cut out of a frame before it is parsed, decoded piece by piece, and
put back into the parsed event.

Writers of JSON and of base64 differ. Some escape characters that need none (`+` in .NET, `/` in
PHP, `=` in Java), and some end a line after every 76 characters, as MIME wants it. All that is the
same base64.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import pybase64
from pydantic import BaseModel

from flow.steps import Steps
from wire.errors import ProtocolError

LONG = 16 * 1024
"""Characters from which a string is cut out."""
_STRIDE = LONG // 2
_SHOWN = 1500
"""Characters of the string that its stand-in begins with: enough to quote in errors, and more than
any field of limited length allows, so that validation still refuses it."""
_PIECE = 256 * 1024
"""Characters decoded at a time; a multiple of 4. It takes about 1 ms."""
MARK_CHARS = 33
"""Characters at the end of a stand-in that no other string has."""
MAX_HEAD = 128
"""Characters in which a data URI's comma has to come."""
_BINARY_FIELDS = ("audio", "image_url")
# Finds a backslash that escapes what is neither of base64 nor a line end.
_OTHER_ESCAPE = re.compile(r"\\(?![rn/]|u00(?:0[aAdD]|2[bBfF]|3[dD]))")
_LONGEST_ESCAPE = len(r"\u002B")


class LongText(str):
    """A long string of base64, alone or in a data URI, with its decoded content."""

    plain: str
    """The string as a plain `str` without line ends, and without the content."""
    content: bytes | None
    """The decoded bytes; None: it is not valid base64."""

    def __new__(cls, plain: str, content: bytes | None) -> LongText:
        """Join a string and its content."""
        made = super().__new__(cls, plain)
        made.plain = plain
        made.content = content
        return made


def decode_base64(text: str, start: int = 0) -> bytes:
    """Decode base64 strictly, but for line ends.

    Args:
        text: The base64; a `LongText` has been decoded already.
        start: Index in the text at which the base64 begins.

    Raises:
        ValueError: It is not valid base64.
    """
    if not isinstance(text, LongText):
        text = text[start:]
        try:
            return pybase64.b64decode(text, validate=True)
        except ValueError:
            in_one_line = without_line_ends(text)
            if len(in_one_line) == len(text):
                raise
            return pybase64.b64decode(in_one_line, validate=True)
    if text.content is None:
        raise ValueError("no base64")
    return text.content


def without_line_ends(text: str) -> str:
    """Return the text in one line."""
    return text.replace("\r", "").replace("\n", "")


def cut_long(raw: str, limit: int) -> Steps[tuple[str, Mapping[str, str]]]:
    """Cut the long strings out of a JSON text.

    Args:
        raw: The text.
        limit: Characters that may remain.

    Returns:
        The text with stand-ins, and for `put_back`, what they stand for, escaped as it came.

    Raises:
        ProtocolError: More remains.
    """
    if len(raw) <= LONG:
        return raw, {}
    cut: dict[str, str] = {}
    kept: list[str] = []
    done = 0
    for start, end in _long_stretches(raw):
        text = raw[start:end]
        yield
        if not (yield from _is_base64(raw, start, text)):
            continue
        mark = f"…{secrets.token_hex(16)}"
        cut[mark] = text
        kept += [raw[done:start], _beginning(text), mark]
        done = end
        yield
    light = "".join([*kept, raw[done:]])
    _check(len(light), limit)
    return light, cut


def put_back(event: BaseModel, cut: Mapping[str, str], limit: int) -> Steps[None]:
    """Put long strings back into the parsed event; audio and images as `LongText`.

    Raises:
        ProtocolError: Together, the strings that are neither exceed `limit` characters.
    """
    others = 0
    for owner, name, stand_in in _strings(event):
        escaped = cut.get(stand_in[-MARK_CHARS:])
        if escaped is None:
            continue
        text = yield from _unescaped(escaped, in_one_line=name in _BINARY_FIELDS)
        if name in _BINARY_FIELDS:
            content = yield from _decode(text)
            owner[name] = LongText(text, content)
            yield
        else:
            others += len(text)
            owner[name] = text
    _check(others, limit)


def _check(length: int, limit: int) -> None:
    if length > limit:
        raise ProtocolError(
            "event_too_large",
            f"Invalid event: {length // 1024} KiB beside audio and images, and no more than "
            f"{limit // 1024} KiB are allowed (limits.event_kib).",
        )


def _long_stretches(raw: str) -> Generator[tuple[int, int], None, None]:
    """Yield the start and end of every long stretch without a quotation mark."""
    probe = 0
    while probe + _STRIDE <= len(raw):
        if raw.find('"', probe, probe + _STRIDE) >= 0:
            probe += _STRIDE
            continue
        start, end = raw.rfind('"', 0, probe) + 1, raw.find('"', probe + _STRIDE)
        if end < 0:
            return
        if end - start >= LONG and start:
            yield start, end
        probe = end + 1


def _is_base64(raw: str, start: int, text: str) -> Steps[bool]:
    """Tell whether a stretch of a JSON text is a whole string, and base64 by the look of it."""
    # Text between two strings would begin with other characters. Before a string's own quotation
    # mark there is never a backslash.
    if not (text[0].isalnum() or text[0] in "+/=\\") or raw[start - 2 : start - 1] == "\\":
        return False
    if not text.isascii() or any(other in text for other in " \n\r"):
        return False
    if "\\" in text:
        for piece in _pieces(text):
            if _OTHER_ESCAPE.search(piece):
                return False
            yield
    return True


def _beginning(text: str) -> str:
    """Return as much of a string as a stand-in shows of it, escaped."""
    if "\\" not in text:
        return text[:_SHOWN]
    first = next(_pieces(text, _SHOWN * _LONGEST_ESCAPE))
    return json.dumps(json.loads(f'"{first}"')[:_SHOWN])[1:-1]


def _pieces(text: str, size: int = _PIECE) -> Iterator[str]:
    """Yield a text in pieces of about `size` characters, none of which ends within an escape."""
    start = 0
    while start < len(text):
        end = start + size
        escape = text.rfind("\\", end - _LONGEST_ESCAPE + 1, end)
        if start < escape and end < len(text):
            end = escape
        yield text[start:end]
        start = end


def _unescaped(text: str, *, in_one_line: bool) -> Steps[str]:
    if "\\" not in text:
        return text
    written: list[str] = []
    for piece in _pieces(text):
        plain = json.loads(f'"{piece}"')
        written.append(without_line_ends(plain) if in_one_line else plain)
        yield
    return "".join(written)


def _strings(value: Any) -> Generator[tuple[Any, Any, str], None, None]:
    """Yield every string in an event as (container, key, string)."""
    fields = value.__dict__ if isinstance(value, BaseModel) else value
    entries = enumerate(fields) if isinstance(fields, list) else list(fields.items())
    for key, inner in entries:
        if isinstance(inner, str):
            yield fields, key, inner
        elif isinstance(inner, BaseModel | list | dict):
            yield from _strings(inner)


def _decode(text: str) -> Steps[bytes | None]:
    start = text.find(",", 0, MAX_HEAD) + 1
    content: list[bytes] = []
    for at in range(start, len(text), _PIECE):
        try:
            content.append(pybase64.b64decode(text[at : at + _PIECE], validate=True))
        except ValueError:
            return None
        if at + _PIECE < len(text) and len(content[-1]) * 4 != _PIECE * 3:
            # Padding in the middle.
            return None
        yield
    return b"".join(content)
