"""The session fields that a client may set (§A.1, C.2), as models that refuse all others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, TypeAdapter

from audio.pcm import Rate
from wire.errors import unsupported
from wire.mcp_fields import Label, McpFields
from wire.strict_models import StrictModel, Variant

SessionKind = Literal["realtime", "transcription"]
"""A session answers, or only transcribes; its kind never changes."""


def only_null(reason: str) -> BeforeValidator:
    """Refuse anything but null, with a reason."""

    def check(value: object) -> object:
        if value is not None:
            raise unsupported(reason)
        return value

    return BeforeValidator(check)


def _turn_detection_none(value: object) -> object:
    # Azure's rtclient writes "no turn detection" this way (§F.7).
    if isinstance(value, dict) and value.get("type") == "none":
        _NoTurnDetection.model_validate(value)
        return None
    return value


def _modalities(value: object) -> object:
    if isinstance(value, list) and value not in (["audio"], ["text"]):
        raise unsupported(
            f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio']."
        )
    return value


Id = Annotated[str, Field(max_length=32)]
Modalities = Annotated[list[Literal["text", "audio"]], BeforeValidator(_modalities)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]


class _Format(Variant):
    """An audio format."""


class TelephonyFormat(_Format):
    """G.711: `{"type": "audio/pcmu"}` or `{"type": "audio/pcma"}`, always 8 kHz."""

    type: Literal["audio/pcmu", "audio/pcma"]
    rate: Literal[8000] | None = None


class PCMFormat(_Format):
    """`{"type": "audio/pcm", "rate": 24000}`; without a rate it has 24 kHz."""

    type: Literal["audio/pcm"]
    rate: Rate | None = None


Format = Annotated[PCMFormat | TelephonyFormat, Field(discriminator="type")]


Delay = Literal["minimal", "low", "medium", "high", "xhigh"]
"""How long a recogniser that writes while it hears may wait, for better words (§C.5)."""


class InputTranscriptionPatch(StrictModel):
    """`session.audio.input.transcription` (§C.5).

    The server's recogniser answers whatever `model` is: it is echoed, and says in a transcription
    session whether there are turns at first (§B.11).
    """

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: list[str] | None = None
    keywords: list[str] | None = None
    delay: Delay | None = None


Interruptions = Literal["words", "any"]
"""What interrupts an answer that sounds (§C.4)."""
BackChannels = Literal["drop", "keep"]
"""Whether a back-channel enters the conversation (§C.4)."""
Queued = Literal["each", "merge"]
"""How turns are answered that end while another is being answered (§C.4)."""


MAX_REJOIN_MS = 1200
"""Longest time behind the end of a turn in which the user may go on with it (§B.17): whoever waits
for longer has heard an answer, and speaks to that."""


class _TurnDetection(Variant):
    """A way to detect turns."""


class _NoTurnDetection(_TurnDetection):
    type: Literal["none"]


class _DetectedTurns(_TurnDetection):
    """What this server lets a client set beyond the protocol; null: as the server's settings."""

    interruptions: Interruptions | None = None
    backchannels: BackChannels | None = None
    queued: Queued | None = None
    rejoin_ms: Annotated[int, Field(ge=0, le=MAX_REJOIN_MS)] | None = None


class SemanticVadPatch(_DetectedTurns):
    """`turn_detection` by an end-of-turn model (§C.4). Absent fields keep their value."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class ServerVadPatch(_DetectedTurns):
    """`turn_detection` by silence (§C.4). Absent fields keep their value."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0, le=10_000)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    idle_timeout_ms: Annotated[int, Field(ge=5000, le=30000)] | None = None


TurnDetectionPatch = Annotated[ServerVadPatch | SemanticVadPatch, Field(discriminator="type")]


class NoiseReductionPatch(StrictModel):
    """`session.audio.input.noise_reduction` (§C.2). An absent strength keeps its value."""

    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Field(ge=0.0, le=1.0)] | None = None


class AudioInputPatch(StrictModel):
    """`session.audio.input`."""

    format: Format | None = None
    transcription: InputTranscriptionPatch | None = None
    turn_detection: Annotated[TurnDetectionPatch | None, BeforeValidator(_turn_detection_none)] = (
        None
    )
    noise_reduction: NoiseReductionPatch | None = None


class OwnVoice(StrictModel, frozen=True):
    """A voice by the name that its provider has for it, where OpenAI has its custom voices."""

    id: str


def _voice(value: object) -> object:
    return OwnVoice.model_validate(value) if isinstance(value, dict) else value


Voice = Annotated[str | OwnVoice, BeforeValidator(_voice)]
"""A name that clients may choose, or one of the provider's own (§C.2)."""


def voice_name(voice: str | OwnVoice) -> str:
    """Return the voice's name, as sessions show it."""
    return voice if isinstance(voice, str) else voice.id


class AudioOutputPatch(StrictModel):
    """`session.audio.output`."""

    format: Format | None = None
    voice: Voice | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None


class AudioPatch(StrictModel):
    """`session.audio`."""

    input: AudioInputPatch | None = None
    output: AudioOutputPatch | None = None


class _Tool(Variant):
    """What may stand among the tools."""


class FunctionTool(_Tool):
    """A function the model may call (§C.2)."""

    type: Literal["function"]
    name: str
    description: Annotated[str, Field(max_length=1024)] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class McpServerTool(_Tool, McpFields):
    """An MCP server whose tools the model may use (§B.13)."""

    type: Literal["mcp"]
    server_label: Label


Tools = list[Annotated[FunctionTool | McpServerTool, Field(discriminator="type")]]


class _Choice(Variant, frozen=True):
    """A `tool_choice` that is more than a word."""


class FunctionChoice(_Choice, frozen=True):
    """`tool_choice` that names one function."""

    type: Literal["function"]
    name: str


class McpChoice(_Choice, frozen=True):
    """`tool_choice` that names an MCP server, or one of its tools (§B.13)."""

    type: Literal["mcp"]
    server_label: str
    name: str | None = None


def _tool_choice(value: object) -> object:
    if isinstance(value, str) and value not in ("auto", "none", "required"):
        raise unsupported(
            f"Invalid value: '{value}'. Supported values are: 'auto', 'none', and 'required'."
        )
    return _CHOICE.validate_python(value, strict=True) if isinstance(value, dict) else value


class Tracing(StrictModel, frozen=True):
    """`session.tracing` other than `auto` (§C.2): echoed, and its names are logged."""

    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, Any] | None = None


def _tracing(value: object) -> object:
    return Tracing.model_validate(value) if isinstance(value, dict) else value


def cross_type(kind: SessionKind) -> str:
    """Return the message for an update meant for the other kind of session (§A.1)."""
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


_CHOICE: TypeAdapter[FunctionChoice | McpChoice] = TypeAdapter(
    Annotated[FunctionChoice | McpChoice, Field(discriminator="type")]
)
ToolChoice = Annotated[str | FunctionChoice | McpChoice, BeforeValidator(_tool_choice)]
MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Temperature = Annotated[float, Field(ge=0.6, le=1.2)]
NO_PROMPT = only_null("Prompt templates are not supported by this server; use 'instructions'.")


class Reasoning(StrictModel, frozen=True):
    """How much the model may reason (§C.2)."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class TokenLimits(StrictModel, frozen=True):
    """`token_limits` of a truncation."""

    post_instructions: Annotated[int, Field(ge=0)] | None = None


class RetentionRatio(StrictModel, frozen=True):
    """Truncation that drops more than needed, so that prompt caches keep working (§C.7)."""

    type: Literal["retention_ratio"]
    retention_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    token_limits: TokenLimits | None = None


Truncation = Annotated[
    Annotated[Literal["auto", "disabled"], Tag("mode")] | Annotated[RetentionRatio, Tag("ratio")],
    Discriminator(lambda value: "mode" if isinstance(value, str) else "ratio"),
]


class _Session(Variant):
    """The `session` of a `session.update`."""


class SessionPatch(_Session):
    """The `session` of a `session.update`: absent fields keep their value (§A.1)."""

    type: Annotated[Literal["realtime"], BeforeValidator(_session_type)]
    model: str | None = None
    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: AudioPatch | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    tracing: Annotated[Literal["auto"] | Tracing | None, BeforeValidator(_tracing)] = None
    truncation: Truncation | None = None
    prompt: Annotated[None, NO_PROMPT] = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


class BetaSessionPatch(SessionPatch):
    """The same with beta's `temperature` (§B.16), which GA does not have (§A.9)."""

    temperature: Temperature | None = None


class TranscriptionAudioPatch(StrictModel):
    """`session.audio` of a transcription session, which has no output."""

    others = frozenset(("output",))

    input: AudioInputPatch | None = None


class TranscriptionPatch(_Session):
    """The `session` of a `session.update` to a transcription session (§A.1, B.11)."""

    type: Annotated[Literal["transcription"], BeforeValidator(_transcription_type)]
    audio: TranscriptionAudioPatch | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None


def beta_shape(value: object) -> object:
    """Refuse a beta-shaped update of a transcription session as one of the other kind."""
    # Beta's sessions have no `type`; their flat field names give them away.
    if isinstance(value, dict) and "type" not in value:
        given = {key for key, held in value.items() if held is not None}
        if given - {"audio", "include"}:
            _transcription_type("realtime")
    return value
