"""What a session asks of its pipelines and what they report back, as plain data.

The session (`realtime_session.py`) knows nothing of Pipecat and the providers know nothing of
the wire; these records are all that the two share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Protocol

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE

MAX_DELTA_BYTES = WIRE_RATE * BYTES_PER_SAMPLE * 2 // 5
"""Longest audio delta: 400 ms, as the service sends (§E)."""

SILENCE = "(The user is silent.)"
"""What a model reads where the user said nothing for too long."""

REALTIME_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
)
"""Names that OpenAI's Realtime service gives its voices."""
OPENAI_VOICES = (*REALTIME_VOICES, "fable", "nova", "onyx")
"""These and the ones that only OpenAI's speech endpoint knows."""


class CloseReason(Enum):
    """Why a session's connection is closed; each peer has its own way to say it (§D.7)."""

    CLIENT_DONE = "the client closed it"
    EXPIRED = "its time is up"
    SERVER_STOPS = "the server stops"
    SLOW_READER = "the client stopped reading"
    FAILED = "the server failed"
    BAD_KEY = "the key is missing or wrong"
    BAD_REQUEST = "what was asked for cannot be"
    FULL = "there are too many sessions"


FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one model call, as the provider reported them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why a stage failed. `message` names the provider, the reason and the remedy."""

    message: str
    code: str = "provider_error"
    type: str = "server_error"
    stage: Literal["STT", "LLM", "TTS"] | None = None
    """None: no provider is to blame."""
    discreet: str | None = None
    """The message without words of others, who may quote what they were sent; None: it has none."""

    @property
    def for_log(self) -> str:
        """What the log may say of it."""
        return self.discreet or self.message


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """One response to generate: everything its LLM and its voice need to know."""

    response_id: str
    instructions: str
    messages: list[dict[str, Any]]
    """Conversation so far in OpenAI chat-completions form, without the instructions."""
    tools: list[dict[str, Any]] = field(default_factory=list)
    """Function tools in Realtime form: `{"type", "name", "description", "parameters"}`."""
    tool_choice: str | dict[str, Any] = "auto"
    """`auto`, `none`, `required` or `{"type": "function", "name": …}`."""
    max_output_tokens: int | None = None
    reasoning_effort: str | None = None
    """`minimal` … `xhigh`; None leaves it to the provider."""
    parallel_tool_calls: bool | None = None
    """False: at most one tool call; None leaves it to the provider."""
    temperature: float | None = None
    """Only beta clients can set it (§B.16); None leaves it to the server's configuration. The
    `embedded` and `scripted` models are deterministic: to them it means nothing."""
    voice: str = "alloy"
    speed: float = 1.0
    """Pace of the voice, without a change of pitch."""
    spoken: bool = True
    """False for a text-only response: no voice is built."""


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """What a client may ask of the recogniser; None leaves it to the server's configuration."""

    language: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the configured providers can do, so that the rest is refused with a reason."""

    voices: frozenset[str] | None = None
    """Voice names the TTS accepts; None: any name, the provider decides."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes the recogniser accepts; None: any."""
    transcription_prompt: bool = True
    """Whether the recogniser takes a prompt."""
    logprobs: bool = True
    """Whether the recogniser reports log probabilities."""
    images: bool = True
    """Whether the model may be given images."""
    reasoning: bool = True
    """Whether the model takes a reasoning effort."""
    llm_name: str = "the model"
    stt_name: str = "the recogniser"


class ClientRoom(Protocol):
    """How far behind the client is with reading."""

    @property
    def has_room(self) -> bool:
        """Whether it has caught up."""

    async def room(self) -> None:
        """Wait until it has."""
