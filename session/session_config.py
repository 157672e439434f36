"""The current settings of a session: defaults, checked updates, and access for the core.

The records are in `session/session_settings.py`, merging in `session/session_merge.py`. Here they
are checked against the server's limits and its providers' capabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from config import Settings
from session.limits import check_prompt
from session.mcp import McpServer, no_servers
from session.mcp_settings import (
    McpUse,
    ToolEntry,
    check_servers,
    operators,
    remembered,
    tool_entries,
)
from session.ports import NO_WISHES, Capabilities, TranscriptionSettings
from session.provider_checks import (
    check_known_voice,
    check_reasoning,
    check_tool_choice,
    check_transcription,
    understood,
)
from session.session_merge import merged
from session.session_settings import (
    LOGPROBS,
    InputAudioSettings,
    InputTranscription,
    MaxOutputTokens,
    OutputAudioSettings,
    RealtimeSessionSettings,
    SessionSettings,
    ToolChoice,
    TranscriptionSessionSettings,
    Truncation,
    echo,
)
from session.turn_settings import ServerVad, TurnDetection
from wire.errors import ProtocolError
from wire.media import Media
from wire.session_fields import (
    BackChannels,
    FunctionTool,
    Interruptions,
    McpServerTool,
    OwnVoice,
    Queued,
    Reasoning,
    SessionKind,
    SessionPatch,
    TranscriptionPatch,
    voice_name,
)

DEFAULT_VOICE = "alloy"
_NOT_UPDATED = {"id", "object", "model", "expires_at", "prompt"}
"""What a session shows and no update changes."""


class SessionConfig:
    """The current settings of one session."""

    def __init__(
        self,
        settings: Settings,
        capabilities: Capabilities,
        *,
        session_id: str,
        model: str,
        now: float,
        kind: SessionKind = "realtime",
        media: Media = Media.EVENTS,
        check_server: Callable[[McpServer], None] = no_servers,
    ) -> None:
        """Start with the server's defaults.

        Args:
            settings: The server's configuration.
            capabilities: What the configured providers can do.
            session_id: The `sess_…` id.
            model: The model name that the client asked for; echoed as it is.
            now: Unix time in seconds, from which the session's lifetime counts.
            kind: Whether the session answers, or only transcribes (§B.11).
            media: How its audio travels.
            check_server: Raises `ProtocolError` for an MCP server that may not be used.
        """
        self.media = media
        self._check_server = check_server
        self.limit_minutes = settings.server.session_limit_minutes
        self.kept_audio_ms = settings.server.kept_audio_minutes * 60_000
        self.limits = settings.limits
        self.capabilities = capabilities
        self._turns = settings.turns
        self.speculates = settings.vad.speculative
        self._model_noise_reduced = settings.llm.noise_reduced
        self.context_tokens = settings.llm.context_tokens or capabilities.context_tokens
        self.file_mode = settings.turns.file_mode and media is Media.EVENTS
        """Whether audio that comes much faster than real time is taken as a file (§A.2)."""
        self._default_vad = ServerVad(
            threshold=settings.vad.threshold,
            prefix_padding_ms=settings.vad.prefix_padding_ms,
            silence_duration_ms=settings.vad.silence_duration_ms,
            create_response=kind == "realtime",
            interrupt_response=kind == "realtime",
        )
        expires_at = int(now + 60 * self.limit_minutes)
        audio_input = InputAudioSettings(
            AudioFormat(), None if settings.vad.type == "none" else self._default_vad
        )
        self._settings: SessionSettings
        if kind == "transcription":
            self._settings = TranscriptionSessionSettings(session_id, expires_at, audio_input)
        else:
            self._settings = RealtimeSessionSettings(
                id=session_id,
                model=model,
                expires_at=expires_at,
                instructions=settings.llm.default_instructions,
                input=audio_input,
                output=OutputAudioSettings(AudioFormat(), settings.tts.voice_id or DEFAULT_VOICE),
                known_servers=operators(settings.mcp),
            )

    def wire(self) -> dict[str, Any]:
        """Return the whole session as `session.created` and `session.updated` show it (§C.1)."""
        return self._settings.wire()

    def kept(self) -> dict[str, Any]:
        """Return the session as JSON, for who resumes it: with `session` as an update of it."""
        shown = {name: value for name, value in self.wire().items() if name not in _NOT_UPDATED}
        if isinstance(self._settings, RealtimeSessionSettings):
            # With what clients are not shown, such as keys of MCP servers.
            shown["tools"] = [_whole(tool) for tool in self._settings.tools]
        if shown["include"] is None:
            del shown["include"]
        model = getattr(self._settings, "model", "")
        expires_at = self._settings.expires_at
        return {"id": self.id, "model": model, "expires_at": expires_at, "session": shown}

    def apply(self, patch: SessionPatch | TranscriptionPatch, *, voice_locked: bool) -> None:
        """Merge an update completely, or not at all (§A.1).

        Args:
            patch: The validated `session` of a `session.update`.
            voice_locked: Whether the conversation holds assistant audio already.

        Raises:
            ProtocolError: The session is of the other kind, the voice is locked, tracing is on
                already, a limit is exceeded, or a provider cannot do what is asked.
        """
        can = self.capabilities
        settings = merged(self._settings, patch, self._default_vad)
        if isinstance(patch, SessionPatch):
            check_prompt(self.limits, patch.instructions, patch.tools, "session")
            check_reasoning(can, patch.reasoning, "session.reasoning")
            check_tool_choice(can, patch.tool_choice, "session.tool_choice")
            if patch.audio and patch.audio.output and patch.audio.output.voice is not None:
                voice = patch.audio.output.voice
                self.check_voice(voice, "session.audio.output.voice", locked=voice_locked)
        check_transcription(can, settings.input.transcription)
        if isinstance(settings, RealtimeSessionSettings):
            self._check_tracing(settings)
            known = self._answering.known_servers
            check_servers(settings.tools, known, self._check_server, "session.tools")
        self._settings = settings

    def use_tools(self, given: Sequence[FunctionTool | McpServerTool]) -> list[ToolEntry]:
        """Return the tools of one response, and remember the MCP servers among them (§B.13).

        What a response says of a server that the session knows holds for that response alone.

        Raises:
            ProtocolError: A server may not be used, or is named twice.
        """
        settings = self._answering
        path, known = "response.tools", {**settings.lent_servers, **settings.known_servers}
        entries = tool_entries(given, known, path)
        check_servers(entries, known, self._check_server, path)
        lent = remembered(entries, settings.lent_servers, but=settings.known_servers)
        self._settings = replace(settings, lent_servers=lent)
        return list(entries)

    def check_voice(self, voice: str | OwnVoice, param: str, *, locked: bool) -> None:
        """Refuse a voice that the TTS lacks, or a change while the voice is locked (§C.2)."""
        if locked and voice_name(voice) != self.voice:
            raise ProtocolError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
            )
        check_known_voice(self.capabilities, voice, param)

    def _check_tracing(self, settings: RealtimeSessionSettings) -> None:
        before, after = echo(self._answering.tracing), echo(settings.tracing)
        if before is not None and after not in (None, before):
            raise ProtocolError(
                "invalid_value",
                "Cannot change the tracing of a session once it is enabled.",
                "session.tracing",
            )

    # --- both kinds of session ---------------------------------------------------------------

    @property
    def hears_audio(self) -> bool:
        """Whether the model is given the user's turns as audio."""
        return self.capabilities.hears_audio

    @property
    def noise_reduction_of_model(self) -> NoiseReduction | None:
        """Noise reduction of what the model hears; None: it hears what was sent (§C.2)."""
        return self.noise_reduction if self._model_noise_reduced else None

    @property
    def kind(self) -> SessionKind:
        """Whether the session answers, or only transcribes."""
        return self._settings.kind

    @property
    def id(self) -> str:
        """The `sess_…` id."""
        return self._settings.id

    @property
    def input_format(self) -> AudioFormat:
        """Audio format of appends; a track's is always the same, whatever the client sets."""
        return AudioFormat() if self.media is Media.TRACKS else self._settings.input.format

    @property
    def turn_detection(self) -> TurnDetection | None:
        """How turns are detected; None in manual mode."""
        return self._settings.input.turn_detection

    @property
    def interruptions(self) -> Interruptions:
        """What interrupts an answer that sounds (§C.4)."""
        detection = self.turn_detection
        own = None if detection is None else detection.extensions.interruptions
        return own or self._turns.interruptions

    @property
    def backchannels(self) -> BackChannels:
        """Whether a back-channel enters the conversation (§C.4)."""
        detection = self.turn_detection
        own = None if detection is None else detection.extensions.backchannels
        return own or self._turns.backchannels

    @property
    def queued(self) -> Queued:
        """How turns are answered that ended while they could not be (§B.5)."""
        detection = self.turn_detection
        own = None if detection is None else detection.extensions.queued
        return own or self._turns.queued

    @property
    def rejoin_ms(self) -> int:
        """Milliseconds behind the end of a turn in which the user may go on with it (§B.17)."""
        detection = self.turn_detection
        own = None if detection is None else detection.extensions.rejoin_ms
        return self._turns.rejoin_ms if own is None else own

    @property
    def prefix_padding_ms(self) -> int | None:
        """Audio before an onset that belongs to the turn, in ms; None in manual mode."""
        detection = self._settings.input.turn_detection
        return None if detection is None else detection.prefix_padding_ms

    @property
    def noise_reduction(self) -> NoiseReduction | None:
        """Noise reduction of the input; None: none."""
        return self._settings.input.noise_reduction

    @property
    def transcription(self) -> InputTranscription | None:
        """Settings of the transcription events; None when the client wants none."""
        return self._settings.input.transcription

    @property
    def transcription_settings(self) -> TranscriptionSettings:
        """The client's wishes for the recognition of the next turn.

        Without those of its languages that the recogniser does not understand (§C.5).
        """
        asked = self._settings.input.transcription
        if asked is None:
            return NO_WISHES
        return TranscriptionSettings(
            languages=understood(self.capabilities, asked.spoken),
            prompt=asked.prompt,
            keywords=tuple(word for word in asked.keywords if word.strip()),
            delay=asked.delay,
            logprobs=LOGPROBS in (self._settings.include or ()),
        )

    # --- realtime sessions only; a transcription session has none of these -------------------

    @property
    def _answering(self) -> RealtimeSessionSettings:
        if isinstance(self._settings, RealtimeSessionSettings):
            return self._settings
        raise TypeError("A transcription session has no settings of responses (§B.11).")

    @property
    def instructions(self) -> str:
        """The system prompt."""
        return self._answering.instructions

    @property
    def output_modalities(self) -> list[str]:
        """`["audio"]` or `["text"]`."""
        return [self._answering.output_modality]

    @property
    def tools(self) -> list[ToolEntry]:
        """Functions, as echoed, and MCP servers."""
        return list(self._answering.tools)

    @property
    def tool_choice(self) -> ToolChoice:
        """`auto`, `none`, `required`, one function, or an MCP server."""
        return self._answering.tool_choice

    @property
    def truncation(self) -> Truncation:
        """What to do when the conversation exceeds the context window (§C.7)."""
        return self._answering.truncation

    @property
    def max_output_tokens(self) -> MaxOutputTokens:
        """A number, or `inf`."""
        return self._answering.max_output_tokens

    def reasoning_effort(self, asked: Reasoning | None = None) -> str | None:
        """Return the reasoning effort of a response: its own, else the session's.

        Raises:
            ProtocolError: The model takes no reasoning effort (§A.1).
        """
        check_reasoning(self.capabilities, asked, "response.reasoning")
        if asked is not None and asked.effort is not None:
            return asked.effort
        own = self._answering.reasoning
        return None if own is None else own.effort

    @property
    def parallel_tool_calls(self) -> bool | None:
        """Whether several tools may be called at once; None leaves it to the model."""
        return self._answering.parallel_tool_calls

    @property
    def temperature(self) -> float | None:
        """Sampling temperature, if a beta client set one (§B.16)."""
        return self._answering.temperature

    @property
    def voice(self) -> str:
        """The session's voice."""
        return self._answering.output.voice

    @property
    def output_format(self) -> AudioFormat:
        """Audio format of responses; a track's is always the same, whatever the client sets."""
        return AudioFormat() if self.media is Media.TRACKS else self._answering.output.format

    @property
    def speed(self) -> float:
        """Pace of the voice; 1.0 is its own."""
        return self._answering.output.speed


def _whole(tool: ToolEntry) -> dict[str, Any]:
    if isinstance(tool, McpUse):
        said = tool.fields.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {**said, "type": "mcp"}
    return {name: value for name, value in tool.items() if value is not None}
