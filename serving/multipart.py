"""Reads a form with files, `multipart/form-data`, whose body has come as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value

from wire.errors import ProtocolError


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
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if not boundary or not parts or not parts[-1].startswith(b"--") or len(parts) > most + 1:
        raise ProtocolError(
            "invalid_multipart",
            f"The request body is no multipart/form-data with up to {most} parts between "
            "the boundaries that its Content-Type names.",
        )
    return [_part(part) for part in parts[:-1]]


def _part(part: bytes) -> Part:
    head, _, content = part.partition(b"\r\n\r\n")
    headers = message_from_bytes(head.lstrip(b" \t\r\n"))
    name = headers.get_param("name", "", "content-disposition")
    return Part(collapse_rfc2231_value(name), content, headers.get_filename())
