"""What only those are told who ask: what turn detection hears, and that there is an echo (§D.9)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.sdp_offers import AUDIO, offer
from tests.support.wire_client import PATIENCE_S, client, refusal, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")
OBSERVE, NOTICES = "&observe=turn_detection", "&notices=echo"
ECHO_HEARD = "input_audio_buffer.echo_heard"
TOLD = "There was once a small town by the sea, and every morning the boats went out early."


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


async def appended(socket: ClientConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), 4800):
        audio = base64.b64encode(pcm[start : start + 4800]).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def heard(socket: ClientConnection, last: str) -> list[dict[str, Any]]:
    """Receive events up to one of a type."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE_S):
        while not events or events[-1]["type"] != last:
            events.append(json.loads(await socket.recv()))
    return events


def audio_of(events: list[dict[str, Any]]) -> bytes:
    deltas = [event for event in events if event["type"] == "response.output_audio.delta"]
    return b"".join(base64.b64decode(event["delta"]) for event in deltas)


def softer(pcm: bytes) -> bytes:
    return (np.frombuffer(pcm, "<i2") // 4).astype("<i2").tobytes()


@pytest.mark.parametrize("beta", [False, True])
async def test_who_asks_is_told_what_the_turn_detector_hears(server, beta: bool):
    headers = {"OpenAI-Beta": "realtime=v1"} if beta else {}
    url = server.url + OBSERVE
    async with connect(url, proxy=None, max_queue=None, additional_headers=headers) as socket:
        await appended(socket, speech())
        events = await heard(socket, "response.done")
    told = [event for event in events if event["type"] == "console.turn_detection"]
    assert list(told[0]) == [
        *("type", "event_id", "start_ms", "window_ms", "speech", "level", "threshold", "turn"),
    ]
    starts = [event["start_ms"] for event in told]
    assert starts == list(range(0, 160 * len(told), 160))
    assert max(score for event in told for score in event["speech"]) > 0.9
    [started] = [event for event in events if event["type"] == "input_audio_buffer.speech_started"]
    marks = {mark["what"]: mark["at_ms"] for event in told for mark in event["turn"]}
    # The onset, before which the turn begins by its padding.
    assert marks["started"] - 300 == started["audio_start_ms"]
    assert "stopped" in marks


async def test_nobody_else_is_told(server):
    async with client(server.url + OBSERVE), client(server.url) as other:
        await other.append(speech())
        # `WireClient` would refuse an event that the SDK does not know.
        await other.until("response.done")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "&observe=everything",
            "Invalid value: 'everything'. Supported values are: 'turn_detection'.",
        ),
        ("&call_id=rtc_1", "You must not provide model together with call_id"),
    ],
)
async def test_other_wishes_are_refused(server, query: str, message: str):
    error, code, _reason = await refusal(server.url + query)
    assert error["message"].startswith(message)
    assert code == 4000


@pytest.mark.parametrize("asked", [OBSERVE, NOTICES])
async def test_a_sideband_cannot_ask(server, asked: str):
    url = f"ws://127.0.0.1:{server.port}/v1/realtime?call_id=rtc_1{asked}"
    error, code, _reason = await refusal(url)
    name = asked[1:].partition("=")[0]
    assert error["message"].startswith(f"You must not provide {name} together with call_id")
    assert code == 4000


@pytest.mark.parametrize(
    ("asked", "notices"),
    [("", 0), ("&notices=weather", 0), (NOTICES, 1), ("&notices=weather,echo", 1)],
)
async def test_who_asks_for_notices_is_told_once_of_an_echo(asked: str, notices: int):
    settings = scripted_settings(
        llm={"text": TOLD}, tts={"provider": "embedded"}, server={"console": False}
    )
    async with (
        running(settings) as server,
        connect(server.url + asked, proxy=None, max_queue=None) as socket,
    ):
        types: list[str] = []
        for _answer in range(2):
            await socket.send(json.dumps({"type": "response.create"}))
            events = await heard(socket, "response.done")
            # A loudspeaker near the microphone: 12 dB softer, a fifth of a second late.
            await appended(socket, bytes(9600) + softer(audio_of(events)) + bytes(48000))
            await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
            behind = await heard(socket, "input_audio_buffer.cleared")
            types += [event["type"] for event in (*events, *behind)]
            told = [event for event in behind if event["type"] == ECHO_HEARD]
            assert all(list(event) == ["type", "event_id"] for event in told)
    assert "input_audio_buffer.speech_started" not in types
    assert types.count(ECHO_HEARD) == notices


async def test_an_answer_that_nobody_hears_again_is_no_echo():
    settings = scripted_settings(llm={"text": TOLD}, tts={"provider": "embedded"})
    async with (
        running(settings) as server,
        connect(server.url + NOTICES, proxy=None, max_queue=None) as socket,
    ):
        await socket.send(json.dumps({"type": "response.create"}))
        await heard(socket, "response.done")
        await appended(socket, speech())
        events = await heard(socket, "input_audio_buffer.speech_stopped")
    assert ECHO_HEARD not in {event["type"] for event in events}


async def test_without_a_console_nobody_may_watch():
    async with running(scripted_settings(server={"console": False})) as server:
        error, code, reason = await refusal(server.url + OBSERVE)
        assert (error["code"], error["param"]) == ("unsupported_value", "observe")
        assert "server.console" in error["message"]
        assert (code, reason) == (4000, "invalid_request_error.unsupported_value")
        async with client(f"{server.url}&observe="):
            pass


async def test_of_a_call_only_the_caller_is_told(server):
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
    from tests.support.rtc_caller import calling

    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    async with calling(server.http, f"/v1/realtime/calls?{OBSERVE[1:]}") as caller:
        caller.channel.on("message", lambda raw: told.put_nowait(json.loads(raw)))
        sideband = f"ws://127.0.0.1:{server.port}/v1/realtime?call_id={caller.call_id}"
        async with connect(sideband, proxy=None, max_queue=None) as listener:
            caller.microphone.say(speech())
            heard_beside = await heard(listener, "response.done")
        types: set[str] = set()
        async with asyncio.timeout(PATIENCE_S):
            while not types >= {"console.turn_detection", "response.done"}:
                types.add((await told.get())["type"])
    assert not [event for event in heard_beside if event["type"].startswith("console.")]


async def test_a_call_cannot_watch_without_a_console():
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
    async with (
        running(scripted_settings(server={"console": False})) as server,
        plain_http() as http,
    ):
        url = f"{server.http}/v1/realtime/calls?{OBSERVE[1:]}"
        headers = {"Content-Type": "application/sdp"}
        refused = await http.post(url, content=offer(AUDIO), headers=headers)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "observe"
