"""Items as clients describe them, made into items of the conversation (§A.5, B.15)."""

from __future__ import annotations

from typing import Any

from audio.formats import AudioFormat
from session.items import Item
from session.ports import Capabilities
from wire.client_events import FunctionCall, FunctionCallOutput, UserMessage
from wire.envelope import new_id
from wire.errors import ProtocolError
from wire.long_strings import LongText, decode_base64
from wire.reading import decode_audio

_IMAGE_TYPES = {
    "data:image/png;base64,": b"\x89PNG\r\n\x1a\n",
    "data:image/jpeg;base64,": b"\xff\xd8\xff",
}


def build_item(
    given: Any, input_format: AudioFormat, capabilities: Capabilities, path: str = "item"
) -> Item:
    """Build an item.

    Args:
        given: One of the item models of `wire/client_events.py`.
        input_format: Format of audio that the item carries.
        capabilities: What the model can do; an image for a blind one is refused.
        path: Where the item is in the client's event, for errors.

    Raises:
        ProtocolError: Audio or an image that cannot be used.
    """
    item_id = given.id or new_id("item")
    if isinstance(given, FunctionCall):
        return Item(
            item_id,
            "function_call",
            name=given.name,
            arguments=given.arguments,
            call_id=given.call_id or new_id("call"),
        )
    if isinstance(given, FunctionCallOutput):
        return Item(item_id, "function_call_output", call_id=given.call_id, output=given.output)
    if isinstance(given, UserMessage):
        return _user_message(item_id, given, input_format, capabilities, path)
    content = [part.model_dump() for part in given.content]
    return Item(item_id, "message", role=given.role, content=content)


def _user_message(
    item_id: str,
    given: UserMessage,
    input_format: AudioFormat,
    capabilities: Capabilities,
    path: str,
) -> Item:
    item = Item(item_id, "message", role="user", format=input_format)
    for index, part in enumerate(given.content):
        param = f"{path}.content[{index}]"
        if part.type == "input_audio":
            if item.audio:
                raise ProtocolError(
                    "invalid_value", "A message can hold one 'input_audio' part.", f"{param}.type"
                )
            audio = decode_audio(part.audio, f"{param}.audio")
            # Half a sample at the end is nothing to hear (§A.2).
            item.audio += audio[: len(audio) - len(audio) % input_format.sample_bytes]
            item.audio_index = index
            # A transcript that comes with the audio spares the recogniser.
            item.transcript_state = "pending" if part.transcript is None else "done"
            item.content.append({"type": "input_audio", "transcript": part.transcript})
        elif part.type == "input_image":
            if not capabilities.images:
                raise ProtocolError(
                    "invalid_value",
                    f"{capabilities.llm_name} cannot see images; configure another model.",
                    f"{param}.type",
                )
            url = part.image_url
            check_image(url, f"{param}.image_url")
            item.content.append(
                {
                    "type": "input_image",
                    "image_url": url.plain if isinstance(url, LongText) else url,
                    "detail": part.detail or "auto",
                }
            )
        else:
            item.content.append({"type": "input_text", "text": part.text})
    return item


def check_image(url: str, param: str) -> None:
    """Refuse anything but a PNG or JPEG in a data URI; nothing is ever fetched (§B.15)."""
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
