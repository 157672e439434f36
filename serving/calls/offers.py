"""What `POST …/calls` is sent: an SDP offer, and perhaps the session that it is for (§D.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from fastapi import Request

from serving.refused import Refused
from serving.request_body import read_body
from wire.errors import ProtocolError, wrong_type
from wire.strict_json import read_json

SDP = "application/sdp"
MOST_PARTS = 16
"""Parts of a body; two are known, and others are ignored."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client wants to connect with."""

    sdp: str
    session: dict[str, Any] | None = None
    """The session that it wants, as in a `session.update`; None: it does not say."""


async def read_offer(request: Request) -> Offer:
    """Read an offer: bare, or as a part beside the session.

    Raises:
        Refused: The body is of another type.
        ProtocolError: It has no offer, or is not what it says.
    """
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    kind = header.get_content_type()
    if kind == SDP:
        return Offer(_text(await read_body(request), "sdp"))
    if kind != "multipart/form-data":
        raise Refused(
            "unsupported_content_type",
            "A call is opened with an SDP offer: send it as the body with Content-Type: "
            f"{SDP}, or as the part 'sdp' of multipart/form-data.",
            http_status=415,
        )
    boundary = collapse_rfc2231_value(header.get_param("boundary", ""))
    fields = form_fields(await read_body(request), boundary.encode())
    if "sdp" not in fields:
        raise ProtocolError(
            "missing_required_parameter", "Missing required parameter: 'sdp'.", "sdp"
        )
    return Offer(_text(fields["sdp"], "sdp"), _session(fields.get("session", b"")))


def form_fields(body: bytes, boundary: bytes) -> Mapping[str, bytes]:
    """Return name → content of the parts of a form, whether or not they have file names.

    Args:
        body: The body.
        boundary: Parameter of the body's content type.

    Raises:
        ProtocolError: It is no such form.
    """
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if not boundary or not parts or not parts[-1].startswith(b"--") or len(parts) > MOST_PARTS + 1:
        raise ProtocolError(
            "invalid_multipart",
            f"The request body is no multipart/form-data with up to {MOST_PARTS} parts between "
            "the boundaries that its Content-Type names.",
        )
    fields: dict[str, bytes] = {}
    for part in parts[:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        headers = message_from_bytes(head.lstrip(b" \t\r\n"))
        name = headers.get_param("name", "", "content-disposition")
        fields.setdefault(collapse_rfc2231_value(name), content)
    return fields


def _session(part: bytes) -> dict[str, Any] | None:
    text = _text(part, "session")
    try:
        session = read_json(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            "invalid_json", f"The session is not JSON. {error}", "session"
        ) from None
    if session is not None and not isinstance(session, dict):
        raise wrong_type(session, "an object", "session")
    return session


def _text(part: bytes, name: str) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise ProtocolError(
            "invalid_value", f"Invalid '{name}': it is no text in UTF-8.", name
        ) from None
