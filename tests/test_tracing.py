"""Traces: a span per turn and per stage, with the times they had and none of the words."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from config import ConfigError, load_settings
from main import create_app
from metrics import Metrics
from tests.running_server import SCRIPTED
from tracing import TurnTracer
from turn_log import TurnLog
from turn_record import TurnRecord


def record(**changed):
    known = {
        "session_id": "sess_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "outcome": "completed",
        "started_at": 1000.0,
        "stages": {"transcript": 0.1, "first_text": 0.3, "first_audio": 0.6, "done": 2.0},
    }
    return TurnRecord(**{**known, **changed})


def spans_of(*records: TurnRecord):
    exporter = InMemorySpanExporter()
    tracer = TurnTracer("test", exporter)
    for known in records:
        tracer.trace(known)
    tracer.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_turn_has_a_span_and_its_stages_are_within_it_one_after_the_other():
    spans = spans_of(record())
    turn = spans.pop("turn")
    assert turn.attributes["realtime.session_id"] == "sess_1"
    assert turn.attributes["realtime.response_id"] == "resp_1"
    assert turn.attributes["realtime.outcome"] == "completed"
    assert (turn.end_time - turn.start_time) / 1e9 == pytest.approx(2.0)
    assert turn.start_time == 1000 * 10**9
    lengths = {name: (span.end_time - span.start_time) / 1e9 for name, span in spans.items()}
    assert lengths == pytest.approx({"recognise": 0.1, "think": 0.2, "speak": 0.3, "deliver": 1.4})
    assert all(span.parent.span_id == turn.context.span_id for span in spans.values())


def test_a_failed_turn_is_one_and_says_why():
    turn = spans_of(
        record(outcome="failed", error_code="provider_unreachable", stages={"done": 0.5})
    )["turn"]
    assert turn.status.status_code is StatusCode.ERROR
    assert turn.attributes["error.type"] == "provider_unreachable"


def test_a_transcript_that_comes_last_makes_no_span_end_before_it_begins():
    stages = {"transcript": 0.9, "first_text": 0.3, "done": 2.0}
    assert all(s.end_time >= s.start_time for s in spans_of(record(stages=stages)).values())


def test_what_is_sent_to_the_client_is_what_is_traced():
    exporter = InMemorySpanExporter()
    tracer = TurnTracer("test", exporter)
    log = TurnLog("sess_1", Metrics(), tracer)
    response = {
        "id": "resp_1",
        "conversation_id": "conv_1",
        "status": "completed",
        "status_details": None,
        "audio": {"output": {"format": {"type": "audio/pcm"}}},
    }
    log.observe({"type": "input_audio_buffer.committed", "item_id": "item_1"})
    log.observe({"type": "response.created", "response": response})
    log.understood("item_1")
    delta = {"response_id": "resp_1", "delta": "secret"}
    log.observe({"type": "response.output_audio_transcript.delta", **delta})
    log.observe({"type": "response.done", "response": response})
    tracer.close()
    names = [span.name for span in exporter.get_finished_spans()]
    assert sorted(names) == ["deliver", "recognise", "think", "turn"]
    assert "secret" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_a_turn_that_nobody_answers_is_traced_too():
    spans = spans_of(
        record(response_id=None, outcome="transcribed", stages={"transcript": 0.1}),
    )
    assert spans.keys() == {"turn", "recognise"}
    assert spans["turn"].attributes["realtime.item_id"] == "item_1"
    assert "realtime.response_id" not in spans["turn"].attributes


def test_without_the_library_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = load_settings(**SCRIPTED, server={"tracing": True})
    with pytest.raises(ConfigError, match=r"requirements/tracing\.txt"):
        create_app(settings)
