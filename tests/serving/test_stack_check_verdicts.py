"""`--check` gives the right verdict for every way in which a provider's service fails.

One stage at a time is a real provider whose service, on loopback, fails; the others are scripted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from config import load_settings
from serving.check_verdicts import table
from serving.stack_check import check
from tests.providers.fakes.azure import fake_azure
from tests.providers.fakes.deepgram import fake_deepgram
from tests.providers.fakes.edge import FakeEdge, redirect
from tests.providers.fakes.elevenlabs import KEY, FakeElevenLabs
from tests.providers.fakes.openai_speech import FakeSpeech
from tests.providers.fakes.realtime_transcription import fake_transcription_sessions
from tests.providers.model_vendors import ANTHROPIC, GOOGLE, OLLAMA, OPENAI, Vendor
from tests.providers.speaking import mute_server
from tests.support.fake_openai import FakeOpenAI
from tests.support.ports import free_port
from tests.support.running_server import SCRIPTED, serving

SHORT_S = 0.5
"""Time-outs where the failure is one: the wait is part of the test."""
LONG_S = 20.0
"""Time-outs that a busy machine does not reach by itself."""
PORT = AbstractAsyncContextManager[int]
WAITED_FOR = {"time-out at connect", "never answers", "time-out in the middle"}
UNREACHED = {"time-out at connect", "never answers", "connection refused"}
IN_THE_MIDDLE = {"time-out in the middle", "cut in the middle"}
"""A recogniser that breaks off has said nothing yet; a model or a voice has."""


class FakeTranscriber:
    """`/v1/audio/transcriptions` that has nothing whole to say."""

    def __init__(self, fail: str) -> None:
        self.app = FastAPI()
        self.app.post("/v1/audio/transcriptions")(self.transcribe)
        self._fail = fail

    async def transcribe(self, request: Request) -> Response:
        if self._fail == "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if self._fail == "page":
            return HTMLResponse("<html>Welcome to nginx!</html>")
        return StreamingResponse(self._pieces(), media_type="application/json")

    async def _pieces(self) -> AsyncIterator[str]:
        yield '{"text": "ha'
        if self._fail == "cut":
            raise ConnectionResetError("cut in the middle")
        await asyncio.Event().wait()


@asynccontextmanager
async def deepgram(_patch: pytest.MonkeyPatch, **behaviour: Any) -> AsyncIterator[int]:
    async with fake_deepgram(reason=f"the fake refuses {KEY}", **behaviour) as fake:
        yield fake.port


@asynccontextmanager
async def realtime(_patch: pytest.MonkeyPatch, **behaviour: Any) -> AsyncIterator[int]:
    async with fake_transcription_sessions(**behaviour) as fake:
        yield fake.port


@asynccontextmanager
async def azure(_patch: pytest.MonkeyPatch, **behaviour: Any) -> AsyncIterator[int]:
    async with fake_azure(**behaviour) as fake:
        yield fake.port


@asynccontextmanager
async def elevenlabs(_patch: pytest.MonkeyPatch, **behaviour: Any) -> AsyncIterator[int]:
    fake = FakeElevenLabs()
    vars(fake).update(behaviour)
    async with fake.running():
        yield fake.port


@asynccontextmanager
async def edge(patch: pytest.MonkeyPatch, **behaviour: Any) -> AsyncIterator[int]:
    fake = FakeEdge()
    vars(fake).update(behaviour)
    async with fake.running(patch):
        yield fake.port


@asynccontextmanager
async def openai_audio(
    _patch: pytest.MonkeyPatch, status: int = 200, hear: str = "", say: Any = None
) -> AsyncIterator[int]:
    """Refuse, or fail at transcribing or speaking."""
    refusing, voice = FakeOpenAI(), FakeSpeech()
    refusing.status, refusing.refusal = status, f"the fake refuses {KEY}"
    voice.fail = say
    app = FakeTranscriber(hear).app if hear else voice.app if say else refusing.app
    async with serving(app) as port:
        yield port


def model(vendor: Vendor) -> Callable[..., PORT]:
    """Return what serves a vendor's model, whose refusals quote the key."""

    @asynccontextmanager
    async def serve(patch: pytest.MonkeyPatch, fault: str | int) -> AsyncIterator[int]:
        fake: Any = vendor.fake()
        fake.fault, refusal = fault, fake.error

        def quoting(status: int) -> Any:
            return json.loads(json.dumps(refusal(status)).replace("refuse", f"{KEY} refuse"))

        patch.setattr(fake, "error", quoting)
        async with serving(fake.app) as port:
            yield port

    return serve


@dataclass(frozen=True)
class Party:
    """A provider of a stage."""

    stage: str
    provider: str
    label: str
    """Model, voice or service, and where: how messages name it."""
    serve: Callable[..., PORT]
    path: str = ""
    """Behind the host in `api_base`."""
    settings: dict[str, Any] = field(default_factory=dict)

    def group(self, scheme: str, port: int, limit_s: float) -> dict[str, Any]:
        """Return the settings of the stage."""
        limits = {"connect_timeout_s": limit_s, "timeout_s": limit_s, "retries": 0}
        group = {"provider": self.provider, **limits, **self.settings}
        if self.provider != "edge":  # which is redirected, and has no key
            group |= {"api_base": f"{scheme}://127.0.0.1:{port}{self.path}", "api_key": KEY}
        return group


def llm(vendor: Vendor) -> Party:
    label, settings = f"{vendor.model} at 127.0.0.1", {"model": vendor.model}
    return Party("LLM", vendor.name, label, model(vendor), vendor.path, settings)


def openai(stage: str, name: str) -> Party:
    label = f"{name} at 127.0.0.1"
    return Party(stage, "openai", label, openai_audio, "/v1", {"model": name})


Failures = dict[str, tuple[dict[str, Any] | str, list[str]]]
"""Failure → how the service behaves (or what is in its place), and what the verdict must say."""


def refusals(**words: str) -> Failures:
    """Refusals told by the HTTP status alone."""
    statuses = {"key": 401, "unknown": 404, "quota": 429, "broken": 500}
    names = {"key": "wrong key", "unknown": "unknown model or voice"}
    return {
        names.get(kind, kind): ({"status": statuses[kind]}, [str(statuses[kind]), said])
        for kind, said in words.items()
    }


def elsewhere(*words: str, scheme: str = "http") -> Failures:
    """Nobody listens, or somebody who does not answer: in TLS where HTTP would be connected."""
    return {
        "connection refused": ("http", list(words)),
        "time-out at connect": (scheme, list(words)),
    }


def model_failures(vendor: Vendor, base: str = "api_base") -> Failures:
    return {
        "wrong key": ({"fault": 401}, [vendor.key]),
        "quota": ({"fault": 429}, ["Try again later", "limits"]),
        "unknown model": ({"fault": 404}, [vendor.unknown_model]),
        "broken": ({"fault": 500}, ["try again later"]),
        **elsewhere(base, scheme="https"),
        "never answers": ({"fault": "hangs"}, [base]),
        "time-out in the middle": ({"fault": "stalls"}, [base]),
        "cut in the middle": ({"fault": "cut"}, [base]),
        "ends in the middle": ({"fault": "ends"}, ["in the middle of the answer", base]),
        "garbage": ({"fault": "garbage"}, ["the answer is no", "api_base"]),
        "a page": ({"fault": "html"}, ["the answer is no", "It works!", "api_base"]),
    }


def few(failures: Failures) -> Failures:
    names = ("wrong key", "unknown model", "connection refused", "garbage", "never answers")
    return {name: failures[name] for name in names}


VOICE = ("voice_id_does_not_exist", "A voice with voice_id x does not exist.")
CASES: list[tuple[Party, Failures]] = [
    (
        Party("STT", "deepgram", "nova-3 at Deepgram (127.0.0.1)", deepgram),
        {
            **refusals(key="stt.api_key", unknown="stt.model", quota="Deepgram", broken="later"),
            "unknown model": ({"status": 400}, ["stt.model"]),
            "no credit": ({"status": 402}, ["credit of the Deepgram project"]),
            **elsewhere("stt.api_base"),
            "never answers": ({"silent": True}, ["no result within 0.5 s", "stt.api_base"]),
            "cut in the middle": ({"cut_after": 16000}, ["stt.api_base"]),
            "garbage": ({"garbage": True}, ["sent garbage", "try again later"]),
        },
    ),
    (
        openai("STT", "whisper-x"),
        {
            **refusals(
                key="REALTIME_STT__API_KEY", unknown="stt.model", quota="limits", broken="later"
            ),
            **elsewhere("stt.api_base", scheme="https"),
            "never answers": ({"hear": "hang"}, ["stt.api_base"]),
            "time-out in the middle": ({"hear": "stall"}, ["stt.api_base"]),
            "cut in the middle": ({"hear": "cut"}, ["stt.api_base"]),
            "garbage": ({"hear": "page"}, ["Welcome to nginx!", "stt.api_base"]),
        },
    ),
    (
        Party("STT", "realtime", "gpt-live-transcribe at 127.0.0.1 (Realtime)", realtime),
        {
            **refusals(
                key="REALTIME_STT__API_KEY", unknown="stt.model", quota="limits", broken="later"
            ),
            "unknown model": (
                {"refuses_update": ("invalid_request_error", "model_not_found")},
                ["model_not_found", "stt.model"],
            ),
            **elsewhere("stt.api_base"),
            "never answers": ({"silent": True}, ["no result within 0.5 s", "stt.api_base"]),
            "cut in the middle": ({"cut_after": 16000}, ["was lost", "stt.api_base"]),
            "garbage": ({"garbage": "<html>"}, ["no message of its protocol", "try again later"]),
        },
    ),
    (
        Party("STT", "azure", "Azure Speech (127.0.0.1)", azure),
        {
            **refusals(key="AZURE_SPEECH_API_KEY", unknown="Check", quota="limits", broken="later"),
            **elsewhere("stt.api_base"),
            "never answers": ({"silent": True}, ["no result within 0.5 s", "stt.api_base"]),
            "cut in the middle": ({"cut_after": 16000}, ["stt.api_base"]),
        },
    ),
    (llm(OPENAI), model_failures(OPENAI, "llm.api_base")),
    (llm(OLLAMA), few(model_failures(OLLAMA, "ollama serve"))),
    (llm(ANTHROPIC), few(model_failures(ANTHROPIC))),
    (llm(GOOGLE), few(model_failures(GOOGLE))),
    (
        Party("TTS", "elevenlabs", "ElevenLabs eleven_flash_v2_5 at 127.0.0.1", elevenlabs),
        {
            "wrong key": (
                {"refusal": (401, {"status": "invalid_api_key", "message": f"What is {KEY}?"})},
                ["401", "Check tts.api_key."],
            ),
            "quota": (
                {"refusal": (429, {"status": "too_many_concurrent_requests", "message": "Many"})},
                ["429", "try again later"],
            ),
            "no credit": ({"error": ("quota_exceeded", "It exceeds your quota.")}, ["credits"]),
            "unknown model or voice": ({"refusal": (404, {})}, ["404", "voice id", "tts.model"]),
            "unknown voice": ({"error": VOICE}, ["voice_id x does not exist", "My Voices"]),
            "broken": ({"refusal": (503, {})}, ["503", "try again later"]),
            **elsewhere("api_base"),
            "never answers": ({"fail": "hang"}, ["api_base"]),
            "time-out in the middle": ({"fail": "hang in the middle"}, ["api_base"]),
            "cut in the middle": ({"fail": "cut"}, ["lost", "api_base"]),
            "garbage": ({"fail": "garbage"}, ["makes no sense", "later"]),
        },
    ),
    (
        Party("TTS", "edge", "Edge TTS", edge, settings={"voice_id": "en-GB-RyanNeural"}),
        {
            **refusals(unknown="edge-tts --list-voices", quota="later", broken="later"),
            "taken for no browser": ({"status": 403}, ["403", "pip install -U edge-tts"]),
            "unknown voice": ({"fail": "no audio"}, ["RyanNeural", "edge-tts --list-voices"]),
            **elsewhere("speech.platform.bing.com"),
            "never answers": ({"fail": "hang"}, ["speech.platform.bing.com"]),
            "time-out in the middle": (
                {"fail": "hang in the middle"},
                ["speech.platform.bing.com"],
            ),
            "cut in the middle": ({"fail": "cut"}, ["cut", "speech.platform.bing.com"]),
            "garbage": ({"fail": "garbage"}, ["makes no sense", "later"]),
        },
    ),
    (
        openai("TTS", "kokoro-x"),
        {
            **refusals(
                key="REALTIME_TTS__API_KEY",
                unknown="tts.options.voices",
                quota="limits",
                broken="later",
            ),
            **elsewhere("api_base", scheme="https"),
            "never answers": ({"say": "hang"}, ["api_base"]),
            "time-out in the middle": ({"say": "hang in the middle"}, ["api_base"]),
            "cut in the middle": ({"say": "cut"}, ["cut in the middle", "api_base"]),
            "garbage": ({"say": "json"}, ["application/json"]),
        },
    ),
]


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    yield free_port()


@asynccontextmanager
async def failing(
    party: Party, failure: str, behaviour: dict[str, Any] | str, patch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Any]]:
    """Have a service fail; yields the settings that lead to it."""
    if isinstance(behaviour, dict):
        scheme, place = "http", party.serve(patch, **behaviour)
    else:
        scheme, place = behaviour, nobody() if failure == "connection refused" else mute_server()
    async with place as port:
        redirect(patch, port)
        yield party.group(scheme, port, SHORT_S if failure in WAITED_FOR else LONG_S)


@pytest.mark.parametrize(
    ("party", "failure", "behaviour", "words"),
    [
        pytest.param(
            party, failure, behaviour, words, id=f"{party.stage} {party.provider}: {failure}"
        )
        for party, failures in CASES
        for failure, (behaviour, words) in failures.items()
    ],
)
async def test_a_failure_is_told_with_its_remedy_and_the_other_stages_are_tried(
    party: Party,
    failure: str,
    behaviour: dict[str, Any] | str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # How long a speech server is asked for its voices is no setting.
    monkeypatch.setattr("providers.tts.openai_voices.PATIENCE_S", SHORT_S)
    async with failing(party, failure, behaviour, monkeypatch) as group, asyncio.timeout(60):
        verdicts = await check(load_settings(**{**SCRIPTED, party.stage.lower(): group}))
    text = table(verdicts)
    assert len(verdicts) == 3
    failed = {verdict.stage: verdict for verdict in verdicts}.pop(party.stage)
    for verdict in verdicts:
        if verdict is not failed:
            assert verdict.error is None, verdict.error.message
            assert verdict.first_result_ms is not None
    assert failed.error is not None
    message = failed.error.message
    assert message.startswith(f"{party.stage} {party.label} failed: "), message
    assert [said for said in words if said not in message] == [], message
    assert KEY not in message
    assert KEY not in text
    assert message in text
    assert failed.first_result_ms is None
    unreached = {*UNREACHED, *(IN_THE_MIDDLE if party.stage == "STT" else ())}
    assert failed.reachable == ("no" if failure in unreached else "yes"), message
