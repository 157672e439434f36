"""`python -m models_http` as a process: its start, its end, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from models_http.command import arguments, banner, settings_of
from models_http.engines import Engines
from tests.support.places import ROOT
from tests.support.running_server import plain_http, scripted_settings
from tests.support.server_process import Process, started

COMMAND = (sys.executable, "-m", "models_http")
SCRIPTED = {"REALTIME_STT__PROVIDER": "scripted", "REALTIME_TTS__PROVIDER": "scripted"}
BODY = {"input": "Hello.", "model": "tts-1", "voice": "alloy", "response_format": "pcm"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="it is ended by signals"),
]


@asynccontextmanager
async def models_process(*options: str, **environment: str) -> AsyncIterator[Process]:
    async with started([*COMMAND, *options], ROOT, **{**SCRIPTED, **environment}) as server:
        yield server


async def test_it_serves_and_ends_with_status_0():
    async with models_process() as server:
        async with plain_http() as http:
            answer = await http.post(f"{server.http}/v1/audio/speech", json=BODY)
        assert answer.status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == 0
        assert "speech: completed" in server.logged()
        # What is said is nobody's business.
        assert "Hello" not in server.logged()


def test_it_says_how_gateways_use_it_without_showing_its_keys():
    engines = Engines(scripted_settings())
    there = "REALTIME_TTS__PROVIDER=openai REALTIME_TTS__API_BASE=http://x/v1"
    assert banner(engines, "http://x", keys=False).endswith(there)
    assert banner(engines, "http://x", keys=True).endswith(f"{there} REALTIME_TTS__API_KEY=…")


async def test_a_signal_lets_a_call_finish():
    slow = '{"delay_ms": 1000}'
    async with models_process(REALTIME_TTS__OPTIONS=slow) as server, plain_http() as http:
        call = asyncio.create_task(http.post(f"{server.http}/v1/audio/speech", json=BODY))
        async with asyncio.timeout(30):
            while (await http.get(f"{server.http}/health")).json()["active_calls"] == 0:
                pass
        server.process.send_signal(signal.SIGTERM)
        assert len((await call).content) > 0
        assert await server.ended() == 0
        assert "speech: completed" in server.logged()


async def test_a_second_signal_waits_for_no_call():
    hanging = '{"fail": "hang"}'
    async with (
        models_process(REALTIME_TTS__OPTIONS=hanging) as server,
        plain_http() as http,
        http.stream("POST", f"{server.http}/v1/audio/speech", json=BODY) as response,
    ):
        await anext(response.aiter_raw())
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            while (await http.get(f"{server.http}/readyz")).status_code == 200:
                pass
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == 0


async def test_a_cut_answer_leaves_one_line_in_the_log():
    silent = {"REALTIME_TTS__OPTIONS": '{"fail": "hang"}', "REALTIME_TTS__TIMEOUT_S": "0.1"}
    async with models_process(**silent) as server:
        async with plain_http() as http:
            request = http.stream("POST", f"{server.http}/v1/audio/speech", json=BODY)
            with pytest.raises(Exception, match="incomplete"):
                async with request as response:
                    await response.aread()
        server.process.send_signal(signal.SIGTERM)
        assert await server.ended() == 0
        (line,) = server.logged().splitlines()
        assert "speech: failed" in line
        assert "TTS scripted failed: it has made nothing for" in line


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REALTIME_")}
    return subprocess.run(
        [*COMMAND, *options],
        cwd=ROOT,
        env={**kept, **SCRIPTED, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "environment", "named"),
    [
        (("--host", "0.0.0.0"), {}, "Without API keys anybody who reaches 0.0.0.0"),
        ((), {"REALTIME_SERVER__WORKERS": "2"}, "server.workers is 2"),
        ((), {"REALTIME_TTS__PROVIDER": "kokorro"}, "There is no TTS provider 'kokorro'"),
        ((), {"REALTIME_MODEL_SERVER__QUEUE": "-1"}, "model_server.queue"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(options, environment, named):
    ended = run("--port", "0", *options, **environment)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_engine_that_cannot_be_loaded_ends_the_process():
    missing = {"REALTIME_STT__PROVIDER": "whisper", "REALTIME_STT__MODEL": "/nowhere/at-all"}
    ended = run("--port", "0", **missing)
    assert ended.returncode == 1
    assert "/nowhere/at-all" in ended.stderr


def test_flags_win_over_settings(monkeypatch):
    monkeypatch.setenv("REALTIME_SERVER__HOST", "::1")
    given = settings_of(arguments(["--port", "9", "--host", "127.0.0.9", "--log-json"]))
    assert given.model_server.port == 9
    assert given.server.host == "127.0.0.9"
    assert given.server.log_json
    left = settings_of(arguments([]))
    assert (left.model_server.port, left.server.host) == (8001, "::1")
