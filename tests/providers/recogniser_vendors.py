"""The hosted recognisers, a row each: its fake, what it understands, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from config import Settings
from tests.providers.fakes import azure, deepgram, realtime_transcription
from tests.providers.fakes.transcription import fake_transcription
from tests.support.running_server import running, scripted_settings
from tests.support.wire_client import WireClient, client, speech

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"


@dataclass(frozen=True)
class Fault:
    """A way of failing: how the fake behaves, and what the client is told."""

    behaviour: Mapping[str, Any]
    code: str
    words: str = ""
    limit_s: float = 10
    """Time-outs of the provider: short where the service is silent."""


@dataclass(frozen=True)
class Recogniser:
    """A provider."""

    name: str
    fake: Callable[..., AbstractAsyncContextManager[Any]]
    """Runs it on a `port`, behaving as told; it has `base`, `heard_ms`, `attempts`, `recover`."""
    key: str
    label: str
    phrase: str
    """What a turn is understood as."""
    nothing: Mapping[str, Any]
    """How the fake understands nothing."""
    faults: Mapping[str, Fault]
    refused: Sequence[tuple[dict[str, Any], str]]
    """Settings that cannot work, and what the refusal names."""
    path: str = ""
    """Behind the host in `stt.api_base`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    interims: tuple[Mapping[str, Any], str] | None = None
    """How the fake has interim results of which only a part agrees, and the whole; None: none."""
    once: Mapping[str, Any] | None = None
    """How the fake fails its first attempt only; None: its SDK tries again by itself."""

    def group(self, base: str, **changed: Any) -> dict[str, Any]:
        """Return the settings of the stage."""
        given = {"provider": self.name, "api_base": base, "api_key": self.key}
        return {**given, **self.settings, **changed}

    def stack(self, base: str, **changed: Any) -> Settings:
        """Return the settings of a server that hears with it."""
        return scripted_settings(stt=self.group(base, **changed), vad={"speculative": False})


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[WireClient]:
    """Run the product; yields a session that asks for transcripts."""
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {}}})
        yield wire


@asynccontextmanager
async def hearing(
    vendor: Recogniser, behaviour: Mapping[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[Any, WireClient]]:
    """Run the product with a vendor's fake; yields that and a session."""
    async with (
        vendor.fake(**behaviour or {}) as fake,
        talking(vendor.stack(fake.base, **changed)) as wire,
    ):
        yield fake, wire


async def turn(wire: WireClient) -> dict[str, Any]:
    """Speak a turn; return the response to it."""
    await wire.append(speech())
    done: dict[str, Any] = (await wire.until("response.done"))["response"]
    return done


AZURE = Recogniser(
    "azure",
    azure.fake_azure,
    key=azure.KEY,
    label="STT Azure Speech (127.0.0.1)",
    phrase="Turn on the kitchen light.",
    nothing={"words": [], "phrase": ""},
    # The phrase spells one word as the hypotheses do: what they agree on was sent before.
    interims=({"phrase": "turn on the kitchen lights"}, "turn on the kitchen lights"),
    faults={
        # Where there is an answer, the SDK may try for a second or two.
        "wrong key": Fault({"status": 401}, "invalid_api_key", "Check AZURE_SPEECH_API_KEY"),
        "not allowed": Fault({"status": 403}, "permission_denied", "(403)"),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", "Try again later"),
        "no such endpoint": Fault({"status": 404}, "invalid_request", "(404)"),
        "broken": Fault({"status": 503}, "provider_error", "(503)"),
        "quota": Fault(
            {"close": (1007, "Quota exceeded.")}, "insufficient_quota", "Quota exceeded"
        ),
        "bad request": Fault(
            {"close": (1007, "Unsupported locale")}, "invalid_request", "Unsupported"
        ),
        "hangs at connect": Fault(
            {"hang": True}, "provider_unreachable", "could not be reached within 1 s", limit_s=1
        ),
        "cut": Fault({"cut_after": 16000}, "provider_unreachable", "WebSocket"),
        "garbage": Fault(
            {"garbage": True}, "provider_unreachable", "no result within 1 s", limit_s=1
        ),
        "never answers": Fault(
            {"silent": True}, "provider_unreachable", "no result within 1 s", limit_s=1
        ),
    },
    refused=[
        ({"api_key": None, "api_base": None}, "set AZURE_SPEECH_API_KEY"),
        ({"api_base": None}, "AZURE_SPEECH_REGION or stt.options.region"),
        ({"options": {"region": "two"}}, "stt.options.region has no meaning"),
        ({"model": "whisper"}, "stt.model has no meaning"),
        ({"options": {"languages": []}}, "stt.options.languages"),
    ],
)
DEEPGRAM = Recogniser(
    "deepgram",
    deepgram.fake_deepgram,
    key=deepgram.KEY,
    label="STT nova-3 at Deepgram (127.0.0.1)",
    phrase="turn on the kitchen light",
    nothing={"words": []},
    # The second interim is revised by the third, so only what two agree on may go out early.
    interims=({"revise": {2: "turn off"}}, "turn on the kitchen light"),
    once={"failing": 1},
    faults={
        "wrong key": Fault({"status": 401}, "invalid_api_key", "credentials. Check stt.api_key"),
        "no credit": Fault({"status": 402}, "insufficient_quota", "Check the credit"),
        "model not allowed": Fault({"status": 403}, "permission_denied", "Check which models"),
        "unknown model": Fault({"status": 400}, "invalid_request", "Check stt.model"),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", "Try again later"),
        "broken": Fault({"status": 503}, "provider_error", "status 503"),
        "hangs at connect": Fault(
            {"hang": True}, "provider_unreachable", "Check the network", limit_s=1
        ),
        "cut": Fault({"cut_after": 16000}, "provider_unreachable", "the stream broke"),
        "ends early": Fault(
            {"close_after": 16000}, "provider_unreachable", "in the middle of the turn"
        ),
        "garbage": Fault({"garbage": True}, "provider_error", "sent garbage"),
        "error": Fault(
            {"error": {"variant": "NET-0000", "description": "overload"}}, "provider_error"
        ),
        "never answers": Fault(
            {"silent": True}, "provider_unreachable", "no result within 1 s", limit_s=1
        ),
    },
    refused=[
        ({"api_key": None, "api_base": None}, "set DEEPGRAM_API_KEY"),
        ({"options": {"endpointing": 3}}, "stt.options.endpointing"),
        ({"model": "flux-general-en"}, "stt.model 'flux-general-en'"),
    ],
)
OPENAI = Recogniser(
    "openai",
    fake_transcription,
    key="sk-key",
    label="STT whisper-x at 127.0.0.1",
    phrase="what was said",
    nothing={"text": ""},
    once={"fault": 500, "faults_left": 1},
    path="/v1",
    settings={"model": "whisper-x"},
    faults={
        "wrong key": Fault(
            {"fault": 401}, "invalid_api_key", "stt.api_key (REALTIME_STT__API_KEY)"
        ),
        "unknown model": Fault({"fault": 404}, "invalid_request", "stt.model"),
        "too many": Fault({"fault": 429}, "rate_limit_exceeded", "the fake refuses"),
        "broken": Fault({"fault": 500}, "provider_error", "the fake refuses"),
        "a page": Fault({"fault": "page"}, "provider_error", "Welcome to nginx!"),
        "another shape": Fault({"fault": "shape"}, "provider_error", "no transcription"),
        "half a JSON": Fault({"fault": "broken"}, "provider_error"),
        "never answers": Fault({"fault": "hang"}, "provider_unreachable", "stt.api_base", 0.5),
    },
    refused=[
        ({"api_key": None, "api_base": None}, "OPENAI_API_KEY"),
        ({"api_base": "ws://localhost:1"}, "stt.api_base"),
    ],
)
_ERROR = "invalid_request_error"
REALTIME = Recogniser(
    "realtime",
    realtime_transcription.fake_transcription_sessions,
    key=realtime_transcription.KEY,
    label="STT gpt-live-transcribe at 127.0.0.1 (Realtime)",
    phrase="turn on the kitchen light",
    nothing={"words": []},
    interims=({}, "turn on the kitchen light"),
    once={"failing": 1},
    path="/v1",
    faults={
        "wrong key": Fault(
            {"refusal": "invalid_api_key"}, "invalid_api_key", "the key was refused"
        ),
        "wrong key, told by HTTP": Fault(
            {"status": 401}, "invalid_api_key", "stt.api_key (REALTIME_STT__API_KEY)"
        ),
        "not allowed": Fault({"status": 403}, "permission_denied", "status 403"),
        "no such path": Fault({"status": 404}, "invalid_request", "stt.model"),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", "Try again later"),
        "broken": Fault({"status": 503}, "provider_error", "status 503"),
        "full": Fault({"refusal": "server_overloaded"}, "provider_error", "overloaded"),
        "unknown model": Fault(
            {"refuses_update": (_ERROR, "model_not_found")},
            "invalid_request",
            "model_not_found: The fake refuses this",
        ),
        "quota": Fault(
            {"failed": ("server_error", "insufficient_quota")},
            "insufficient_quota",
        ),
        "fails": Fault({"failed": ("server_error", "x")}, "provider_error", "Deaf today"),
        "error": Fault({"error": (_ERROR, "bad_audio")}, "invalid_request", "bad_audio"),
        "hangs at connect": Fault({"hang": True}, "provider_unreachable", "within 1 s", limit_s=1),
        "opens no session": Fault(
            {"mute": True}, "provider_unreachable", "could not be reached within 1 s", limit_s=1
        ),
        "cut": Fault({"cut_after": 16000}, "provider_unreachable", "was lost"),
        "ends": Fault({"close_after": 16000}, "provider_unreachable", "close code 1001"),
        "garbage": Fault({"garbage": "<html>"}, "provider_error", "no message of its"),
        "bytes": Fault({"garbage": b"\0"}, "provider_error", "no message of its"),
        "unreadable": Fault({"unreadable": True}, "provider_error", "cannot be read"),
        "never answers": Fault(
            {"silent": True}, "provider_unreachable", "no result within 1 s", limit_s=1
        ),
    },
    refused=[
        ({"api_key": None, "api_base": None}, "OPENAI_API_KEY, or stt.api_base"),
        ({"options": {"language": "en"}}, "stt.options.language"),
        ({"options": {"languages": ["English"]}}, "stt.options.languages"),
        ({"options": {"delay": "long"}}, "stt.options.delay"),
    ],
)
RECOGNISERS = (AZURE, DEEPGRAM, OPENAI, REALTIME)
