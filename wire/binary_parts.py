"""Decodes the base64 of audio and images inside items (§A.5, B.15)."""

from __future__ import annotations

from wire.client_events import CreateItem, CreateResponse, SessionEvent
from wire.errors import ProtocolError
from wire.item_fields import AudioPartFields, ImagePartFields, UserMessageFields
from wire.long_strings import LongText, decode_base64
from wire.reading import decode_audio

_IMAGE_TYPES = {
    "data:image/png;base64,": b"\x89PNG\r\n\x1a\n",
    "data:image/jpeg;base64,": b"\xff\xd8\xff",
}


def decode_parts(event: SessionEvent) -> None:
    """Decode the audio in an event's items, in place, and check its images.

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
            part.hold(decode_audio(part.audio, f"{param}.audio"))
        elif isinstance(part, ImagePartFields):
            check_image(part.image_url, f"{param}.image_url")
            if isinstance(part.image_url, LongText):
                part.image_url = part.image_url.plain


def check_image(url: str, param: str) -> None:
    """Refuse anything but a PNG or JPEG in a data URI; URLs are never fetched (§B.15).

    Raises:
        ProtocolError: It is something else; the error names `param`.
    """
    for prefix, magic in _IMAGE_TYPES.items():
        if url.startswith(prefix):
            try:
                image = decode_base64(url, len(prefix))
            except ValueError:
                break
            if image.startswith(magic):
                return
            break
    raise ProtocolError(
        "invalid_value",
        f"Invalid '{param}'. Expected a base64-encoded data URI with a PNG or JPEG image.",
        param,
    )
