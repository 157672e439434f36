"""The settings of one session as immutable records, and their wire form (§C).

An update makes new records (`session/session_merge.py`). The two kinds of session are two types: a
transcription session has no voice, tools or instructions (§B.11).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.mcp_settings import Known, McpUse, ToolEntry
from session.turn_settings import TurnDetection
from wire.session_fields import (
    Delay,
    FunctionChoice,
    McpChoice,
    Reasoning,
    RetentionRatio,
    Tracing,
)

MaxOutputTokens = int | Literal["inf"]
ToolChoice = str | FunctionChoice | McpChoice
"""`auto`, `none`, `required`, one function, or an MCP server."""
Truncation = Literal["auto", "disabled"] | RetentionRatio
"""What to do when the conversation exceeds the context window (§C.7)."""
LOGPROBS = "item.input_audio_transcription.logprobs"
"""What `include` may ask for (§C.5)."""


def language_tag(written: str) -> str:
    """Return a language's tag as services write it: `en-US` of `EN_us`, `zh-Hans` of `zh-hans`."""
    language, *others = written.replace("_", "-").split("-")
    return "-".join(
        [language.lower(), *(one.upper() if len(one) == 2 else one.title() for one in others)]
    )


@dataclass(frozen=True, slots=True)
class InputTranscription:
    """Transcription as the client wants it (§C.5)."""

    model: str | None = None
    """The server's recogniser is used, whatever it is called here."""
    language: str | None = None
    prompt: str | None = None
    languages: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    delay: Delay | None = None

    @property
    def spoken(self) -> tuple[str, ...]:
        """All languages that the client names, `language` first; `auto` names none."""
        named = (one.strip() for one in (self.language, *self.languages) if one)
        tags = (language_tag(one) for one in named if one and one.lower() != "auto")
        return tuple(dict.fromkeys(tags))

    def wire(self) -> dict[str, Any]:
        """Return it as sessions show it: the service's three keys, and others that were set."""
        shown: dict[str, Any] = {
            "model": self.model,
            "language": self.language,
            "prompt": self.prompt,
        }
        if self.languages:
            shown["languages"] = list(self.languages)
        if self.keywords:
            shown["keywords"] = list(self.keywords)
        if self.delay is not None:
            shown["delay"] = self.delay
        return shown


@dataclass(frozen=True, slots=True)
class InputAudioSettings:
    """Input audio: format, turn detection, transcription and noise reduction."""

    format: AudioFormat
    turn_detection: TurnDetection | None
    """None: the client commits its turns."""
    transcription: InputTranscription | None = None
    """None: the client wants no transcription events."""
    noise_reduction: NoiseReduction | None = None
    """None: no noise reduction."""

    def hearing_wire(self) -> dict[str, Any]:
        """Return it as a transcription session shows it."""
        detection = self.turn_detection
        return self._wire(None if detection is None else detection.hearing_wire())

    def wire(self) -> dict[str, Any]:
        """Return it as a realtime session shows it."""
        detection = self.turn_detection
        return self._wire(None if detection is None else detection.wire())

    def _wire(self, turn_detection: dict[str, Any] | None) -> dict[str, Any]:
        transcription, noise = self.transcription, self.noise_reduction
        return {
            "format": self.format.wire(),
            "transcription": None if transcription is None else transcription.wire(),
            "noise_reduction": None if noise is None else noise.wire(),
            "turn_detection": turn_detection,
        }


@dataclass(frozen=True, slots=True)
class OutputAudioSettings:
    """Output audio: format, voice and pace."""

    format: AudioFormat
    voice: str
    speed: float = 1.0
    """Pace of the voice; 1.0 is its own."""

    def wire(self) -> dict[str, Any]:
        """Return it as sessions show it."""
        return {"format": self.format.wire(), "voice": self.voice, "speed": self.speed}


@dataclass(frozen=True, slots=True)
class TranscriptionSessionSettings:
    """A session that only transcribes (§B.11)."""

    kind: ClassVar[Literal["transcription"]] = "transcription"

    id: str
    expires_at: int
    """Unix time in seconds."""
    input: InputAudioSettings
    include: tuple[str, ...] | None = None

    def wire(self) -> dict[str, Any]:
        """Return the whole session as its events show it."""
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": self.id,
            "expires_at": self.expires_at,
            "audio": {"input": self.input.hearing_wire()},
            "include": None if self.include is None else list(self.include),
        }


@dataclass(frozen=True, slots=True)
class RealtimeSessionSettings:
    """A session that answers (§C.1)."""

    kind: ClassVar[Literal["realtime"]] = "realtime"

    id: str
    model: str
    """As the client named it."""
    expires_at: int
    """Unix time in seconds."""
    instructions: str
    """The system prompt."""
    input: InputAudioSettings
    output: OutputAudioSettings
    output_modality: Literal["audio", "text"] = "audio"
    tools: tuple[ToolEntry, ...] = ()
    known_servers: Known = field(default_factory=dict)
    """The MCP servers that the client has described, used or not (§B.13)."""
    lent_servers: Known = field(default_factory=dict)
    """Those that responses alone have described, under labels that the session does not know."""
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxOutputTokens = "inf"
    tracing: Literal["auto"] | Tracing | None = None
    truncation: Truncation = "auto"
    include: tuple[str, ...] | None = None
    reasoning: Reasoning | None = None
    """None: never set; the session does not show it."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called at once; None: never set, not shown, up to the model."""
    temperature: float | None = None
    """Sampling temperature of a beta client (§B.16); None: never set, not shown."""

    def wire(self) -> dict[str, Any]:
        """Return the whole session as its events show it."""
        session: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "output_modalities": [self.output_modality],
            "instructions": self.instructions,
            "tools": [tool.wire() if isinstance(tool, McpUse) else tool for tool in self.tools],
            "tool_choice": echo(self.tool_choice),
            "max_output_tokens": self.max_output_tokens,
            "tracing": echo(self.tracing),
            "truncation": echo(self.truncation),
            "prompt": None,
            "expires_at": self.expires_at,
            "audio": {"input": self.input.wire(), "output": self.output.wire()},
            "include": None if self.include is None else list(self.include),
        }
        if self.reasoning is not None:
            session["reasoning"] = echo(self.reasoning)
        if self.parallel_tool_calls is not None:
            session["parallel_tool_calls"] = self.parallel_tool_calls
        if self.temperature is not None:
            session["temperature"] = self.temperature
        return session


SessionSettings = RealtimeSessionSettings | TranscriptionSessionSettings


def echo(
    value: str | FunctionChoice | McpChoice | Tracing | RetentionRatio | Reasoning | None,
) -> str | dict[str, Any] | None:
    """Return the wire form of a setting that is a word or a block: the keys that were given."""
    if value is None or isinstance(value, str):
        return value
    return value.model_dump(exclude_unset=True)
