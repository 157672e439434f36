"""Audio and images in client events: base64 of up to tens of megabytes, taken in small steps.

To parse a string of 20 MB as JSON, to look for odd characters in it and to decode it takes a tenth
of a second, in which no other session would hear anything. So long strings are cut out of a frame
before it is parsed, decoded piece by piece, and put back where they were.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping
from typing import Any

import pybase64
from pydantic import BaseModel

from flow.steps import Steps
from wire.errors import ProtocolError

LONG = 16 * 1024
"""Characters from which a string is cut out."""
_STRIDE = LONG // 2
_SHOWN = 1500
"""What a stand-in shows of its string: enough for errors, and too much for any field that is
limited in length."""
_PIECE = 256 * 1024
"""Characters decoded at a time; a multiple of 4. It takes about 1 ms."""
_BINARY_FIELDS = ("audio", "image_url")


class LongText(str):
    """A long string that holds base64, alone or as a data URI, and what was in it."""

    plain: str
    """The same without its content: what is kept."""
    content: bytes | None
    """None: it is no base64."""

    def __new__(cls, plain: str, content: bytes | None) -> LongText:
        """Join a string and its content."""
        made = super().__new__(cls, plain)
        made.plain = plain
        made.content = content
        return made


def decode_base64(text: str, start: int = 0) -> bytes:
    """Decode strictly.

    Args:
        text: Base64, which has been decoded already if it is a `LongText`.
        start: Where in the text it begins.

    Raises:
        ValueError: It is no base64.
    """
    if not isinstance(text, LongText):
        return pybase64.b64decode(text[start:], validate=True)
    if text.content is None:
        raise ValueError("no base64")
    return text.content


def cut_long(raw: str, limit: int) -> Steps[tuple[str, Mapping[str, str]]]:
    """Cut the long strings out of a JSON text.

    Args:
        raw: The text.
        limit: Characters that it may have without them.

    Returns:
        The text with stand-ins, and what each stands for.

    Raises:
        ProtocolError: The rest is too long.
    """
    if len(raw) <= LONG:
        return raw, {}
    cut: dict[str, str] = {}
    kept: list[str] = []
    done = 0
    for start, end in _unbroken(raw):
        text = raw[start:end]
        yield
        # Only base64 is taken out: nothing escaped, no prose. (A value cannot begin otherwise
        # behind a quotation mark that ends a string, so this is the inside of one.)
        if not (text.isascii() and (text[0].isalnum() or text[0] in "+/=")):
            continue
        if "\\" in text or " " in text:
            continue
        stand_in = f"{text[:_SHOWN]}…{secrets.token_hex(16)}"
        cut[stand_in] = text
        kept += [raw[done:start], stand_in]
        done = end
        yield
    light = "".join([*kept, raw[done:]])
    _check(len(light), limit)
    return light, cut


def put_back(event: BaseModel, cut: Mapping[str, str], limit: int) -> Steps[None]:
    """Put long strings back into the event that was made of the rest, audio and images decoded.

    Raises:
        ProtocolError: The others among them are too long.
    """
    others = 0
    for owner, name, stand_in in _strings(event):
        text = cut.get(stand_in)
        if text is None:
            continue
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


def _unbroken(raw: str) -> Generator[tuple[int, int], None, None]:
    """Yield the stretches without a quotation mark that are long."""
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


def _strings(value: Any) -> Generator[tuple[Any, Any, str], None, None]:
    """Yield every string in an event: what holds it, under which key, and itself."""
    fields = value.__dict__ if isinstance(value, BaseModel) else value
    entries = enumerate(fields) if isinstance(fields, list) else list(fields.items())
    for key, inner in entries:
        if isinstance(inner, str):
            yield fields, key, inner
        elif isinstance(inner, BaseModel | list | dict):
            yield from _strings(inner)


def _decode(text: str) -> Steps[bytes | None]:
    start = text.find(",", 0, 64) + 1
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
