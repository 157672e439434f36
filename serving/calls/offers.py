"""What `POST …/calls` is sent: an SDP offer, and perhaps the session that it is for (§D.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from serving.multipart import boundary_of, form_parts
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
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == SDP:
        return Offer(_text(await read_body(request), "sdp"))
    boundary = boundary_of(content_type)
    if boundary is None:
        raise Refused(
            "unsupported_content_type",
            "A call is opened with an SDP offer: send it as the body with Content-Type: "
            f"{SDP}, or as the part 'sdp' of multipart/form-data.",
            http_status=415,
        )
    fields = form_fields(await read_body(request), boundary)
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
    fields: dict[str, bytes] = {}
    for part in form_parts(body, boundary, MOST_PARTS):
        fields.setdefault(part.name, part.content)
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
