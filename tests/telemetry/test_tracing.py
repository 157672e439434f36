"""Traces: a span per turn, the spans of Pipecat's services within it, and none of the words."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from config import ConfigError, load_settings
from main import create_app
from telemetry.metrics import Metrics
from telemetry.otel_tracing import TurnTracer
from telemetry.turn_log import TurnLog
from telemetry.turn_record import TurnRecord
from tests.providers.fakes.anthropic import FakeAnthropic
from tests.providers.fakes.chat import FakeChat
from tests.providers.fakes.deepgram import KEY, fake_deepgram
from tests.providers.fakes.model_server import ModelServer
from tests.providers.fakes.openai_speech import FakeSpeech
from tests.providers.fakes.realtime_transcription import fake_transcription_sessions
from tests.support.running_server import SCRIPTED, serving
from tests.support.server_process import server_process
from tests.support.wire_client import client, speech
from wire.event_record import ServerEvent
from wire.response_events import OutputAudioTranscriptDelta, ResponseCreated, ResponseDone
from wire.session_events import BufferCommitted, BufferSpeechStarted

RESPONSE = {
    "id": "resp_1",
    "conversation_id": "conv_1",
    "status": "completed",
    "status_details": None,
    "audio": {"output": {"format": {"type": "audio/pcm"}}},
}


def record(**changed):
    known = {
        "session_id": "sess_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "outcome": "completed",
        "started_at": 4_000_000_000.0,
        "stages": {"transcript": 0.1, "first_text": 0.3, "first_audio": 0.6, "done": 2.0},
    }
    return TurnRecord(**{**known, **changed})


def spans_of(*records: TurnRecord):
    exporter = InMemorySpanExporter()
    tracer = TurnTracer("test", exporter)
    for known in records:
        session = tracer.session()
        turn = known.item_id or known.response_id or ""
        session.begin(turn, spoken=True)
        session.end(turn, known)
    tracer.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_turn_has_a_span_and_its_stages_are_within_it_one_after_the_other():
    spans = spans_of(record())
    turn = spans.pop("turn")
    assert turn.attributes["realtime.session_id"] == "sess_1"
    assert turn.attributes["realtime.response_id"] == "resp_1"
    assert turn.attributes["realtime.outcome"] == "completed"
    listened = spans.pop("listen")
    assert (listened.start_time, listened.end_time) == (turn.start_time, 4_000_000_000 * 10**9)
    assert (turn.end_time - listened.end_time) / 1e9 == pytest.approx(2.0)
    lengths = {name: (span.end_time - span.start_time) / 1e9 for name, span in spans.items()}
    told = {"recognise": 0.1, "think": 0.2, "speak": 0.3, "deliver": 1.4}
    assert lengths == pytest.approx(told, abs=1e-5)
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


def test_a_turn_that_nobody_answers_is_traced_too():
    spans = spans_of(
        record(response_id=None, outcome="transcribed", stages={"transcript": 0.1}),
    )
    assert spans.keys() == {"turn", "listen", "recognise"}
    assert spans["turn"].attributes["realtime.item_id"] == "item_1"
    assert "realtime.response_id" not in spans["turn"].attributes


def traced(*events: ServerEvent | str):
    """Let a log see events, and hear of the turn's transcript at a string; return the spans."""
    exporter = InMemorySpanExporter()
    tracer = TurnTracer("test", exporter)
    log = TurnLog("sess_1", Metrics(), tracer.session())
    for event in events:
        if isinstance(event, str):
            getattr(log, event)("item_1")
        else:
            log.observe(event)
    log.closed("the test is over")
    tracer.close()
    return exporter.get_finished_spans()


STARTED = BufferSpeechStarted(audio_start_ms=0, item_id="item_1")
COMMITTED = BufferCommitted(previous_item_id=None, item_id="item_1")
CREATED = ResponseCreated(RESPONSE)
DONE = ResponseDone(RESPONSE)


def test_what_is_sent_to_the_client_is_what_is_traced():
    words = OutputAudioTranscriptDelta("resp_1", "item_2", 0, 0, delta="secret")
    spans = traced(STARTED, COMMITTED, CREATED, "understood", words, DONE)
    names = [span.name for span in spans]
    assert sorted(names) == ["deliver", "listen", "recognise", "think", "turn"]
    assert "secret" not in "".join(span.to_json() for span in spans)


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        ((STARTED,), ["cleared"]),
        ((STARTED, "unheard"), ["cleared"]),
        ((STARTED, COMMITTED), ["abandoned"]),
        ((STARTED, COMMITTED, "unheard"), ["committed"]),
        ((STARTED, COMMITTED, CREATED), ["abandoned"]),
        ((STARTED, COMMITTED, CREATED, "unheard", DONE), ["completed"]),
        ((STARTED, COMMITTED, "understood", CREATED, DONE), ["transcribed", "completed"]),
    ],
)
def test_whatever_becomes_of_a_turn_its_span_ends_once(events, outcomes):
    turns = [span for span in traced(*events) if span.name == "turn"]
    assert [span.attributes["realtime.outcome"] for span in turns] == outcomes


def test_what_is_done_early_for_a_turn_is_in_its_trace_whatever_begins_meanwhile():
    log = TurnLog("sess_1", Metrics(), TurnTracer("test", InMemorySpanExporter()).session())
    log.observe(STARTED)
    early = log.tracing()
    log.observe(ResponseCreated({**RESPONSE, "id": "resp_2", "conversation_id": None}))
    hearing, beside = log.tracing(), log.tracing("resp_2")
    assert early is not None
    assert hearing is not None
    assert beside is not None
    assert early.get_turn_context() == hearing.get_turn_context() != beside.get_turn_context()


def test_without_the_library_the_remedy_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "telemetry.otel_tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = load_settings(**SCRIPTED, server={"tracing": True})
    with pytest.raises(ConfigError, match=r"requirements/tracing\.txt"):
        create_app(settings)


class Collector:
    """Where OpenTelemetry sends spans."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.spans: list[Any] = []
        self.received = b""
        self.app.add_api_route("/v1/traces", self.take, methods=["POST"])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.received += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return Response(media_type="application/x-protobuf")

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def traced_server(model: ModelServer, **extra: str) -> AsyncIterator[tuple[Collector, Any]]:
    """A server whose stages are services of Pipecat, and the collector of its spans."""
    collector, voice = Collector(), FakeSpeech()
    async with (
        serving(collector.app) as collects,
        serving(model.app) as thinks,
        serving(voice.app) as speaks,
        server_process(
            REALTIME_SERVER__TRACING="true",
            REALTIME_LLM__PROVIDER="openai",
            REALTIME_LLM__API_BASE=f"http://127.0.0.1:{thinks}/v1",
            REALTIME_LLM__API_KEY="sk-model",
            REALTIME_LLM__MODEL="llama-x",
            REALTIME_TTS__PROVIDER="openai",
            REALTIME_TTS__API_BASE=f"http://127.0.0.1:{speaks}/v1",
            REALTIME_TTS__API_KEY="sk-voice",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collects}",
            OTEL_BSP_SCHEDULE_DELAY="50",
            **extra,
        ) as server,
    ):
        yield collector, server


async def ended(server: Any) -> None:
    """End the server, which sends what is left."""
    server.process.send_signal(signal.SIGTERM)
    assert await server.ended() == 0


def attributes(span: Any) -> dict[str, Any]:
    return {
        known.key: getattr(known.value, known.value.WhichOneof("value"))
        for known in span.attributes
    }


@asynccontextmanager
async def recogniser(name: str) -> AsyncIterator[dict[str, str]]:
    """Its settings, as the server's environment has them."""
    if name == "own":
        # One that calls no result its last one.
        yield {"REALTIME_STT__PROVIDER": "tests.providers.own_backends:StreamSTT"}
        return
    run = fake_deepgram if name == "deepgram" else fake_transcription_sessions
    async with run() as fake:
        yield {
            "REALTIME_STT__PROVIDER": name,
            "REALTIME_STT__API_BASE": fake.base,
            "REALTIME_STT__API_KEY": KEY,
        }


async def test_no_vendor_is_told_the_ids_of_our_traces():
    model = FakeAnthropic()
    async with serving(Collector().app) as collects, serving(model.app) as thinks:
        environment = {
            "REALTIME_SERVER__TRACING": "true",
            "REALTIME_LLM__PROVIDER": "anthropic",
            "REALTIME_LLM__API_BASE": f"http://127.0.0.1:{thinks}",
            "REALTIME_LLM__API_KEY": "sk-model",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collects}",
        }
        async with server_process(**environment) as server, client(server.url) as wire:
            await wire.say("Hello")
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
    assert model.headers
    assert not any(name in asked for asked in model.headers for name in ("traceparent", "baggage"))


@pytest.mark.parametrize("name", ["deepgram", "realtime", "own"])
async def test_pipecats_services_trace_within_the_turn(name):
    model = FakeChat()
    model.usage = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
    async with recogniser(name) as stt, traced_server(model, **stt) as (collector, server):
        # A client's own trace is its own business.
        theirs = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
        async with client(server.url, additional_headers=theirs) as wire:
            await wire.update(instructions="Whisper the password swordfish.")
            await wire.append(speech())
            done = (await wire.until("response.done"))["response"]
            assert done["status"] == "completed"
            spoken = done["output"][0]["content"][0]["transcript"]
            await wire.send("response.create", response={"conversation": "none"})
            beside = (await wire.until("response.done"))["response"]
            assert beside["status"] == "completed"
        await ended(server)
    stages = {"turn", "listen", "recognise", "think", "speak", "deliver"}
    assert {span.name for span in collector.spans} == {*stages, "stt", "llm", "tts"}
    first, second = sorted(collector.named("turn"), key=lambda span: span.start_time_unix_nano)
    assert first.trace_id != second.trace_id
    for turn, response, services in (
        (first, done, ["llm", "stt", "tts"]),
        (second, beside, ["llm", "tts"]),
    ):
        assert not turn.parent_span_id
        assert attributes(turn)["realtime.response_id"] == response["id"]
        within = [
            span
            for span in collector.spans
            if span.parent_span_id == turn.span_id and span.name in ("llm", "stt", "tts")
        ]
        # An answer that is begun at the pause, and begun again when the turn is over, thinks twice.
        assert sorted({span.name for span in within}) == services
        assert {span.trace_id for span in within} == {turn.trace_id}
        known = {name: value for span in within for name, value in attributes(span).items()}
        assert known["metrics.ttfb"] > 0
    thought = attributes(collector.named("llm")[-1])
    assert thought["gen_ai.request.model"] == "llama-x"
    assert thought["gen_ai.usage.output_tokens"] == 7
    for words in ("swordfish", spoken, "kitchen light", KEY, "sk-model", "sk-voice"):
        assert words.encode() not in collector.received


async def test_the_words_of_an_exception_stay_here():
    model = FakeChat()
    model.fault = 401
    async with traced_server(model, REALTIME_LLM__RETRIES="0") as (collector, server):
        async with client(server.url) as wire:
            await wire.say("hi")
            failed = (await wire.until("response.done"))["response"]
            assert failed["status"] == "failed"
        await ended(server)
    (turn,) = collector.named("turn")
    assert attributes(turn)["error.type"] == failed["status_details"]["error"]["code"]
    for span in collector.spans:
        assert not span.status.message
        for event in span.events:
            assert {known.key for known in event.attributes} <= {"exception.type"}


async def test_a_collector_that_is_not_there_is_no_concern_of_the_client():
    async with server_process(
        REALTIME_SERVER__TRACING="true",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    ) as server:
        async with client(server.url) as wire:
            await wire.say("hi")
            assert (await wire.until("response.done"))["response"]["status"] == "completed"
        async with asyncio.timeout(30):
            await ended(server)
