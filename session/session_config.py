"""The effective session: its defaults, the merge of updates, and the echo of all of it (§C).

The session is kept in its wire form, because the wire asks for the whole of it after every
update; the properties are what the rest of the server reads.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from config import Settings
from session.limits import check_prompt
from session.ports import REALTIME_VOICES, Capabilities, TranscriptionSettings
from wire.errors import ProtocolError, invalid_value
from wire.session_fields import Reasoning, SessionKind, SessionPatch, TranscriptionPatch, cross_type

DEFAULT_VOICE = "alloy"
_SEMANTIC_VAD = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_READ_ONLY = {"type", "model"}
# `null` clears these; for any other field it means "unchanged" (§A.1).
_NULLABLE = {"turn_detection", "noise_reduction", "transcription", "tracing", "prompt"}
_REPLACED_WHOLE = {
    "tools",
    "tool_choice",
    "output_modalities",
    "truncation",
    "tracing",
    "format",
    "reasoning",
}


class SessionConfig:
    """The settings of one session. They never outlive it or reach another one."""

    def __init__(
        self,
        settings: Settings,
        capabilities: Capabilities,
        *,
        session_id: str,
        model: str,
        now: float,
        kind: SessionKind = "realtime",
    ) -> None:
        """Take the server's defaults.

        Args:
            settings: The server's configuration.
            capabilities: What the configured providers can do.
            session_id: The `sess_…` id.
            model: The model name the client asked for; echoed as it is.
            now: Unix time in seconds, from which the session's lifetime counts.
            kind: Whether the session answers, or only transcribes (§B.11).
        """
        self.kind: SessionKind = kind
        self.limit_minutes = settings.server.session_limit_minutes
        self.kept_audio_ms = settings.server.kept_audio_minutes * 60_000
        self.limits = settings.limits
        self.capabilities = capabilities
        self.context_tokens = settings.llm.context_tokens
        self._default_turn_detection = {
            "type": "server_vad",
            "threshold": settings.vad.threshold,
            "prefix_padding_ms": settings.vad.prefix_padding_ms,
            "silence_duration_ms": settings.vad.silence_duration_ms,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        }
        manual = settings.vad.type == "none"
        self._wire: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": model,
            "output_modalities": ["audio"],
            "instructions": settings.llm.default_instructions,
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": int(now + 60 * self.limit_minutes),
            "audio": {
                "input": {
                    "format": AudioFormat().wire(),
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": None if manual else dict(self._default_turn_detection),
                },
                "output": {
                    "format": AudioFormat().wire(),
                    "voice": settings.tts.voice_id or DEFAULT_VOICE,
                    "speed": 1.0,
                },
            },
            "include": None,
        }
        if kind == "transcription":
            self._wire = self._transcribing(self._wire)

    @staticmethod
    def _transcribing(realtime: dict[str, Any]) -> dict[str, Any]:
        """Write the session of §B.11: what hears is the same, and there is nothing else."""
        hearing = realtime["audio"]["input"]
        detection = hearing["turn_detection"]
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "id": realtime["id"],
            "expires_at": realtime["expires_at"],
            "audio": {
                "input": {**hearing, "turn_detection": detection and _without_answers(detection)}
            },
            "include": None,
        }

    @property
    def id(self) -> str:
        """The `sess_…` id."""
        return str(self._wire["id"])

    def wire(self) -> dict[str, Any]:
        """Return the whole session as `session.created` and `session.updated` show it (§C.1)."""
        return _copied(self._wire)

    def apply(self, patch: SessionPatch | TranscriptionPatch, *, voice_locked: bool) -> None:
        """Merge an update, all of it or nothing (§A.1).

        Args:
            patch: The validated `session` of a `session.update`.
            voice_locked: Whether the conversation holds assistant audio already.

        Raises:
            ProtocolError: The session is of the other kind, the voice is locked, tracing is on
                already, a limit is exceeded, or a provider cannot do what is asked.
        """
        if patch.type != self.kind:
            raise ProtocolError("invalid_value", cross_type(self.kind), "session.type")
        merged = _copied(self._wire)
        realtime = patch if isinstance(patch, SessionPatch) else None
        if realtime is not None:
            check_prompt(self.limits, realtime.instructions, realtime.tools, "session")
            self.reasoning_effort(realtime.reasoning, "session.reasoning")
        if patch.include and not self.capabilities.logprobs:
            raise ProtocolError(
                "invalid_value",
                f"{self.capabilities.stt_name} reports no log probabilities.",
                "session.include",
            )
        if realtime is None:
            _refuse_responses(patch)
        self._merge(merged, patch.model_dump(exclude_unset=True, exclude=_READ_ONLY))
        output = realtime and realtime.audio and realtime.audio.output
        if output and output.voice is not None:
            self.check_voice(output.voice, "session.audio.output.voice", locked=voice_locked)
        self._check_transcription(merged["audio"]["input"]["transcription"])
        self._check_tracing(merged.get("tracing"))
        self._wire = merged

    def check_voice(self, voice: str, param: str, *, locked: bool) -> None:
        """Refuse a voice the TTS does not have, or a change after the first audio (§C.2)."""
        if locked and voice != self.voice:
            raise ProtocolError(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
            )
        voices = self.capabilities.voices
        if voices is not None and voice not in voices:
            # espeak-ng alone has hundreds; the short list is what other clients use.
            usual = [name for name in REALTIME_VOICES if name in voices]
            few = len(voices) <= 40
            raise invalid_value(voice, sorted(voices) if few else usual, param)

    def _check_transcription(self, transcription: dict[str, Any] | None) -> None:
        if transcription is None:
            return
        path = "session.audio.input.transcription"
        can = self.capabilities
        language = transcription["language"]
        if language and can.languages is not None and _base(language) not in can.languages:
            raise ProtocolError(
                "invalid_value",
                f"{can.stt_name} does not understand '{language}', only "
                f"{', '.join(sorted(can.languages))}; configure another recogniser.",
                f"{path}.language",
            )
        if transcription["prompt"] and not can.transcription_prompt:
            raise ProtocolError(
                "invalid_value",
                f"{can.stt_name} takes no prompt; configure another recogniser.",
                f"{path}.prompt",
            )

    def _check_tracing(self, tracing: str | dict[str, Any] | None) -> None:
        before = self._wire.get("tracing")
        if before is not None and tracing not in (None, before):
            raise ProtocolError(
                "invalid_value",
                "Cannot change the tracing of a session once it is enabled.",
                "session.tracing",
            )

    def _merge(self, current: dict[str, Any], patch: dict[str, Any]) -> None:
        for key, value in patch.items():
            if value is None:
                if key in _NULLABLE:
                    current[key] = None
            elif key == "turn_detection":
                current[key] = self._turn_detection(current[key], value)
            elif key == "noise_reduction":
                current[key] = {"strength": 1.0, **(current[key] or {}), **_given(value)}
            elif key == "transcription":
                base = current[key] or {"model": None, "language": None, "prompt": None}
                current[key] = {name: value.get(name, base[name]) for name in base}
            elif isinstance(value, dict) and key not in _REPLACED_WHOLE:
                self._merge(current[key], value)
            elif key == "format":
                current[key] = AudioFormat(value["type"]).wire()
            elif key == "tools":
                current[key] = [tool_echo(tool) for tool in value]
            else:
                current[key] = value

    def _turn_detection(
        self, current: dict[str, Any] | None, patch: dict[str, Any]
    ) -> dict[str, Any]:
        if current is not None and current["type"] == patch["type"]:
            base = current
        elif patch["type"] == "semantic_vad":
            base = _SEMANTIC_VAD
        else:
            base = self._default_turn_detection
        changed = {**base, **_given(patch)}
        if "idle_timeout_ms" in patch:
            changed["idle_timeout_ms"] = patch["idle_timeout_ms"]
        return changed if self.kind == "realtime" else _without_answers(changed)

    @property
    def instructions(self) -> str:
        """The system prompt."""
        return str(self._wire["instructions"])

    @property
    def output_modalities(self) -> list[str]:
        """`["audio"]` or `["text"]`."""
        return list(self._wire["output_modalities"])

    @property
    def tools(self) -> list[dict[str, Any]]:
        """Function tools, as echoed."""
        return list(self._wire["tools"])

    @property
    def tool_choice(self) -> str | dict[str, Any]:
        """`auto`, `none`, `required`, or one function."""
        choice: str | dict[str, Any] = self._wire["tool_choice"]
        return choice

    @property
    def truncation(self) -> str | dict[str, Any]:
        """What to do when the conversation outgrows the model (§C.7)."""
        truncation: str | dict[str, Any] = self._wire["truncation"]
        return truncation

    @property
    def max_output_tokens(self) -> int | str:
        """A number, or `inf`."""
        limit: int | str = self._wire["max_output_tokens"]
        return limit

    def reasoning_effort(
        self, asked: Reasoning | None = None, param: str = "response.reasoning"
    ) -> str | None:
        """Return the effort for a response: what is asked for it, else the session's.

        Raises:
            ProtocolError: The model does not reason (§A.1).
        """
        effort: str | None = (self._wire.get("reasoning") or {}).get("effort")
        if asked is None or asked.effort is None:
            return effort
        if not self.capabilities.reasoning:
            raise ProtocolError(
                "invalid_value", f"{self.capabilities.llm_name} takes no reasoning effort.", param
            )
        return asked.effort

    @property
    def parallel_tool_calls(self) -> bool | None:
        """Whether several tools may be called at once; None leaves it to the model."""
        parallel: bool | None = self._wire.get("parallel_tool_calls")
        return parallel

    @property
    def temperature(self) -> float | None:
        """Sampling temperature, if a beta client set one (§B.16)."""
        temperature: float | None = self._wire.get("temperature")
        return temperature

    @property
    def voice(self) -> str:
        """Voice of the session."""
        return str(self._wire["audio"]["output"]["voice"])

    @property
    def input_format(self) -> AudioFormat:
        """Audio format of appends."""
        return AudioFormat(self._wire["audio"]["input"]["format"]["type"])

    @property
    def output_format(self) -> AudioFormat:
        """Audio format of responses."""
        return AudioFormat(self._wire["audio"]["output"]["format"]["type"])

    @property
    def speed(self) -> float:
        """Pace of the voice; 1.0 is its own."""
        return float(self._wire["audio"]["output"]["speed"])

    @property
    def turn_detection(self) -> dict[str, Any] | None:
        """The VAD's settings; None in manual mode."""
        detection: dict[str, Any] | None = self._wire["audio"]["input"]["turn_detection"]
        return detection

    @property
    def noise_reduction(self) -> NoiseReduction | None:
        """How input is cleaned before it is heard; None: not at all."""
        settings = self._wire["audio"]["input"]["noise_reduction"]
        return settings and NoiseReduction(settings["type"], settings["strength"])

    @property
    def prefix_padding_ms(self) -> int | None:
        """Audio before an onset that belongs to the turn; None in manual mode."""
        detection = self.turn_detection
        if detection is None:
            return None
        default = self._default_turn_detection["prefix_padding_ms"]
        return int(detection.get("prefix_padding_ms", default))

    @property
    def transcription(self) -> dict[str, Any] | None:
        """Settings of the transcription events; None when the client wants none."""
        transcription: dict[str, Any] | None = self._wire["audio"]["input"]["transcription"]
        return transcription

    @property
    def transcription_settings(self) -> TranscriptionSettings:
        """What the client asks of the recogniser for the next committed item."""
        asked = self.transcription or {}
        return TranscriptionSettings(language=asked.get("language"), prompt=asked.get("prompt"))


def _refuse_responses(patch: SessionPatch | TranscriptionPatch) -> None:
    """Refuse to make or interrupt responses in a session that has none (§B.11)."""
    detection = patch.audio and patch.audio.input and patch.audio.input.turn_detection
    for name in ("create_response", "interrupt_response", "idle_timeout_ms"):
        if getattr(detection, name, None):
            raise ProtocolError(
                "invalid_value",
                f"A transcription session has no responses, so '{name}' has nothing to act on.",
                f"session.audio.input.turn_detection.{name}",
            )


def _copied(session: dict[str, Any]) -> dict[str, Any]:
    """Copy a session; of its tools, which may be many and are never changed, only the list."""
    return {
        name: list(value) if name == "tools" else deepcopy(value) for name, value in session.items()
    }


def tool_echo(tool: dict[str, Any]) -> dict[str, Any]:
    """Write a function tool with every key, as the service echoes it (§C.1)."""
    return {
        "type": "function",
        "name": tool["name"],
        "description": tool.get("description"),
        "parameters": tool.get("parameters") or {},
    }


def _without_answers(detection: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a turn detection what is about responses (§C.4)."""
    about = {"idle_timeout_ms", "create_response", "interrupt_response"}
    return {key: value for key, value in detection.items() if key not in about}


def _given(patch: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in patch.items() if value is not None}


def _base(language: str) -> str:
    return language.lower().replace("_", "-").split("-")[0]
