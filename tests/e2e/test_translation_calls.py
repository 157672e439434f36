"""Translation sessions by WebRTC: speech by one track, its translation by another (§B.14, D.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")

from openai import AsyncOpenAI
from websockets.asyncio.client import connect

from config import load_settings
from tests.support.caller import Caller
from tests.support.keys import KEY
from tests.support.running_server import SCRIPTED, RunningServer, plain_http, running
from tests.support.translating import echoing
from tests.support.wire_client import WireClient, speech

PATH = "/v1/realtime/translations/calls"
CAPTIONS = {"transcription": {"model": "any"}}


@asynccontextmanager
async def served() -> AsyncIterator[RunningServer]:
    """Run a server with a key, whose translations take some time to say."""
    scripts = {**SCRIPTED["llm"]["options"], "text": "{user}"}
    voice = {**SCRIPTED["tts"]["options"], "ms_per_character": 60}
    settings = load_settings(
        **{
            **SCRIPTED,
            "server": {"api_keys": [KEY]},
            "llm": {"provider": "scripted", "options": scripts},
            "tts": {"provider": "scripted", "options": voice},
        }
    )
    async with running(settings) as server:
        yield server


async def ephemeral(server: RunningServer, **audio: Any) -> str:
    """Return a client secret for a browser."""
    async with AsyncOpenAI(api_key=KEY, base_url=f"{server.http}/v1", max_retries=0) as operator:
        made = await operator.realtime.translations.client_secrets.create(
            session={"model": "gpt-realtime-translate", "audio": audio}  # type: ignore[typeddict-item]
        )
    return made.value


async def post(server: RunningServer, key: str, **request: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", **request.pop("headers", {})}
    async with plain_http(timeout=45) as http:
        return await http.post(server.http + PATH, headers=headers, **request)


@asynccontextmanager
async def calling(server: RunningServer, key: str) -> AsyncIterator[tuple[Caller, str]]:
    """Call; yields the caller, and the place of the call."""
    caller = Caller()
    try:
        answer = await post(
            server,
            key,
            content=await caller.offer(),
            headers={"Content-Type": "application/sdp"},
        )
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)
        yield caller, answer.headers["location"]
    finally:
        await caller.leave()


def text(caller: Caller, kind: str = "output") -> str:
    return "".join(event["delta"] for event in caller.of(f"session.{kind}_transcript.delta"))


async def test_a_call_speaks_by_its_track_and_writes_by_its_channel() -> None:
    async with served() as server:
        key = await ephemeral(server, input=CAPTIONS, output={"language": "es"})
        async with calling(server, key) as (caller, place):
            assert place.startswith(f"{PATH}/rtc_")
            session = caller.events[0]["session"]
            assert session["audio"]["output"] == {"language": "es"}
            caller.mouth.say(speech())
            await caller.until("session.output_transcript.delta", 2)
            assert text(caller, "input") == "hello there"
            caller.mouth.say(speech())
            caller.send("session.update", session={"audio": {"output": {"language": "fr"}}})
            await caller.until("session.updated")
            await caller.until("session.output_transcript.delta", 4)
            caller.send("session.close")
            await caller.until("session.closed")
            # All of it was played before the call was closed; aiortc holds back the last frames.
            assert caller.sound_ms >= 2 * 60 * len("hello there") - 300
            await caller.ended()
            assert text(caller) == "hello there hello there"
            assert "session.output_audio.delta" not in caller.types()


async def test_audio_by_the_channel_is_refused() -> None:
    async with served() as server, calling(server, await ephemeral(server)) as (caller, _):
        caller.send("session.input_audio_buffer.append", audio="AAAA")
        error = (await caller.until("error"))["error"]
        assert "comes by its track: 'session.input_audio_buffer.append'" in error["message"]


async def test_a_form_may_have_the_session_and_a_wrong_one_is_refused() -> None:
    async with served() as server:
        caller = Caller()
        offer = await caller.offer()
        session = '{"model":"gpt-realtime-translate","audio":{"output":{"language":"%s"}}}'
        refused = await post(
            server, KEY, files={"sdp": (None, offer), "session": (None, session % "xx")}
        )
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "session.audio.output.language"
        answer = await post(
            server, KEY, files={"sdp": (None, offer), "session": (None, session % "it")}
        )
        assert answer.status_code == 201, answer.text
        await caller.accept(answer.text)
        assert caller.events[0]["session"]["audio"]["output"] == {"language": "it"}
        await caller.leave()


async def test_a_sideband_reads_along_and_a_call_is_hung_up() -> None:
    async with served() as server, calling(server, await ephemeral(server)) as (caller, place):
        call_id = place.rpartition("/")[2]
        bearer = {"Authorization": f"Bearer {KEY}"}
        url = f"{server.url.split('?')[0]}?call_id={call_id}"
        async with connect(url, additional_headers=bearer) as socket:
            sideband = WireClient(socket)
            caller.mouth.say(speech())
            assert (await sideband.until("session.output_transcript.delta"))["delta"] == "hello"
            async with plain_http() as http:
                ended = await http.post(f"{server.http}{place}/hangup", headers=bearer)
            assert ended.status_code == 200
            await socket.wait_closed()
        await caller.ended()


async def test_a_secret_for_conversations_opens_no_translation() -> None:
    async with running(echoing()) as server:
        async with AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1") as operator:
            made = await operator.realtime.client_secrets.create()
        caller = Caller()
        refused = await post(
            server,
            made.value,
            content=await caller.offer(),
            headers={"Content-Type": "application/sdp"},
        )
        await caller.leave()
        assert refused.status_code == 400
        assert "connect to …/realtime" in refused.json()["error"]["message"]
