"""Reads a form with files, `multipart/form-data`, whose body has come as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value

from wire.errors import ProtocolError

_HEAD_BYTES = 8192
"""Bytes of the headers of a part: a name, and a file's name and kind."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a form."""

    name: str
    content: bytes
    file_name: str | None = None
    """None: it is no file, or has no name."""


def boundary_of(content_type: str) -> bytes | None:
    """Return what is between the parts, from the body's content type; None: it is no form."""
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() != "multipart/form-data":
        return None
    return collapse_rfc2231_value(header.get_param("boundary", "")).encode()


def form_parts(body: bytes, boundary: bytes, most: int) -> list[Part]:
    """Return the parts of a form, in its order.

    Args:
        body: The body.
        boundary: Parameter of the body's content type.
        most: How many parts it may have.

    Raises:
        ProtocolError: It is no such form.
    """
    mark = b"--" + boundary
    delimiter = b"\r\n" + mark
    begin = 0 if body.startswith(mark) else body.find(delimiter) + 2
    parts: list[Part] = []
    # What comes may be large, and anything: nothing of it is cut beyond the limits, or twice.
    while boundary and body.startswith(mark, begin):
        begin += len(mark)
        if body.startswith(b"--", begin):
            return parts
        end = body.find(delimiter, begin)
        if end < 0 or len(parts) == most:
            break
        parts.append(_part(body, begin, end))
        begin = end + 2
    raise ProtocolError(
        "invalid_multipart",
        f"The request body is no multipart/form-data with up to {most} parts between "
        "the boundaries that its Content-Type names.",
    )


def _part(body: bytes, begin: int, end: int) -> Part:
    head_end = body.find(b"\r\n\r\n", begin, min(end, begin + _HEAD_BYTES))
    if head_end < 0:
        # It has no name by which anything could be looked for.
        return Part("", b"")
    headers = message_from_bytes(body[begin:head_end].lstrip(b" \t\r\n"))
    name = headers.get_param("name", "", "content-disposition")
    content = body[head_end + 4 : end]
    return Part(collapse_rfc2231_value(name), content, headers.get_filename())
