"""Session objects, updated as on the wire but without a session around them (§A.1, C)."""

from __future__ import annotations

import json
from typing import Any

from config import LLMConfig, VADConfig
from session.ports import Capabilities
from session.session_config import SessionConfig
from tests.support.session_driver import session_config
from wire.client_events import UpdateSession
from wire.reading import parse_client_event

SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def config(capabilities: Capabilities | None = None, **groups: Any) -> SessionConfig:
    return session_config(
        capabilities,
        **{
            "vad": VADConfig(silence_duration_ms=200),
            "llm": LLMConfig(default_instructions="Be kind."),
            **groups,
        },
    )


def apply(target: SessionConfig, *, locked: bool = False, **session: Any) -> dict[str, Any]:
    """Update, through the parser as on the wire; return the whole session."""
    event = {"type": "session.update", "session": {"type": "realtime", **session}}
    parsed = parse_client_event(json.dumps(event))
    assert isinstance(parsed, UpdateSession)
    target.apply(parsed.session, voice_locked=locked)
    return target.wire()


def audio_input(wire: dict[str, Any]) -> dict[str, Any]:
    inner: dict[str, Any] = wire["audio"]["input"]
    return inner
