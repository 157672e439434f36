"""Builds conversation items from the items that clients send (§A.5, B.15)."""

from __future__ import annotations

from audio.formats import AudioFormat
from session.content import InputImage, InputText, OutputText, UserAudio
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.ports import Capabilities
from wire import client_events
from wire.envelope import new_id
from wire.errors import ProtocolError


def build_item(
    given: client_events.ItemInput,
    input_format: AudioFormat,
    capabilities: Capabilities,
    path: str = "item",
) -> Item:
    """Build an item.

    Args:
        given: The item as the client sent it.
        input_format: Format of the item's audio.
        capabilities: What the model can do; images are refused where it takes none.
        path: Where the item is in the client's event, for errors.

    Raises:
        ProtocolError: The item holds what this server cannot take.
    """
    item_id = given.id or new_id("item")
    match given:
        case client_events.UserMessage():
            parts = _user_parts(given, input_format, capabilities, path)
            return UserMessage(item_id, parts)
        case client_events.SystemMessage():
            return SystemMessage(item_id, [InputText(part.text) for part in given.content])
        case client_events.AssistantMessage():
            return AssistantMessage(
                item_id, [OutputText(part.text, part.type) for part in given.content]
            )
        case client_events.FunctionCall():
            call_id = given.call_id or new_id("call")
            return FunctionCall(item_id, call_id, given.name, given.arguments)
        case client_events.FunctionCallOutput():
            return FunctionCallOutput(item_id, given.call_id, given.output)


def _user_parts(
    given: client_events.UserMessage,
    input_format: AudioFormat,
    capabilities: Capabilities,
    path: str,
) -> list[InputText | InputImage | UserAudio]:
    parts: list[InputText | InputImage | UserAudio] = []
    for index, part in enumerate(given.content):
        param = f"{path}.content[{index}]"
        match part.type:
            case "input_text":
                parts.append(InputText(part.text))
            case "input_image":
                if not capabilities.images:
                    raise ProtocolError(
                        "invalid_value",
                        f"{capabilities.llm_name} cannot see images; configure another model.",
                        f"{param}.type",
                    )
                parts.append(InputImage(part.image_url, part.detail or "auto"))
            case "input_audio":
                if any(isinstance(before, UserAudio) for before in parts):
                    raise ProtocolError(
                        "invalid_value",
                        "A message can hold one 'input_audio' part.",
                        f"{param}.type",
                    )
                parts.append(_user_audio(part.content, input_format, part.transcript))
    return parts


def _user_audio(given: bytes, input_format: AudioFormat, transcript: str | None) -> UserAudio:
    # Half a sample at the end is dropped (§A.2).
    whole = len(given) - len(given) % input_format.sample_bytes
    audio = UserAudio(input_format, bytearray(given[:whole]))
    if transcript is not None:
        # The client's transcript makes a recognition unnecessary.
        audio.understood(transcript)
    return audio
