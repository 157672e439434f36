"""The hosted voices, a row each: its fake, what is heard of it, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from tests.providers.fakes import azure, elevenlabs
from tests.providers.voice_services import (
    Service,
    on_loopback,
    run_azure,
    run_edge,
    run_elevenlabs,
    run_openai,
)

CLAUSES = ["Hello there,", "this is the first sentence.", "And this is the second one."]
"""What `speaking.ANSWER` is spoken as."""


@dataclass(frozen=True)
class Fault:
    """A way of failing: how the fake behaves, and what the client is told."""

    behaviour: Mapping[str, Any]
    code: str
    words: Sequence[str] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Time-outs of the provider, where they are not those of the row."""


Run = Callable[[pytest.MonkeyPatch, int], AbstractAsyncContextManager[Service]]


@dataclass(frozen=True)
class Voice:
    """A provider."""

    name: str
    run: Run
    """Runs its fake on a port; 0: a free one."""
    label: str
    key: str | None
    settings: Mapping[str, Any]
    faults: Mapping[str, Fault]
    limits: Mapping[str, Any]
    """Time-outs that make a silent service fail soon."""
    refused: Sequence[tuple[dict[str, Any], str]]
    """Settings that cannot work, and what the refusal names."""
    away: str
    """What the remedy names when the service cannot be reached."""
    address: Callable[[int], str] | None = None
    """Where the service on a port is to be found; None: by the fake alone."""
    once: Sequence[Mapping[str, Any]] = ()
    """Failures before any sound, of the first attempt only."""
    final: Sequence[Mapping[str, Any]] = ()
    """Failures after which there must be no second attempt."""
    left: Literal["at once", "released", "unseen"] = "released"
    """When its fake can tell that a client has gone: while it is held, once it is released, or
    not at all, as connections are kept for the next response."""
    named: bool = True
    """Whether OpenAI's names stand for voices of its own."""

    def group(self, base: str | None, **changed: Any) -> dict[str, Any]:
        """Return the settings of the stage."""
        where = {"api_base": base} if base else {}
        key = {"api_key": self.key} if self.key else {}
        return {"provider": self.name, "retries": 0, **where, **key, **self.settings, **changed}


_PATIENT = {"timeout_s": 10, "connect_timeout_s": 10}
"""Where Azure's SDK gets an answer it may try for a second or two."""
_GAP = {"timeout_s": 60, "connect_timeout_s": 60, "gap_timeout_s": 0.3}
"""Where a service begins to speak it is to go on soon, however long its first sound may take."""
_FELL_SILENT = ["nothing came for 0.3 s in the middle of", "tts.gap_timeout_s"]
_UNKNOWN_VOICE = "Unsupported voice en-US-AvaMultilingualNeural."
AZURE = Voice(
    "azure",
    run_azure,
    label="TTS Azure Speech (127.0.0.1)",
    key=azure.KEY,
    settings={},
    limits={"timeout_s": 1, "connect_timeout_s": 1},
    away="tts.api_base",
    address=on_loopback,
    once=[{"mutes": 1}],
    left="unseen",
    faults={
        "wrong key": Fault(
            {"status": 401}, "invalid_api_key", ["Check AZURE_SPEECH_API_KEY"], _PATIENT
        ),
        "not allowed": Fault({"status": 403}, "permission_denied", ["(403)"], _PATIENT),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", ["Try again later"], _PATIENT),
        "no such endpoint": Fault({"status": 404}, "invalid_request", ["(404)"], _PATIENT),
        "broken": Fault({"status": 503}, "provider_error", ["(503)"], _PATIENT),
        "quota": Fault(
            {"close": (1007, "Quota exceeded.")},
            "insufficient_quota",
            ["Quota exceeded"],
            _PATIENT,
        ),
        "unknown voice": Fault(
            {"close": (1007, _UNKNOWN_VOICE)}, "invalid_request", [_UNKNOWN_VOICE], _PATIENT
        ),
        "hangs at connect": Fault(
            {"hang": True}, "provider_unreachable", ["could not be reached within 1 s"]
        ),
        "cut before audio": Fault({"cut_after": 0}, "provider_unreachable", ["api_base"], _PATIENT),
        "cut in the middle": Fault(
            {"cut_after": 4800}, "provider_unreachable", ["api_base"], _PATIENT
        ),
        "hangs in the middle": Fault(
            {"hold_after": 4800}, "provider_unreachable", ["sent nothing within 1 s"]
        ),
        "falls silent": Fault({"hold_after": 4800}, "provider_unreachable", _FELL_SILENT, _GAP),
        "garbage": Fault({"garbage": True}, "provider_unreachable", ["sent nothing within 1 s"]),
        "never answers": Fault(
            {"silent": True}, "provider_unreachable", ["sent nothing within 1 s"]
        ),
    },
    refused=[
        ({"api_key": None, "api_base": None}, "set AZURE_SPEECH_API_KEY"),
        ({"api_base": None}, "AZURE_SPEECH_REGION or tts.options.region"),
        ({"options": {"region": "two"}}, "tts.options.region has no meaning"),
        ({"model": "hd"}, "tts.model has no meaning"),
    ],
)
EDGE = Voice(
    "edge",
    run_edge,
    label="TTS Edge TTS",
    key=None,
    settings={"voice_id": "en-GB-RyanNeural"},
    limits={"timeout_s": 0.2, "connect_timeout_s": 0.5},
    away="speech.platform.bing.com",
    once=[
        {"status": 503, "failures": 1},
        {"fail": "hang", "failures": 1},
        {"fail": "garbage", "failures": 1},
        {"fail": "no audio", "failures": 1},
    ],
    final=[{"status": 404}, {"fail": "cut"}],
    faults={
        "not allowed": Fault(
            {"status": 403},
            "permission_denied",
            ["status 403", "pip install -U edge-tts", "en-GB-RyanNeural"],
        ),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", ["status 429"]),
        "not there": Fault({"status": 404}, "invalid_request", ["status 404"]),
        "broken": Fault({"status": 503}, "provider_error", ["status 503", "try again"]),
        "no audio": Fault(
            {"fail": "no audio"}, "invalid_request", ["no audio", "edge-tts --list-voices"]
        ),
        "garbage": Fault({"fail": "garbage"}, "provider_error", ["makes no sense"]),
        "garbage audio": Fault({"fail": "garbage audio"}, "provider_error", ["no MP3"]),
        "cut": Fault({"fail": "cut"}, "provider_unreachable", ["cut in the middle"]),
        "closed": Fault({"fail": "close"}, "provider_unreachable", ["cut in the middle"]),
        "never answers": Fault(
            {"fail": "hang"}, "provider_unreachable", ["nothing came for 0.2 s"]
        ),
        "hangs in the middle": Fault(
            {"fail": "hang in the middle"}, "provider_unreachable", ["nothing came for 0.2 s"]
        ),
        "falls silent": Fault(
            {"fail": "hang in the middle"}, "provider_unreachable", _FELL_SILENT, _GAP
        ),
    },
    refused=[
        ({"api_key": "x"}, "tts.api_key"),
        ({"api_base": "http://localhost"}, "tts.api_base"),
        ({"model": "x"}, "tts.model"),
        ({"voice_id": "Xiaoxiao"}, "zh-CN-XiaoxiaoNeural"),
        ({"options": {"rate": "+5%"}}, "tts.options.rate"),
        ({"options": {"pitch": "high"}}, "tts.options.pitch"),
    ],
)
_NO_VOICE = ("voice_id_does_not_exist", "A voice with voice_id my-voice does not exist.")
ELEVENLABS = Voice(
    "elevenlabs",
    run_elevenlabs,
    label="TTS ElevenLabs eleven_flash_v2_5 at 127.0.0.1",
    key=elevenlabs.KEY,
    settings={"voice_id": "my-voice"},
    limits={"timeout_s": 0.2},
    away="api_base",
    address=on_loopback,
    once=[
        {"fail": "hang", "failures": 1},
        {"fail": "garbage", "failures": 1},
        {"fail": "silent", "failures": len(CLAUSES)},
    ],
    final=[{"error": _NO_VOICE}, {"fail": "cut", "failures": 1}],
    faults={
        "wrong key at the handshake": Fault(
            {"refusal": (401, {"status": "invalid_api_key", "message": "Invalid API key"})},
            "invalid_api_key",
            ["status 401: Invalid API key", "Check tts.api_key."],
        ),
        "not allowed": Fault(
            {"refusal": (403, {"status": "only_for_creator+", "message": "Not for this plan"})},
            "permission_denied",
            ["status 403: Not for this plan"],
        ),
        "quota at the handshake": Fault(
            {"refusal": (401, {"status": "quota_exceeded", "message": "No credits"})},
            "insufficient_quota",
            ["No credits", "subscription"],
        ),
        "too many": Fault(
            {"refusal": (429, {"status": "too_many_concurrent_requests", "message": "Too many"})},
            "rate_limit_exceeded",
            ["status 429: Too many"],
        ),
        "unknown at the handshake": Fault(
            {"refusal": (404, {})}, "invalid_request", ["status 404"]
        ),
        "broken": Fault({"refusal": (503, {})}, "provider_error", ["status 503", "try again"]),
        "wrong key": Fault(
            {"error": ("invalid_api_key", "Invalid API key.")},
            "invalid_api_key",
            ["Invalid API key.", "Check tts.api_key."],
        ),
        "unknown voice": Fault(
            {"error": _NO_VOICE},
            "invalid_request",
            ["voice_id my-voice does not exist", "My Voices"],
        ),
        "quota": Fault(
            {"error": ("quota_exceeded", "This request exceeds your quota.")},
            "insufficient_quota",
            ["exceeds your quota"],
        ),
        "cut": Fault({"fail": "cut"}, "provider_unreachable", ["lost"]),
        "closed": Fault({"fail": "close"}, "provider_error", ["internal error", "1011"]),
        "no audio": Fault({"fail": "silent"}, "provider_error", ["no audio"]),
        "garbage": Fault({"fail": "garbage"}, "provider_error", ["makes no sense"]),
        "never answers": Fault({"fail": "hang"}, "provider_unreachable", ["0.2 s"]),
        "hangs in the middle": Fault(
            {"fail": "hang in the middle"},
            "provider_unreachable",
            ["0.2 s"],
            {"gap_timeout_s": 0.2},
        ),
        "falls silent": Fault(
            {"fail": "hang in the middle"}, "provider_unreachable", _FELL_SILENT, _GAP
        ),
    },
    refused=[
        ({"api_key": None}, "ELEVENLABS_API_KEY is sent to elevenlabs.io alone"),
        ({"options": {"stability": 2}}, "tts.options.stability"),
        ({"options": {"pitch": 2}}, "tts.options.pitch"),
        ({"options": {"language": "xx"}}, "tts.options.language"),
        (
            {"model": "eleven_multilingual_v2", "options": {"language": "de"}},
            "eleven_multilingual_v2 takes no language",
        ),
    ],
)
OPENAI = Voice(
    "openai",
    run_openai,
    label="TTS kokoro-x at 127.0.0.1",
    key="sk-key",
    settings={"model": "kokoro-x"},
    limits={"timeout_s": 0.2},
    away="api_base",
    address=lambda port: f"{on_loopback(port)}/v1",
    left="at once",
    named=False,
    faults={
        "wrong key": Fault(
            {"status": 401},
            "invalid_api_key",
            ["401", "the fake refuses", "tts.api_key (REALTIME_TTS__API_KEY)"],
        ),
        "too many": Fault({"status": 429}, "rate_limit_exceeded", ["429", "the fake refuses"]),
        "unknown voice": Fault(
            {"status": 404}, "invalid_request", ["404", "the fake refuses", "tts.options.voices"]
        ),
        "broken": Fault({"status": 500}, "provider_error", ["500", "try again later"]),
        "never answers": Fault({"fail": "hang"}, "provider_unreachable", ["timed out", "api_base"]),
        "hangs in the middle": Fault(
            {"fail": "hang in the middle"}, "provider_unreachable", ["nothing came for 0.2 s"]
        ),
        "falls silent": Fault(
            {"fail": "hang in the middle"}, "provider_unreachable", _FELL_SILENT, _GAP
        ),
        "cut": Fault({"fail": "cut"}, "provider_unreachable", ["cut in the middle"]),
        "no audio": Fault({"fail": "no audio"}, "provider_error", ["no audio"]),
        "a JSON": Fault(
            {"fail": "json"}, "provider_error", ["application/json", "the model is being loaded"]
        ),
        "a WAV": Fault({"fail": "wav"}, "provider_error", ["WAV"]),
        "an MP3": Fault({"fail": "mp3"}, "provider_error", ["MP3"]),
    },
    refused=[({"api_key": None, "api_base": None}, "OPENAI_API_KEY")],
)
VOICES = (AZURE, EDGE, ELEVENLABS, OPENAI)
