"""Decodes the base64 of audio and images inside items (§A.5, B.15)."""

from __future__ import annotations

import re

from wire.client_events import CreateItem, CreateResponse, SessionEvent
from wire.errors import ProtocolError
from wire.item_fields import AudioPartFields, ImagePartFields, UserMessageFields
from wire.long_strings import MAX_HEAD, LongText, decode_base64, without_line_ends
from wire.reading import decode_audio

_DATA_URI = re.compile(rf"data:[^,]{{0,{MAX_HEAD - 20}}};base64,", re.IGNORECASE)
_IMAGE_TYPES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}
"""Media type → how such a file begins."""


def decode_parts(event: SessionEvent) -> None:
    """Decode the audio in an event's items, in place, and mend its images.

    Raises:
        ProtocolError: Audio or an image is invalid.
    """
    match event:
        case CreateItem(item=UserMessageFields() as message):
            _decode(message, "item")
        case CreateResponse(response=options) if options is not None:
            for index, given in enumerate(options.input or []):
                if isinstance(given, UserMessageFields):
                    _decode(given, f"response.input[{index}]")


def _decode(message: UserMessageFields, path: str) -> None:
    for index, part in enumerate(message.content):
        param = f"{path}.content[{index}]"
        if isinstance(part, AudioPartFields):
            part.hold(_audio(part, f"{param}.audio"))
        elif isinstance(part, ImagePartFields):
            part.image_url = mended_image(part.image_url, f"{param}.image_url")


def _audio(part: AudioPartFields, param: str) -> bytes:
    if part.audio or (part.audio is not None and part.transcript is None):
        return decode_audio(part.audio, param)
    if part.transcript is None:
        raise ProtocolError(
            "missing_required_parameter", f"Missing required parameter: '{param}'.", param
        )
    # Clients that replay a conversation may have kept its words alone.
    return b""


def mended_image(url: str, param: str) -> str:
    """Return an image's data URI as models read it: with its true media type, and in one line.

    Args:
        url: What a client calls the image; it often errs in the media type.
        param: The field to name in the error.

    Raises:
        ProtocolError: It is something else than an image in a data URI; URLs are never fetched
            (§B.15).
    """
    head = _DATA_URI.match(url)
    try:
        image = b"" if head is None else decode_base64(url, head.end())
    except ValueError:
        image = b""
    found = [name for name, begins in _IMAGE_TYPES.items() if begins.match(image)]
    if head is None or not found:
        raise ProtocolError(
            "invalid_value",
            f"Invalid '{param}'. Expected a base64-encoded data URI with a PNG, JPEG, GIF or WEBP "
            "image.",
            param,
        )
    plain = url.plain if isinstance(url, LongText) else without_line_ends(url)
    right = f"data:{found[0]};base64,"
    return plain if head[0] == right else right + plain[head.end() :]
