"""The session without its wire, under fire: whatever it is sent, it applies or refuses."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from realtime_session import RealtimeSession
from session.effects import Effect, Generate, Send, Transcribe
from session.ports import Capabilities
from session.session_config import SessionConfig
from tests.conformance.beta_wire import check_beta_event
from tests.hostile.messages import Hostility, Message
from tests.hostile.recordings import record
from tests.support.inside import Inside
from tests.support.running_server import running
from tests.support.session_driver import (
    MAX_EVENT_LENGTH,
    NOW,
    Driver,
    of,
    on_a_socket,
    settings,
    types,
)
from tests.support.strict_reader import Event, check_event
from wire.beta_writing import BetaDialect
from wire.client_events import CLIENT_EVENTS
from wire.dialect import Dialect, GADialect
from wire.envelope import serialize
from wire.incoming import EventReader
from wire.session_fields import SessionKind

MESSAGES = 3000
"""Per dialect and way of making them."""
BURST = 250

UPDATES: dict[str, Any] = {
    "realtime": {
        "type": "realtime",
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "truncation": "auto",
    },
    "beta": {"instructions": "", "tools": [], "tool_choice": "auto"},
    "transcription": {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "whisper-1"},
                "turn_detection": None,
            }
        },
    },
}
"""Dialect → what undoes whatever was set."""


BETA: list[Message] = [
    {
        "type": "session.update",
        "session": {
            "modalities": ["audio", "text"],
            "instructions": "Be brief.",
            "voice": "alloy",
            "input_audio_format": "pcm16",
            "output_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
            "tool_choice": "auto",
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
        },
    },
    {
        "type": "response.create",
        "response": {"modalities": ["text"], "conversation": "none", "temperature": 0.7},
    },
]
"""What only clients of that dialect write."""


@pytest.fixture(scope="module")
def recorded() -> list[Message]:
    async def hold() -> list[Message]:
        async with running() as server:
            return await record(server.url)

    return asyncio.run(hold())


class Target(Driver):
    """A session whose client speaks one dialect, and is read as strictly as that one demands."""

    def __init__(self, dialect: str) -> None:
        self.name = dialect
        kind: SessionKind = "transcription" if dialect == "transcription" else "realtime"
        self.dialect: Dialect = BetaDialect(kind) if dialect == "beta" else GADialect(kind)
        self._check = check_beta_event if dialect == "beta" else check_event
        config = SessionConfig(
            settings(),
            Capabilities(images=True),
            session_id="sess_1",
            model="gpt-realtime",
            now=NOW,
            kind=kind,
        )
        self.session = RealtimeSession(config)
        self.inside = Inside(self.session)
        self._reader = EventReader(self.dialect, MAX_EVENT_LENGTH)
        self.effects = []
        self.perform(self.session.open())

    def perform(self, effects: list[Effect]) -> list[Event]:
        """Take effects; what the client would read of them must be right, and fit into a frame."""
        effects = on_a_socket(effects)
        self.effects += effects
        events = [effect.event for effect in effects if isinstance(effect, Send)]
        for event in events:
            for written in self.dialect.render(event):
                serialize(written).encode()
                self._check(written)
        return [event.wire() for event in events]

    def fire(self, frame: str) -> None:
        """Send a frame: it is applied, or refused as a whole by one error."""
        before = self.state()
        events = self.raw(frame)
        if "error" in types(events):
            assert len(events) == 1, types(events)
            assert self.state() == before, "a refused message was applied"
        if len(self.items()) > 20:
            self.calm()

    def calm(self) -> None:
        """Let the pipelines end what they are at, and forget the conversation."""
        for effect in list(self.effects):
            match effect:
                case Transcribe(item_id=item_id):
                    self.heard(item_id, "Yes.")
        for effect in list(self.effects):
            match effect:
                case Generate(request):
                    self.text("Well.", request.response_id)
                    self.finish(response_id=request.response_id)
        assert not self.inside.responses.running
        for item_id in self.items():
            self.send("conversation.item.delete", item_id=item_id)
        self.effects.clear()

    def hold_a_turn(self) -> None:
        """Whatever happened, the next turn goes as ever."""
        self.calm()
        assert types(self.send("session.update", session=UPDATES[self.name])) == ["session.updated"]
        if self.name == "transcription":
            self.send("input_audio_buffer.clear")
            self.append(200)
            (item,) = of(self.send("input_audio_buffer.commit"), "input_audio_buffer.committed")
            events = self.heard(item["item_id"], "Yes.")
            assert types(events)[-1] == "conversation.item.input_audio_transcription.completed"
            return
        assert types(self.say("hi")) == ["conversation.item.added", "conversation.item.done"]
        assert types(self.respond()) == ["response.created"]
        self.text("Hello.")
        (done,) = of(self.finish(), "response.done")
        assert done["response"]["status"] == "completed"


@pytest.mark.parametrize("dialect", UPDATES)
def test_no_mutation_of_a_good_session_breaks_one(dialect: str, recorded: list[Message]) -> None:
    recorded = [*recorded, *BETA] if dialect == "beta" else recorded
    for seed in range(MESSAGES // BURST):
        target = Target(dialect)
        for frame in Hostility(seed, recorded, ids=["item_of_another"]).frames(BURST):
            if frame.text is not None:
                target.fire(frame.text)
        target.hold_a_turn()


FIELDS = ["event_id", "session", "item", "item_id", "previous_item_id", "response", "response_id"]
FIELDS += ["audio", "content_index", "audio_end_ms"]
INNER = ["type", "id", "role", "content", "text", "transcript", "image_url", "call_id", "name"]
INNER += ["arguments", "output", "input", "format", "rate", "turn_detection", "transcription"]
INNER += ["tools", "tool_choice", "parameters", "metadata", "conversation", "modalities", "voice"]
KEYS = st.sampled_from([*FIELDS, *INNER])
WORDS = st.text() | st.sampled_from(
    ["realtime", "message", "user", "input_text", "input_audio", "function_call", "server_vad"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([*CLIENT_EVENTS, "transcription_session.update"])},
    optional=dict.fromkeys(FIELDS, VALUES),
)
FRAMES = st.text() | VALUES.map(json.dumps) | EVENTS.map(json.dumps)


@pytest.mark.parametrize("dialect", UPDATES)
def test_nothing_that_looks_like_an_event_breaks_one(dialect: str) -> None:
    target = Target(dialect)

    @given(st.lists(FRAMES, min_size=10, max_size=20))
    @hypothesis_settings(deadline=None, derandomize=True, max_examples=15)
    def run(frames: list[str]) -> None:
        for frame in frames:
            target.fire(frame)
        target.hold_a_turn()

    run()


def test_what_was_refused_is_forgotten(recorded: list[Message]) -> None:
    """Memory after many messages is that after a few: sessions are over, nothing is kept."""

    def sessions(count: int) -> None:
        for seed in range(count):
            target = Target("realtime")
            for frame in Hostility(seed, recorded).frames(100):
                if frame.text is not None:
                    target.fire(frame.text)

    tracemalloc.start()
    try:
        sessions(2)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        sessions(4)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 200_000
