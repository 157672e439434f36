"""The records that a session and its pipelines share, as plain data.

A session (`realtime_session.py`) knows nothing of Pipecat, and a provider nothing of events. What
pipelines report back is in `session/reports.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal, Protocol

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from wire.session_fields import Delay

MAX_DELTA_BYTES = WIRE_RATE * BYTES_PER_SAMPLE * 2 // 5
"""Longest audio delta in bytes of PCM: 400 ms, as OpenAI's service sends (§E)."""

SILENCE = "(The user is silent.)"
"""What the model reads as the user's turn when the idle timeout fires (§B.12)."""

PENDING = "(This call is still running. Its result will come later; do not call again.)"
"""What the model reads as the result of a tool call that has none yet (§B.7)."""

AUDIO_TOKENS_PER_S = 25.0
"""Tokens of a second of audio, for fitting a conversation into the model's window. Models differ:
Ultravox takes 6, OpenAI's 10, Voxtral and Qwen3-Omni 12.5, Qwen2.5-Omni and Qwen2-Audio 25."""
UNAPPROVED = "(The user has yet to approve of this call. Do not call again; ask for approval.)"
"""What the model reads as the result of an MCP call that waits for approval (§B.13)."""

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
"""These and the names that only OpenAI's speech endpoint knows."""


class CloseReason(Enum):
    """Why a session's connection is closed; each peer has its own codes for it (§D.7)."""

    CLIENT_DONE = "the client closed it"
    EXPIRED = "its time is up"
    SERVER_STOPS = "the server stops"
    SLOW_READER = "the client stopped reading"
    FAILED = "the server failed"
    BAD_KEY = "the key is missing or wrong"
    BAD_REQUEST = "what was asked for cannot be"
    FULL = "there are too many sessions"


FailingStage = Literal["STT", "LLM", "TTS", "Upstream"]
FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class MediaTokens:
    """Tokens of sound and images, as a model that hears and speaks reported them."""

    audio_in: int
    image_in: int
    audio_out: int
    cached_audio: int = 0
    cached_image: int = 0


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one model call, as the provider reported them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    audio_tokens: int | None = None
    """How many of the input tokens are audio; None: the provider does not tell."""
    media: MediaTokens | None = None
    """Where a model that speaks tells it: the tokens above are then those of text alone."""


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why a stage failed. `message` names the provider, the reason and the remedy."""

    message: str
    code: str = "provider_error"
    type: str = "server_error"
    stage: FailingStage | None = None
    """The provider that failed; None: no provider did."""
    discreet: str | None = None
    """`message` without quoted provider text, which may repeat user data; None: it quotes none."""

    @property
    def for_log(self) -> str:
        """The message for the log, without user data."""
        return self.discreet or self.message


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """One response to generate: everything its LLM and its voice need to know."""

    response_id: str
    instructions: str
    messages: list[dict[str, Any]]
    """Conversation so far in OpenAI chat-completions form, without the instructions. An assistant's
    message with a tool call has one call, whose arguments are a JSON object, and is followed by its
    result. Ids of calls are letters, digits, `_` and `-`, and no two calls share one. Other
    messages have words, or for a user images and, where the model hears (`Capabilities`), audio:
    `{"type": "input_audio", "item_id": str, "clip": audio.clip.Clip}`."""
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
    `embedded` and `scripted` models are deterministic and ignore it."""
    voice: str = "alloy"
    speed: float = 1.0
    """Pace of the voice at constant pitch; 1.0 is its own."""
    spoken: bool = True
    """False for a text-only response: no voice is built."""
    session_id: str | None = None
    """The session whose conversation it continues: a balancer before the model may keep one
    session's requests together. None: it stands alone."""


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """The client's wishes for recognition; what is unset is up to the server's configuration."""

    languages: tuple[str, ...] = ()
    """Languages that may be spoken, the likeliest first, as the client writes them (`en`,
    `en-US`). Empty: the client names none."""
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    """Words to expect."""
    delay: Delay | None = None
    """How long a recogniser that writes while it hears may wait, for better words."""
    logprobs: bool = False
    """Whether the client wants log probabilities."""

    @property
    def language(self) -> str | None:
        """The likeliest language, for a recogniser that takes one; None: the client names none."""
        return self.languages[0] if self.languages else None

    def in_language(self, configured: str | None) -> TranscriptionSettings:
        """Return the same with the configured language where the client names none."""
        if self.languages or not configured:
            return self
        return replace(self, languages=(configured,))


NO_WISHES = TranscriptionSettings()


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How sure a recogniser is of one token of a transcript (§C.5)."""

    token: str
    bytes: bytes
    """The token in UTF-8; it may be a part of a character."""
    logprob: float
    """Natural logarithm of its probability."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser understood of a turn."""

    text: str
    languages: tuple[str, ...] | None = None
    """ISO 639-1 codes of the languages it heard; empty: it found none; None: it does not tell."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    """Of all its tokens, in order; None: nobody asked, or the recogniser has none."""
    no_speech: float | None = None
    """How probable it is (0–1) that nobody spoke, by the recogniser's own account; None: it gives
    none."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the configured providers can do; requests for more are refused with a reason."""

    voices: frozenset[str] | None = None
    """Voice names the TTS accepts; None: any name, the provider decides."""
    voice_aliases: frozenset[str] = frozenset()
    """Voice names that stand for voices which the TTS itself calls otherwise."""
    languages: frozenset[str] | None = None
    """ISO 639-1 codes the recogniser accepts; None: any."""
    transcription_prompt: bool = True
    """Whether the recogniser takes a prompt."""
    images: bool = True
    """Whether the model may be given images."""
    reasoning: bool = True
    """Whether the model takes a reasoning effort."""
    forced_calls: bool = True
    """Whether the model can be told to call a function."""
    hears_audio: bool = False
    """Whether the model is given what the user said as audio (`llm.audio_input`): then no response
    waits for a transcript, and none fails for want of one."""
    audio_tokens_per_s: float = AUDIO_TOKENS_PER_S
    """Tokens that a second of audio takes of the window of a model that hears."""
    translates: bool = True
    """Whether the model can translate (§B.14)."""
    context_tokens: int | None = None
    """Tokens that the model reads, where the settings do not say; None: it is not limited here."""
    llm_name: str = "the model"
    stt_name: str = "the recogniser"
    tts_name: str = "the voice provider"


class ClientRoom(Protocol):
    """Back-pressure: whether the client reads fast enough for more output."""

    @property
    def has_room(self) -> bool:
        """Whether more output may be made now."""

    async def room(self) -> None:
        """Wait until more output may be made."""
