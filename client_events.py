"""The client events of the protocol (§A), as models that refuse whatever they do not know.

The SDK's own types describe the same events, but accept any extra field and know no ranges; a
server has to refuse both by name. What this server knows but does not offer yet is listed here as
well, so that it is refused with a reason instead of being ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from validation import unsupported

SessionKind = Literal["realtime", "transcription"]
"""What a session is for: it answers, or it only writes down what it hears. It never changes."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _only_null(reason: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value is not None:
            raise unsupported(reason)
        return value

    return BeforeValidator(check)


def _turn_detection_none(value: object) -> object:
    # Azure's rtclient writes "no turn detection" this way (§F.7).
    return None if value == {"type": "none"} else value


def _modalities(value: object) -> object:
    if isinstance(value, list) and value not in (["audio"], ["text"]):
        raise unsupported(
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        )
    return value


def _arguments_null(value: object) -> object:
    return {} if value is None else value


Id = Annotated[str, Field(max_length=32)]
Modalities = Annotated[list[Literal["text", "audio"]], BeforeValidator(_modalities)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]


class TelephonyFormat(_Model):
    """G.711: `{"type": "audio/pcmu"}` or `{"type": "audio/pcma"}`, always 8 kHz."""

    type: Literal["audio/pcmu", "audio/pcma"]


class PCMFormat(_Model):
    """`{"type": "audio/pcm", "rate": 24000}`."""

    type: Literal["audio/pcm"]
    rate: Annotated[int, Field(ge=24000, le=24000)] = 24000


Format = Annotated[PCMFormat | TelephonyFormat, Field(discriminator="type")]


class Transcription(_Model):
    """`session.audio.input.transcription` (§C.5); the model's name is an alias here."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: Annotated[
        None, _only_null("Several languages are not supported by this server; use 'language'.")
    ] = None
    keywords: Annotated[
        None, _only_null("Keywords are not supported by this server; use 'prompt'.")
    ] = None
    delay: Annotated[
        None, _only_null("A delay is not supported by this server: whole turns are transcribed.")
    ] = None


class SemanticVAD(_Model):
    """`turn_detection` by a model of how turns end (§C.4). Absent fields keep their value."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class ServerVAD(_Model):
    """`turn_detection` by silence (§C.4). Absent fields keep their value."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30000)] | None = None


TurnDetection = Annotated[ServerVAD | SemanticVAD, Field(discriminator="type")]


class NoiseReductionPatch(_Model):
    """`session.audio.input.noise_reduction` (§C.2). An absent strength keeps its value."""

    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Field(ge=0.0, le=1.0)] | None = None


class AudioInput(_Model):
    """`session.audio.input`."""

    format: Format | None = None
    transcription: Transcription | None = None
    turn_detection: Annotated[TurnDetection | None, BeforeValidator(_turn_detection_none)] = None
    noise_reduction: NoiseReductionPatch | None = None


class AudioOutput(_Model):
    """`session.audio.output`."""

    format: Format | None = None
    voice: str | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None


class Audio(_Model):
    """`session.audio`."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class FunctionTool(_Model):
    """A function the model may call (§C.2)."""

    type: Literal["function"]
    name: str
    description: Annotated[str, Field(max_length=1024)] | None = None
    parameters: Annotated[dict[str, Any], BeforeValidator(_arguments_null)] = Field(
        default_factory=dict
    )


class FunctionChoice(_Model):
    """`tool_choice` that names one function."""

    type: Literal["function"]
    name: str


def _tool_choice(value: object) -> object:
    if isinstance(value, str) and value not in ("auto", "none", "required"):
        raise unsupported(
            f"Invalid value: '{value}'. Supported values are: 'auto', 'none', and 'required'."
        )
    return FunctionChoice.model_validate(value) if isinstance(value, dict) else value


class Tracing(_Model):
    """`session.tracing` other than `auto` (§C.2); accepted and echoed, nothing is traced."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, Any] | None = None


def _tracing(value: object) -> object:
    return Tracing.model_validate(value) if isinstance(value, dict) else value


def cross_type(kind: SessionKind) -> str:
    """Say that a session of one kind was updated as one of the other (§A.1)."""
    other = "realtime" if kind == "transcription" else "transcription"
    return f"Passing a {other} session update event to a {kind} session is not allowed."


def _session_type(value: object) -> object:
    if value == "transcription":
        raise unsupported(cross_type("realtime"))
    return value


def _transcription_type(value: object) -> object:
    if value == "realtime":
        raise unsupported(cross_type("transcription"))
    return value


ToolChoice = Annotated[str | FunctionChoice, BeforeValidator(_tool_choice)]
MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Temperature = Annotated[float, Field(ge=0.6, le=1.2)]
_NO_PROMPT = _only_null("Prompt templates are not supported by this server; use 'instructions'.")


class Reasoning(_Model):
    """How long the model may think (§C.2)."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class TokenLimits(_Model):
    """`token_limits` of a truncation."""

    post_instructions: Annotated[int, Field(ge=0)] | None = None


class RetentionRatio(_Model):
    """Truncation that drops more than needed, so that prompt caches stay warm (§C.7)."""

    type: Literal["retention_ratio"]
    retention_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    token_limits: TokenLimits | None = None


Truncation = Annotated[
    Annotated[Literal["auto", "disabled"], Tag("mode")] | Annotated[RetentionRatio, Tag("ratio")],
    Discriminator(lambda value: "mode" if isinstance(value, str) else "ratio"),
]


class SessionPatch(_Model):
    """The `session` of a `session.update`: only what is there is changed (§A.1)."""

    type: Annotated[Literal["realtime"], BeforeValidator(_session_type)]
    model: str | None = None
    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: Audio | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    tracing: Annotated[Literal["auto"] | Tracing | None, BeforeValidator(_tracing)] = None
    truncation: Truncation | None = None
    prompt: Annotated[None, _NO_PROMPT] = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


class BetaSessionPatch(SessionPatch):
    """What a beta client may change on top (§B.16); GA has no `temperature` (§A.9)."""

    temperature: Temperature | None = None


class TranscriptionAudio(_Model):
    """`session.audio` of a transcription session: nothing is spoken."""

    input: AudioInput | None = None


class TranscriptionPatch(_Model):
    """The `session` of a `session.update` to a transcription session (§A.1, B.11)."""

    type: Annotated[Literal["transcription"], BeforeValidator(_transcription_type)]
    audio: TranscriptionAudio | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None


def _beta_shape(value: object) -> object:
    # The first dialect has no type; what it calls things gives it away.
    if isinstance(value, dict) and "type" not in value and value.keys() - {"audio", "include"}:
        _transcription_type("realtime")
    return value


class _InputText(_Model):
    type: Literal["input_text"]
    text: str


class _InputAudio(_Model):
    type: Literal["input_audio"]
    audio: str
    transcript: str | None = None


class _InputImage(_Model):
    type: Literal["input_image"]
    image_url: str
    detail: Literal["auto", "low", "high"] | None = None


_UserContent = Annotated[_InputText | _InputAudio | _InputImage, Field(discriminator="type")]


class _OutputText(_Model):
    type: Literal["output_text", "output_audio"]
    text: str


class _Item(_Model):
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class SystemMessage(_Item):
    """A system message item."""

    type: Literal["message"]
    role: Literal["system"]
    content: list[_InputText]


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


class ItemReference(_Model):
    """A pointer to an item of the conversation, for `response.input` only."""

    type: Literal["item_reference"]
    id: str


Message = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]
ItemInput = Annotated[Message | FunctionCall | FunctionCallOutput, Field(discriminator="type")]
ResponseInput = Annotated[
    Message | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")
]


class ResponseAudioOutput(_Model):
    """`response.audio.output`."""

    format: Format | None = None
    voice: str | None = None


class ResponseAudio(_Model):
    """`response.audio`."""

    output: ResponseAudioOutput | None = None


class ResponseOptions(_Model):
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
    prompt: Annotated[None, _NO_PROMPT] = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


class BetaResponseOptions(ResponseOptions):
    """What a beta client may override on top (§B.16)."""

    temperature: Temperature | None = None


class ClientEvent(_Model):
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
    session: Annotated[TranscriptionPatch, BeforeValidator(_beta_shape)]


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
