"""Laws of every update (§A.1): it can be repeated, undone by its echo, and is whole or nothing."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.formats import AudioFormat
from session.ports import Capabilities
from session.session_config import SessionConfig
from session.session_merge import merged
from session.session_settings import (
    InputAudioSettings,
    OutputAudioSettings,
    RealtimeSessionSettings,
    SessionSettings,
    TranscriptionSessionSettings,
)
from session.turn_settings import ServerVad
from tests.support.session_driver import session_config
from wire.client_events import UpdateSession, UpdateTranscription
from wire.dialect import GADialect
from wire.errors import ProtocolError
from wire.session_fields import SessionKind, SessionPatch, TranscriptionPatch

Fields = dict[str, Any]
READ_ONLY = {"object", "id", "expires_at", "model"}
CAN = Capabilities(voices=frozenset({"alloy", "ash"}))


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """Objects that have any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def typed(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Fields]:
    """Objects of a type that have any of these fields."""
    return st.fixed_dictionaries({"type": st.just(name)}, optional=fields)


FLAGS = st.none() | st.booleans()
FORMATS = st.sampled_from(
    [
        *({"type": "audio/pcm", "rate": rate} for rate in (8000, 16000, 24000, 48000)),
        {"type": "audio/pcmu"},
        None,
    ]
)
HEARING = {
    "threshold": st.none() | st.floats(0, 1),
    "prefix_padding_ms": st.none() | st.integers(0, 10_000),
    "silence_duration_ms": st.none() | st.integers(0, 5000),
}
EAGERNESS = st.sampled_from(["low", "medium", "high", "auto", None])
ABOUT_RESPONSES = {"create_response": FLAGS, "interrupt_response": FLAGS}
IDLE = st.none() | st.integers(5000, 30_000)
DETECTIONS = {
    "realtime": typed("server_vad", idle_timeout_ms=IDLE, **HEARING, **ABOUT_RESPONSES)
    | typed("semantic_vad", eagerness=EAGERNESS, **ABOUT_RESPONSES),
    "transcription": typed("server_vad", **HEARING) | typed("semantic_vad", eagerness=EAGERNESS),
}
LANGUAGES = st.sampled_from(["de", "en-US", "EN_gb", "auto", "", None])
TEXTS = st.none() | st.text(max_size=3)
NOISE = {"strength": st.none() | st.floats(0, 1)}
RATIO = {
    "type": "retention_ratio",
    "retention_ratio": 0.5,
    "token_limits": {"post_instructions": 9},
}
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("function"), "name": st.text(max_size=3)},
        optional={"description": TEXTS, "parameters": st.sampled_from([{"type": "object"}, None])},
    ),
    max_size=2,
)


def inputs(kind: SessionKind) -> st.SearchStrategy[Fields]:
    return optional(
        format=FORMATS,
        transcription=st.none() | optional(model=TEXTS, language=LANGUAGES, prompt=TEXTS),
        noise_reduction=st.none() | typed("near_field", **NOISE) | typed("far_field", **NOISE),
        turn_detection=st.none() | DETECTIONS[kind],
    )


REALTIME = typed(
    "realtime",
    instructions=TEXTS,
    output_modalities=st.sampled_from([["audio"], ["text"], None]),
    audio=optional(
        input=inputs("realtime"),
        output=optional(
            format=FORMATS,
            voice=st.sampled_from(["alloy", "ash", None]),
            speed=st.none() | st.floats(0.25, 1.5),
        ),
    ),
    tools=st.none() | TOOLS,
    tool_choice=st.sampled_from(["auto", "none", {"type": "function", "name": "f"}, None]),
    max_output_tokens=st.sampled_from([1, 4096, "inf", None]),
    truncation=st.sampled_from(["auto", "disabled", RATIO, None]),
    reasoning=st.sampled_from([{"effort": "low"}, {"effort": "high"}, {}, None]),
    parallel_tool_calls=FLAGS,
)
TRANSCRIPTION = typed("transcription", audio=optional(input=inputs("transcription")))
KINDS = pytest.mark.parametrize("kind", get_args(SessionKind))


def updates(kind: SessionKind) -> st.SearchStrategy[Fields]:
    return REALTIME if kind == "realtime" else TRANSCRIPTION


def parsed(kind: SessionKind, update: Fields) -> SessionPatch | TranscriptionPatch:
    text = json.dumps({"type": "session.update", "session": update})
    event = GADialect(kind).parse(text)
    assert isinstance(event, UpdateSession | UpdateTranscription)
    return event.session


def session(kind: SessionKind, *made: Fields) -> SessionConfig:
    """A session that has had these updates."""
    target = session_config(CAN, kind=kind)
    for update in made:
        target.apply(parsed(kind, update), voice_locked=False)
    return target


@KINDS
@given(data=st.data())
def test_an_update_made_twice_is_made_once(kind: SessionKind, data: st.DataObject) -> None:
    first, second = data.draw(updates(kind)), data.draw(updates(kind))
    assert session(kind, first, second, second).wire() == session(kind, first, second).wire()


@KINDS
@given(data=st.data())
def test_the_echo_sent_back_makes_the_same_session(kind: SessionKind, data: st.DataObject) -> None:
    made = data.draw(st.lists(updates(kind), max_size=4))
    echo = session(kind, *made).wire()
    update = {name: value for name, value in echo.items() if name not in READ_ONLY}
    # As text: the order of the keys counts too.
    assert json.dumps(session(kind, update).wire()) == json.dumps(echo)


@given(before=REALTIME, update=REALTIME)
def test_a_refused_update_changes_nothing(before: Fields, update: Fields) -> None:
    target = session("realtime", before)
    echo = target.wire()
    audio = update.get("audio", {})
    refused = {**update, "audio": {**audio, "output": {"voice": "nobody"}}}
    with pytest.raises(ProtocolError):
        target.apply(parsed("realtime", refused), voice_locked=False)
    assert target.wire() == echo


VAD = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200)
INPUT = InputAudioSettings(AudioFormat(), VAD)
EITHER: dict[SessionKind, SessionSettings] = {
    "realtime": RealtimeSessionSettings(
        id="sess_1",
        model="m",
        expires_at=1,
        instructions="",
        input=INPUT,
        output=OutputAudioSettings(AudioFormat(), "alloy"),
    ),
    "transcription": TranscriptionSessionSettings("sess_1", 1, INPUT),
}


@KINDS
def test_an_empty_update_changes_nothing(kind: SessionKind) -> None:
    settings = EITHER[kind]
    assert merged(settings, parsed(kind, {"type": kind}), VAD) == settings


@KINDS
def test_no_update_makes_a_session_one_of_the_other_kind(kind: SessionKind) -> None:
    (other,) = set(EITHER) - {kind}
    with pytest.raises(ProtocolError, match=f"to a {kind} session") as caught:
        merged(EITHER[kind], parsed(other, {"type": other}), VAD)
    assert caught.value.param == "session.type"
