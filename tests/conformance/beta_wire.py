"""The strict reader of the beta wire, and a beta client that drives one session with it."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.beta.realtime import RealtimeServerEvent
from openai.types.beta.realtime.transcription_session import TranscriptionSession
from pydantic import BaseModel

from config import VADConfig
from realtime_session import RealtimeSession
from session.effects import Effect, Send
from session.ports import Capabilities
from session.session_config import SessionConfig
from tests.support.inside import Inside
from tests.support.session_driver import (
    MAX_EVENT_LENGTH,
    NOW,
    Driver,
    on_a_socket,
    settings,
    written,
)
from tests.support.strict_reader import Event, Names, no_unknown_fields
from wire.beta_writing import BetaDialect
from wire.incoming import EventReader
from wire.session_fields import SessionKind

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
ASSISTANT = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "hey"}]}
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": None,
    "parameters": {},
}
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": VADConfig().silence_duration_ms,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
NAMED = "conversation.item.input_audio_transcription"


def _published() -> dict[str, type[BaseModel]]:
    models = get_args(get_args(RealtimeServerEvent)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


PUBLISHED = _published()
"""Event type → the SDK's beta model of it."""

# What the captured frames have and the SDK's types lack (protocol §C.3, B.16).
CAPTURED = {
    "Session": {
        "object",
        "expires_at",
        "truncation",
        "prompt",
        "client_secret",
        "include",
    },
    "TranscriptionSession": {
        "id",
        "object",
        "expires_at",
        "input_audio_noise_reduction",
        "include",
    },
    "TurnDetection": {"idle_timeout_ms"},
    "InputTokenDetails": {"cached_tokens_details"},
    "ResponseFunctionCallArgumentsDoneEvent": {"name"},
}
TIMEOUT = "input_audio_buffer.timeout_triggered"
"""The one event that no SDK type describes; it is the answer to `idle_timeout_ms`."""


def check_beta_event(event: Event) -> None:
    """Raise unless `event` is exactly what a client of the SDK's beta may be sent.

    As strict as `strict_reader.check_event`: published type, required fields, JSON types without
    coercion, nothing unknown.
    """
    type_ = event["type"]
    assert list(event)[:2] == ["type", "event_id"], f"{type_} starts with {list(event)[:2]}"
    assert "obfuscation" not in event
    if type_ == TIMEOUT:
        return
    if type_.startswith("transcription_session."):
        # The SDK's type is that of the REST answer, where there always is a key (§C.3).
        secret = event["session"]["client_secret"] or {"value": "ek_", "expires_at": 0}
        session = {**event["session"], "client_secret": secret}
        _check(TranscriptionSession, session, type_)
        return
    assert type_ in PUBLISHED, f"{type_} is no published beta event type"
    _check(PUBLISHED[type_], event, type_)
    items = [event["item"]] if "item" in event else event.get("response", {}).get("output", [])
    for item in items:
        assert list(item)[:2] == ["id", "object"] and item["object"] == "realtime.item"
        assert None not in item.values(), f"{type_}: an item with a null"


def _check(model: type[BaseModel], value: Any, path: str) -> None:
    parsed = model.model_validate_json(json.dumps(value, allow_nan=False), strict=True)
    no_unknown_fields(parsed, path, CAPTURED)


class BetaDriver(Driver):
    """`tests.support.session_driver.Driver` for a client that speaks beta.

    What it sends and what it is shown passes the dialect, as in the transport.
    """

    def __init__(
        self, kind: SessionKind = "realtime", capabilities: Capabilities | None = None
    ) -> None:
        config = SessionConfig(
            settings(),
            capabilities or Capabilities(),
            session_id="sess_1",
            model="gpt-realtime" if kind == "realtime" else "",
            now=NOW,
            kind=kind,
        )
        self.dialect = BetaDialect(kind)
        self.session = RealtimeSession(config)
        self.inside = Inside(self.session)
        self._reader = EventReader(self.dialect, MAX_EVENT_LENGTH)
        self.effects: list[Effect] = []
        self.rendered: list[Event] = []
        self.names = Names()
        self.perform(self.session.open())

    def perform(self, effects: list[Effect]) -> list[Event]:
        effects = on_a_socket(effects)
        self.effects += effects
        events = [
            written(event)
            for effect in effects
            if isinstance(effect, Send)
            for event in self.dialect.render(effect.event)
        ]
        for event in events:
            check_beta_event(event)
        self.rendered += events
        return events

    @property
    def events(self) -> list[Event]:
        return self.rendered

    def update(self, **session: Any) -> list[Event]:
        return self.send("session.update", session=session)

    def transcription_update(self, **session: Any) -> list[Event]:
        return self.send("transcription_session.update", session=session)
