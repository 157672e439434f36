"""The client events of the protocol (§A), as models that refuse whatever they do not know.

The SDK's own types describe the same events, but accept any extra field and know no ranges; a
server has to refuse both by name. What this server knows but does not offer yet is listed here as
well, so that it is refused with a reason instead of being ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from wire.session_fields import (
    NO_PROMPT,
    Format,
    FunctionTool,
    Id,
    MaxTokens,
    Metadata,
    Modalities,
    Reasoning,
    SessionPatch,
    StrictModel,
    Temperature,
    ToolChoice,
    TranscriptionPatch,
    beta_shape,
)


class InputText(StrictModel):
    """A text part of a user or system message."""

    type: Literal["input_text"]
    text: str


class InputAudio(StrictModel):
    """An audio part of a user message."""

    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None
    _content: bytes = PrivateAttr(b"")

    @classmethod
    def of(cls, audio: bytes, transcript: str | None = None) -> InputAudio:
        """Make a part of audio that was never base64."""
        part = cls(type="input_audio", audio="", transcript=transcript)
        part.hold(audio)
        return part

    @property
    def content(self) -> bytes:
        """The audio, in the session's input format."""
        return self._content

    def hold(self, content: bytes) -> None:
        """Keep the audio, and its base64 no more."""
        self._content = content
        self.audio = ""


class InputImage(StrictModel):
    """An image part of a user message: a data URI."""

    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


_UserContent = Annotated[InputText | InputAudio | InputImage, Field(discriminator="type")]


class _OutputText(StrictModel):
    type: Literal["output_text", "output_audio"]
    text: str


class _Item(StrictModel):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class SystemMessage(_Item):
    """A system message item."""

    type: Literal["message"]
    role: Literal["system"]
    content: list[InputText]


class UserMessage(_Item):
    """A user message item."""

    type: Literal["message"]
    role: Literal["user"]
    content: list[_UserContent]


class AssistantMessage(_Item):
    """An assistant message item; it cannot carry audio (§A.5)."""

    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_OutputText]


class FunctionCall(_Item):
    """A function call item."""

    type: Literal["function_call"]
    name: str
    arguments: str
    call_id: Id | None = None


class FunctionCallOutput(_Item):
    """The result of a function call."""

    type: Literal["function_call_output"]
    call_id: Id
    output: str


class ItemReference(StrictModel):
    """A pointer to an item of the conversation, for `response.input` only."""

    type: Literal["item_reference"]
    id: str


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]
ItemInput = Annotated[Message | FunctionCall | FunctionCallOutput, Field(discriminator="type")]
ResponseInput = Annotated[
    Message | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")
]


class ResponseAudioOutput(StrictModel):
    """`response.audio.output`."""

    format: Format | None = None
    voice: str | None = None


class ResponseAudio(StrictModel):
    """`response.audio`."""

    output: ResponseAudioOutput | None = None


class ResponseOptions(StrictModel):
    """The `response` of a `response.create`: overrides for this response only (§A.9)."""

    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Metadata | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[ResponseInput] | None = None
    prompt: Annotated[None, NO_PROMPT] = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


class BetaResponseOptions(ResponseOptions):
    """What a beta client may override on top (§B.16)."""

    temperature: Temperature | None = None


class ClientEvent(StrictModel):
    """What all client events share."""

    type: str
    event_id: Annotated[str, Field(max_length=512)] | None = None


class UpdateSession(ClientEvent):
    """`session.update` (§A.1)."""

    type: Literal["session.update"]
    session: SessionPatch


class UpdateTranscription(ClientEvent):
    """`session.update` of a transcription session (§A.1)."""

    type: Literal["session.update"]
    session: Annotated[TranscriptionPatch, BeforeValidator(beta_shape)]


class CloseSession(ClientEvent):
    """`session.close`: the client is done (§A.0)."""

    type: Literal["session.close"]


class AppendAudio(ClientEvent):
    """`input_audio_buffer.append` (§A.2)."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class CommitAudio(ClientEvent):
    """`input_audio_buffer.commit` (§A.3)."""

    type: Literal["input_audio_buffer.commit"]


class ClearAudio(ClientEvent):
    """`input_audio_buffer.clear` (§A.4)."""

    type: Literal["input_audio_buffer.clear"]


class CreateItem(ClientEvent):
    """`conversation.item.create` (§A.5)."""

    type: Literal["conversation.item.create"]
    previous_item_id: str | None = None
    item: ItemInput


class RetrieveItem(ClientEvent):
    """`conversation.item.retrieve` (§A.6)."""

    type: Literal["conversation.item.retrieve"]
    item_id: str


class DeleteItem(ClientEvent):
    """`conversation.item.delete` (§A.7)."""

    type: Literal["conversation.item.delete"]
    item_id: str


class TruncateItem(ClientEvent):
    """`conversation.item.truncate` (§A.8)."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int
    audio_end_ms: Annotated[int, Field(ge=0)]


class CreateResponse(ClientEvent):
    """`response.create` (§A.9)."""

    type: Literal["response.create"]
    response: ResponseOptions | None = None


class CancelResponse(ClientEvent):
    """`response.cancel` (§A.10)."""

    type: Literal["response.cancel"]
    response_id: str | None = None


CLIENT_EVENTS: dict[str, type[ClientEvent]] = {
    "session.update": UpdateSession,
    "session.close": CloseSession,
    "input_audio_buffer.append": AppendAudio,
    "input_audio_buffer.commit": CommitAudio,
    "input_audio_buffer.clear": ClearAudio,
    "conversation.item.create": CreateItem,
    "conversation.item.retrieve": RetrieveItem,
    "conversation.item.delete": DeleteItem,
    "conversation.item.truncate": TruncateItem,
    "response.create": CreateResponse,
    "response.cancel": CancelResponse,
}
"""Event type → its model, for a realtime session."""

TRANSCRIPTION_EVENTS: dict[str, type[ClientEvent]] = {
    **CLIENT_EVENTS,
    "session.update": UpdateTranscription,
}
"""Event type → its model, for a transcription session."""
