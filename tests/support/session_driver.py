"""Drives one session as a transport does, and validates every event it sends with the SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from config import LimitsConfig, LLMConfig, Settings, STTConfig, TTSConfig, VADConfig
from flow.steps import at_once
from realtime_session import RealtimeSession
from session.decisions import Decision, SpeechPersisted, SpeechStarted, SpeechStopped
from session.effects import Effect, Generate, HearAgain, OutputAudio, Send
from session.floor import LONG_MS
from session.mcp import McpServer, no_servers
from session.ports import Capabilities, FinishReason, ResponseRequest, TokenUsage, Transcript
from session.reports import (
    AudioMade,
    ClauseSpoken,
    Report,
    ResponseFinished,
    TextMade,
    ToolCallMade,
    TurnUnderstood,
)
from session.session_config import SessionConfig
from tests.support.inside import Inside
from tests.support.strict_reader import Event, Names, check_event, normalise
from wire.dialect import GADialect
from wire.envelope import error_event
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio, EventReader
from wire.media import Media
from wire.response_events import OutputAudioDelta
from wire.session_fields import SessionKind
from wire.text_frames import frame

MAX_EVENT_LENGTH = LimitsConfig().event_kib * 1024
NOW = 1_700_000_000.5
BYTES_PER_MS = 48
USER_TEXT = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "hi"}],
}


def settings(**groups: Any) -> Settings:
    """Return the defaults of config.py, independent of the environment."""
    defaults = {"vad": VADConfig(), "stt": STTConfig(), "llm": LLMConfig(), "tts": TTSConfig()}
    return Settings.model_construct(**{**defaults, **groups})


def session_config(
    capabilities: Capabilities | None = None,
    kind: SessionKind = "realtime",
    media: Media = Media.EVENTS,
    check_server: Callable[[McpServer], None] = no_servers,
    **groups: Any,
) -> SessionConfig:
    return SessionConfig(
        settings(**groups),
        capabilities or Capabilities(),
        session_id="sess_1",
        model="gpt-realtime",
        now=NOW,
        kind=kind,
        media=media,
        check_server=check_server,
    )


def pcm(ms: float, value: int = 1) -> bytes:
    """`ms` milliseconds of 24 kHz PCM that is not silence."""
    return value.to_bytes(2, "little", signed=True) * round(ms * 24)


def written(event: Event) -> Event:
    """The event as a client reads it."""
    if event["type"] != "conversation.item.retrieved":
        return event
    text = frame(event)
    if isinstance(text, str):
        return event
    read: Event = json.loads(at_once(text.write()))
    return read


def sent(effects: list[Effect]) -> list[Event]:
    """The events among effects, as a client reads them."""
    return [written(effect.event.wire()) for effect in effects if isinstance(effect, Send)]


def encoded(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def on_a_socket(effects: list[Effect]) -> list[Effect]:
    """The same effects for a client that has audio played to it by events, as on a WebSocket."""
    return [
        Send(
            OutputAudioDelta(
                response_id=effect.response_id,
                item_id=effect.item_id,
                output_index=effect.output_index,
                content_index=effect.content_index,
                delta=encoded(effect.audio),
            )
        )
        if isinstance(effect, OutputAudio)
        else effect
        for effect in effects
    ]


class Driver:
    """A session whose client, transport, detector, recogniser and pipeline are the test."""

    def __init__(self, config: SessionConfig | None = None) -> None:
        self.session = RealtimeSession(config or session_config())
        self.inside = Inside(self.session)
        self._reader = EventReader(GADialect(self.inside.config.kind), MAX_EVENT_LENGTH)
        self.effects: list[Effect] = []
        self.names = Names()
        self.perform(self.session.open())

    # --- what happens ---

    def perform(self, effects: list[Effect]) -> list[Event]:
        """Record effects as the transport would perform them; return the events among them."""
        effects = on_a_socket(effects)
        self.effects += effects
        events = sent(effects)
        for event in events:
            check_event(event)
        return events

    def raw(self, frame: str) -> list[Event]:
        """Send a text frame."""
        came = at_once(self._reader.read(frame))
        if isinstance(came, ProtocolError):
            return self.perform([Send(error_event(came))])
        if not isinstance(came, AppendedAudio):
            effects = at_once(self.session.take(came))
            events = self.perform(effects)
            for effect in effects:
                if isinstance(effect, HearAgain):
                    events += self.write(bytes(effect.audio))
            return events
        refused = self.session.refuse_append(len(came.audio), came.event_id)
        if refused:
            return self.perform(refused)
        return self.write(came.audio)

    def write(self, audio: bytes) -> list[Event]:
        """Write audio as the transport does, in slices."""
        events: list[Event] = []
        for start in range(0, len(audio), 100 * BYTES_PER_MS):
            more, _ = self.session.append(audio[start : start + 100 * BYTES_PER_MS])
            events += self.perform(more)
        return events

    def send(self, type_: str, **fields: Any) -> list[Event]:
        return self.raw(json.dumps({"type": type_, **fields}))

    def update(self, **session: Any) -> list[Event]:
        return self.send("session.update", session={"type": "realtime", **session})

    def turn_detection(self, **changed: Any) -> list[Event]:
        return self.update(
            audio={"input": {"turn_detection": {"type": "server_vad", **changed}}},
        )

    def manual(self) -> list[Event]:
        return self.update(audio={"input": {"turn_detection": None}})

    def transcribe(self) -> list[Event]:
        return self.update(audio={"input": {"transcription": {"model": "whisper-1"}}})

    def append(self, ms: float) -> list[Event]:
        return self.send("input_audio_buffer.append", audio=encoded(pcm(ms)))

    def say(self, text: str, **fields: Any) -> list[Event]:
        """Create a user message."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        return self.send("conversation.item.create", item=item)

    def respond(self, **response: Any) -> list[Event]:
        return self.send("response.create", response=response)

    def speak(self, start_ms: int = 0, end_ms: int = 960) -> list[Event]:
        """A whole detected turn: audio, onset, more audio, offset."""
        written = self.inside.buffer.written_ms
        events = self.append(start_ms + 96 - written)
        events += self.decided(SpeechStarted(start_ms))
        events += self.append(end_ms - start_ms - 96)
        return events + self.decided(SpeechStopped(end_ms))

    def decided(self, decision: Decision) -> list[Event]:
        """Pass a decision of the detector to the session."""
        return self.perform(self.session.heard(decision))

    def interrupts(self, onset_ms: int) -> list[Event]:
        """Speech begins and goes on, which takes the floor from an answer that sounds."""
        events = self.decided(SpeechStarted(onset_ms))
        at_ms = onset_ms + LONG_MS
        return events + self.decided(SpeechPersisted(at_ms, LONG_MS, -20.0, 0.99))

    def report(self, report: Report) -> list[Event]:
        """Pass a report of the recogniser or of a response's pipeline to the session."""
        return self.perform(self.session.report(report))

    def heard(self, item_id: str, text: str) -> list[Event]:
        """Let the recogniser report an item's transcript."""
        return self.report(TurnUnderstood(item_id, Transcript(text)))

    def text(self, delta: str, response_id: str | None = None) -> list[Event]:
        return self.report(TextMade(response_id or self.running, delta))

    def speaking(self, text: str, response_id: str | None = None) -> None:
        self.report(ClauseSpoken(response_id or self.running, text))

    def audio(self, ms: float, response_id: str | None = None) -> list[Event]:
        return self.report(AudioMade(response_id or self.running, pcm(ms)))

    def call(
        self, arguments: str, index: int = 0, call_id: str = "call_a", name: str = "get_weather"
    ) -> list[Event]:
        return self.report(ToolCallMade(self.running, index, call_id, name, arguments))

    def finish(
        self,
        reason: FinishReason = "stop",
        usage: TokenUsage | None = None,
        response_id: str | None = None,
    ) -> list[Event]:
        return self.report(ResponseFinished(response_id or self.running, reason, usage))

    def answer(self, text: str = "Hello there.", ms: float = 1000) -> str:
        """Let the response in progress speak and finish; return its item's id."""
        events = self.text(text) + self.audio(ms) + self.finish()
        return str(of(events, "response.output_item.done")[0]["item"]["id"])

    # --- what there is ---

    def is_active(self, response_id: str) -> bool:
        """Whether a response is in progress: its `response.done` is to come."""
        return self.inside.responses._open.with_uncounted(response_id) is not None

    @property
    def requests(self) -> list[ResponseRequest]:
        """Responses that generation was asked for."""
        return [effect.request for effect in self.effects if isinstance(effect, Generate)]

    @property
    def running(self) -> str:
        """The response that was started last."""
        return self.requests[-1].response_id

    @property
    def events(self) -> list[Event]:
        """Everything that was sent, in order."""
        return sent(self.effects)

    def named(self, events: list[Event]) -> list[Event]:
        """`normalise`, with one set of names for the whole session."""
        return normalise(events, self.names)

    def kind(self, wanted: type[Any]) -> list[Any]:
        """All effects of a kind so far."""
        return [effect for effect in self.effects if isinstance(effect, wanted)]

    def items(self) -> list[str]:
        """Ids of the conversation, in order."""
        return [item.id for item in self.inside.conversation]

    def state(self) -> Any:
        """All state that an event can change, for comparison."""
        turns = self.inside.buffer
        return (
            self.inside.config.wire(),
            [item.wire(with_audio=True) for item in self.inside.conversation],
            [item.text for item in self.inside.conversation],
            (turns.open, turns.written_ms),
            len(self.effects) - len(self.events),
        )


def types(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def of(events: list[Event], type_: str) -> list[Event]:
    return [event for event in events if event["type"] == type_]
