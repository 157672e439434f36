"""Builds conversation items from the items that clients send, asks for their words (§A.5, B.15)."""

from __future__ import annotations

from dataclasses import replace

from audio.clip import Clip
from audio.formats import AudioFormat
from session.content import InputImage, InputText, OutputText, UserAudio
from session.effects import Effect, Transcribe
from session.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from session.mcp_items import McpApprovalResponse
from session.ports import Capabilities
from session.session_config import SessionConfig
from wire import item_fields
from wire.envelope import new_id
from wire.errors import ProtocolError


def build_item(
    given: item_fields.ItemInput,
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
        case item_fields.UserMessageFields():
            parts = _user_parts(given, input_format, capabilities, path)
            return UserMessage(item_id, parts)
        case item_fields.SystemMessageFields():
            return SystemMessage(item_id, [InputText(part.text) for part in given.content])
        case item_fields.AssistantMessageFields():
            return AssistantMessage(
                item_id,
                [OutputText(part.text, part.type) for part in given.content],
                phase=given.phase,
            )
        case item_fields.FunctionCallFields():
            call_id = given.call_id or new_id("call")
            return FunctionCall(item_id, call_id, given.name, given.arguments)
        case item_fields.FunctionCallOutputFields():
            return FunctionCallOutput(item_id, given.call_id, given.output)
        case item_fields.McpApprovalFields():
            request_id = given.approval_request_id
            return McpApprovalResponse(item_id, request_id, given.approve, given.reason)


def transcribe(item: Item, config: SessionConfig) -> list[Effect]:
    """Ask for the transcript of an item's audio, if it is pending."""
    audio = item.untranscribed
    if audio is None:
        return []
    settings = config.transcription_settings
    if not audio.announced:
        settings = replace(settings, logprobs=False)
    clip = Clip(bytes(audio.data), audio.format, config.noise_reduction)
    return [Transcribe(item.id, clip, settings)]


def _user_parts(
    given: item_fields.UserMessageFields,
    input_format: AudioFormat,
    capabilities: Capabilities,
    path: str,
) -> list[InputText | InputImage | UserAudio]:
    parts: list[InputText | InputImage | UserAudio] = []
    for index, part in enumerate(given.content):
        param = f"{path}.content[{index}]"
        match part:
            case item_fields.TextPartFields():
                parts.append(InputText(part.text))
            case item_fields.ImagePartFields():
                if not capabilities.images:
                    raise ProtocolError(
                        "invalid_value",
                        f"{capabilities.llm_name} cannot see images; configure another model.",
                        f"{param}.type",
                    )
                parts.append(InputImage(part.image_url, part.detail or "auto"))
            case item_fields.AudioPartFields():
                if any(isinstance(before, UserAudio) for before in parts):
                    raise ProtocolError(
                        "invalid_value",
                        "A message can hold one 'input_audio' part.",
                        f"{param}.type",
                    )
                parts.append(_user_audio(part, input_format))
    return parts


def _user_audio(given: item_fields.AudioPartFields, input_format: AudioFormat) -> UserAudio:
    # Half a sample at the end is dropped (§A.2).
    whole = len(given.content) - len(given.content) % input_format.sample_bytes
    audio = UserAudio(input_format, bytearray(given.content[:whole]))
    if given.transcript is not None:
        # The client's transcript makes a recognition unnecessary.
        audio.understood(given.transcript)
    return audio
