"""Items as clients describe them, made into items of the conversation (§A.5, B.15)."""

from __future__ import annotations

from typing import Any

from audio.formats import AudioFormat
from session.items import Item
from session.ports import Capabilities
from wire.client_events import FunctionCall, FunctionCallOutput, UserMessage
from wire.envelope import new_id
from wire.errors import ProtocolError


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
        ProtocolError: What this model cannot take.
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
            audio = part.content
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
            item.content.append(
                {
                    "type": "input_image",
                    "image_url": part.image_url,
                    "detail": part.detail or "auto",
                }
            )
        else:
            item.content.append({"type": "input_text", "text": part.text})
    return item
