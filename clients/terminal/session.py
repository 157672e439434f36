"""Builds the session configuration to ask for, and reads the one that the server reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from openai.types.realtime.realtime_audio_config_input_param import RealtimeAudioConfigInputParam
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)
from openai.types.realtime.realtime_tools_config_param import RealtimeToolsConfigParam

from clients.terminal.view import SessionInfo

TRANSCRIPTION_MODEL = "whisper-1"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The user's settings of every session; None leaves one to the server."""

    voice: str | None = None
    instructions: str | None = None
    tools: Sequence[dict[str, Any]] | None = None


def wanted_session(
    wishes: Wishes, spoken: bool, hands_free: bool
) -> RealtimeSessionCreateRequestParam:
    """Build the session to ask for; answers are text unless `spoken`."""
    session: RealtimeSessionCreateRequestParam = {
        "type": "realtime",
        "output_modalities": ["audio" if spoken else "text"],
        "audio": {
            "input": wanted_input(hands_free),
            "output": {"voice": wishes.voice} if wishes.voice else {},
        },
    }
    if wishes.instructions is not None:
        session["instructions"] = wishes.instructions
    if wishes.tools is not None:
        session["tools"] = cast(RealtimeToolsConfigParam, wishes.tools)
    return session


def wanted_input(hands_free: bool) -> RealtimeAudioConfigInputParam:
    """Build the input part of a session: turn detection if hands-free, else none."""
    return {
        "turn_detection": {"type": "server_vad"} if hands_free else None,
        "transcription": {"model": TRANSCRIPTION_MODEL},
    }


def session_info(session: Any) -> SessionInfo:
    """Read the session's identity; the SDK types it as a request, which has no id."""
    output = getattr(getattr(session, "audio", None), "output", None)
    said = (getattr(session, "id", None), getattr(session, "model", None))
    told = [str(value or "?") for value in (*said, getattr(output, "voice", None))]
    return SessionInfo(*told)


def pause_ms(session: Any) -> float:
    """Return the silence in ms by which the server detects the end of speech."""
    audio_input = getattr(getattr(session, "audio", None), "input", None)
    detection = getattr(audio_input, "turn_detection", None)
    return getattr(detection, "silence_duration_ms", None) or 0.0
