"""What the server tells its console about itself, and whom."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from unittest.mock import AsyncMock

import pytest
from websockets.asyncio.client import connect

from config import VERSION, WebRTCConfig, load_settings
from main import create_app
from peers.webrtc.media_port import MediaPort, MissingLibrary
from pipeline_manager import PipelineManager
from serving.console import state as console_state
from settings.paths import own_path
from tests.support.keys import KEY
from tests.support.running_server import (
    SCRIPTED,
    RunningServer,
    plain_http,
    running,
    scripted_settings,
    serving,
)
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[RunningServer]:
    async with running(scripted_settings(server={"api_keys": [KEY]})) as server:
        yield server


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def client_secret(server: RunningServer) -> str:
    async with plain_http() as http:
        url = f"{server.http}/v1/realtime/client_secrets"
        return str((await http.post(url, headers=bearer(KEY))).json()["value"])


async def test_the_state_says_what_answers_and_what_it_cannot_do():
    settings = load_settings(stt={"provider": "scripted"})
    async with running(settings) as server, plain_http() as http:
        answer = await http.get(f"{server.http}/console/state")
        assert answer.headers["Cache-Control"] == "no-store"
        told = answer.json()
        manager = server.manager
        assert told["stack"] == {
            "stt": manager.stt.label,
            "llm": manager.llm.label,
            "tts": manager.tts.label,
        }
    assert (told["product"], told["version"]) == ("Open Realtime Server", VERSION)
    assert (told["state"], told["auth"], told["ws_path"]) == ("healthy", "none", "/v1/realtime")
    assert told["limits"] == ["trial", "images", "reasoning"]
    assert told["vad"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
    }
    assert "gpt-realtime" in told["models"]
    assert "alloy" in [voice["id"] for voice in told["voices"]]
    assert told["check"] == {"status": "never"}


async def test_the_state_and_the_banner_say_that_the_model_hears():
    settings = scripted_settings(llm={**SCRIPTED["llm"], "audio_input": True})
    async with running(settings) as server, plain_http() as http:
        told = (await http.get(f"{server.http}/console/state")).json()
        assert told["stack"]["llm"] == "scripted, which hears the user's voice"
        assert server.manager.describe()["LLM"] == told["stack"]["llm"]


async def test_it_says_how_to_get_webrtc_where_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(console_state, "lacking", lambda _extra: ["aiortc"])
    missing = AsyncMock(side_effect=MissingLibrary("the library 'aiortc' is missing"))
    monkeypatch.setattr(MediaPort, "open", missing)
    async with running() as server, plain_http() as http:
        told = (await http.get(f"{server.http}/console/state")).json()["webrtc"]
    assert told["available"] is False
    assert "webrtc" in told["install"]
    assert "'aiortc' is missing" in told["reason"]


async def test_it_says_why_there_are_no_calls_where_their_port_is_taken(monkeypatch):
    monkeypatch.setattr(console_state, "lacking", lambda _extra: [])
    taken = AsyncMock(side_effect=OSError(errno.EADDRINUSE, "in use"))
    monkeypatch.setattr(MediaPort, "open", taken)
    # Nobody has chosen a port.
    settings = scripted_settings().model_copy(update={"webrtc": WebRTCConfig()})
    app = create_app(settings, PipelineManager(settings), on_failed_start=lambda: None)
    async with serving(app) as port, plain_http() as http:
        await app.state.lifecycle.started()
        told = (await http.get(f"http://127.0.0.1:{port}/console/state")).json()["webrtc"]
        refused = await http.post(f"http://127.0.0.1:{port}/v1/realtime/calls")
    assert told.keys() == {"available", "reason"}
    assert told["available"] is False
    assert "webrtc.udp_port" in told["reason"]
    assert told["reason"] in refused.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", "state"), ("POST", "check")])
async def test_where_there_are_keys_it_needs_one(guarded, method: str, path: str):
    url = f"{guarded.http}/console/{path}"
    async with plain_http() as http:
        for headers in ({}, bearer("wrong-key-0123456789")):
            answer = await http.request(method, url, headers=headers)
            assert answer.status_code == 401
            assert "scripted" not in answer.text
        assert (await http.request(method, url, headers=bearer(KEY))).status_code == 200


async def test_a_client_secret_does_not_reveal_what_answers(guarded):
    secret = bearer(await client_secret(guarded))
    async with plain_http() as http:
        await http.post(f"{guarded.http}/console/check", headers=secret)
        told = (await http.get(f"{guarded.http}/console/state", headers=secret)).json()
        assert told["auth"] == "key"
        assert told["stack"] is None
        assert [verdict["label"] for verdict in told["check"]["verdicts"]] == ["", "", ""]
        known = (await http.get(f"{guarded.http}/console/state", headers=bearer(KEY))).json()
        assert known["stack"]["llm"] == guarded.manager.llm.label
        assert guarded.manager.llm.label in [v["label"] for v in known["check"]["verdicts"]]


async def test_while_models_load_it_says_so():
    settings = scripted_settings()
    app = create_app(settings, PipelineManager(settings), on_failed_start=lambda: None)
    async with serving(app) as port, plain_http() as http:
        await app.state.lifecycle.started()
        for state in ("starting", "draining", "failed"):
            app.state.lifecycle.state = state
            told = (await http.get(f"http://127.0.0.1:{port}/console/state")).json()
            assert (told["state"], told["voices"]) == (state, [])
            refused = await http.post(f"http://127.0.0.1:{port}/console/check")
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] in ("server_starting", "server_draining")
        app.state.lifecycle.state = "healthy"


async def test_another_site_s_page_cannot_make_it_check():
    async with running() as server, plain_http() as http:
        url = f"{server.http}/console/check"
        refused = await http.post(url, headers={"Origin": "https://evil.example"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (
            403,
            "origin_not_allowed",
        )
        state = (await http.get(f"{server.http}/console/state")).json()
        assert state["check"] == {"status": "never"}


@pytest.mark.parametrize(
    ("keys", "host", "scheme", "admitted"),
    [
        ([KEY], "voice.example:8000", "http", True),
        ([KEY], "voice.example", "https", True),
        # Whoever owns a name can let it lead here, and without keys there is nothing to stop them.
        ([], "voice.example:8000", "http", False),
        ([], "192.0.2.7:8000", "http", True),
        ([], "[2001:db8::7]:8000", "http", True),
    ],
)
async def test_the_server_s_own_pages_may_connect(keys, host: str, scheme: str, admitted: bool):
    async with running(scripted_settings(server={"api_keys": keys})) as server:
        headers = {"Host": host, "Origin": f"{scheme}://{host}", **bearer(KEY)}
        async with plain_http() as http:
            checked = await http.post(f"{server.http}/console/check", headers=headers)
        assert checked.status_code == (200 if admitted else 403)
        other = {**headers, "Origin": f"{scheme}://other.example"}
        async with plain_http() as http:
            assert (
                await http.post(f"{server.http}/console/check", headers=other)
            ).status_code == 403


@pytest.mark.parametrize("path", ["/console/state", "/console", "/console/js/main.js"])
async def test_no_setting_hides_the_console_behind_the_api(path: str):
    with pytest.raises(ValueError, match="the server has something else"):
        own_path(path)


async def test_a_page_by_an_address_opens_a_session():
    async with running() as server:
        host = f"127.0.0.1:{server.port}"
        async with connect(server.url, origin=f"http://{host}") as wire:  # type: ignore[arg-type]
            assert (await WireClient(wire).receive())["type"] == "session.created"
