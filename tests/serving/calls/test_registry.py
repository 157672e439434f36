"""Calls with real media: how they begin, how they end, and what keeps them from starting."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from websockets.asyncio.client import connect

from config import ConfigError, Settings, WebRTCConfig
from peers.webrtc.media_port import MediaPort
from serving.calls.registry import Calls
from serving.refused import Refused
from tests.support.calls_server import SDP, Sideband
from tests.support.places import ROOT
from tests.support.rtc_caller import calling, offer_of
from tests.support.running_server import (
    RunningServer,
    plain_http,
    running,
    scripted_settings,
)


@asynccontextmanager
async def sideband_of(server: RunningServer, call_id: str) -> AsyncIterator[Sideband]:
    url = f"ws://127.0.0.1:{server.port}/v1/realtime?call_id={call_id}"
    async with connect(url, proxy=None) as socket_:
        yield Sideband(socket_)


def said(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


async def test_a_sideband_sees_the_playback_and_may_stop_it() -> None:
    settings = scripted_settings(tts={"ms_per_character": 200})
    async with running(settings) as server, calling(server.http) as caller:
        async with sideband_of(server, caller.call_id) as sideband:
            await sideband.send("conversation.item.create", item=said("Tell me something."))
            await sideband.send("response.create")
            await sideband.until("output_audio_buffer.started")
            await sideband.send("output_audio_buffer.clear")
            seen = await sideband.until("conversation.item.truncated")
        types = [event["type"] for event in seen]
        assert "output_audio_buffer.cleared" in types
        assert "response.output_audio.delta" not in types
        await caller.until("output_audio_buffer.cleared")
        assert (await caller.until("conversation.item.truncated")) == seen[-1]
        assert "response.output_audio.delta" not in caller.types()


@pytest.mark.parametrize("end", ["hang up", "leave", "session.close"])
async def test_however_a_call_ends_its_sidebands_end_with_it(end: str) -> None:
    async with running() as server:
        async with (
            calling(server.http) as caller,
            sideband_of(server, caller.call_id) as sideband,
        ):
            if end == "hang up":
                async with plain_http() as http:
                    assert (await http.delete(server.http + caller.location)).is_success
            elif end == "leave":
                await caller.connection.close()
            else:
                await sideband.send("session.close")
            assert await sideband.closed() == (1000, "")
        await server.emptied()


async def test_the_time_limit_ends_a_call_as_it_ends_any_session() -> None:
    settings = scripted_settings(server={"session_limit_minutes": 0.03})
    async with running(settings) as server, calling(server.http) as caller:
        async with sideband_of(server, caller.call_id) as sideband:
            expired = (await caller.until("error"))["error"]
            assert expired["code"] == "session_expired"
            code, reason = await sideband.closed()
            assert (code, reason) == (1001, expired["message"])
        await caller.ended()
        await server.emptied()


async def test_a_server_that_stops_ends_calls_when_their_answers_are_over() -> None:
    async with running() as server, calling(server.http) as caller:
        caller.send("conversation.item.create", item=said("Hello."))
        caller.send("response.create")
        await caller.until("response.created")
        draining = asyncio.create_task(server.sessions.drain())
        done = await caller.until("response.done")
        assert done["response"]["status"] == "completed"
        await caller.ended()
        await draining
        assert server.sessions.active == 0


async def test_a_call_that_is_hung_up_before_it_connects_leaves_nothing() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.createDataChannel("oai-events")
    async with running() as server, plain_http(timeout=30) as http:
        offer = await offer_of(connection)
        url = f"{server.http}/v1/realtime/calls"
        answer = await http.post(url, content=offer, headers=SDP)
        assert answer.status_code == 201
        assert await server.active_sessions() == 1
        place = server.http + answer.headers["location"]
        assert (await http.delete(place)).status_code == 200
        await server.emptied()
        await connection.close()


@pytest.mark.parametrize("offer", ["", "hello", "v=0\r\n", "v=0\r\nm=audio 9 RTP/AVP 0\r\n"])
async def test_an_offer_that_cannot_be_answered_takes_no_place(offer: str) -> None:
    async with running() as server, plain_http(timeout=30) as http:
        url = f"{server.http}/v1/realtime/calls"
        answer = await http.post(url, content=offer, headers=SDP)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_offer")
        assert error["message"]
        assert await server.active_sessions() == 0


async def test_a_port_that_nobody_chose_keeps_nobody_from_the_websocket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = AsyncMock(side_effect=OSError(errno.EADDRINUSE, "in use"))
    monkeypatch.setattr(MediaPort, "open", taken)
    calls = Calls(Settings.model_construct(webrtc=WebRTCConfig()), MagicMock(), MagicMock(), 0)
    await calls.open()
    assert calls.port is None
    with pytest.raises(Refused, match=r"webrtc\.udp_port") as refused:
        calls.check_installed()
    assert (refused.value.http_status, refused.value.error.code) == (501, "webrtc_unavailable")
    assert "webrtc.udp_port" in str(calls.why_none)


async def test_a_public_host_that_nobody_knows_is_told_as_that() -> None:
    unknown = Settings.model_construct(
        webrtc=WebRTCConfig(public_hosts=["no.such.host.invalid"], udp_port=0)
    )
    calls = Calls(unknown, MagicMock(), MagicMock(), 0)
    with pytest.raises(ConfigError, match=r"no\.such\.host\.invalid.*webrtc\.public_hosts"):
        await calls.open()


def test_a_taken_port_is_told_with_the_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
        ended = subprocess.run(
            [sys.executable, "main.py", "--port", "0"],
            cwd=ROOT,
            env={"LANGUAGE": "en", **scripted, "REALTIME_WEBRTC__UDP_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=180,
        )
    assert ended.returncode == 1
    assert f"error: UDP port {port}, which WebRTC calls use, cannot be used" in ended.stderr
    assert "webrtc.udp_port" in ended.stderr
