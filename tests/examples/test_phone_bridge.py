"""The phone bridge between a Twilio that the test plays and a real server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from audio.g711 import decode, encode
from audio.pcm import read_wav
from tests.examples.programs import EXAMPLES, LOUD, PATIENCE_S, refused_python, said, serving
from tests.support.places import DATA
from tests.support.ports import free_port
from tests.support.running_server import plain_http, running, scripted_settings

TOKEN = "12345"
PUBLIC = "https://phone.example.com"
STREAM = "wss://phone.example.com/stream"
SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
FRAME = 160
"""Bytes of 20 ms."""
LONG = "This is a long answer that goes on and on until somebody talks into it. " * 8


def signed(url: str, form: dict[str, str] | None = None) -> dict[str, str]:
    """Sign a request as Twilio documents it."""
    text = url + "".join(name + value for name, value in sorted((form or {}).items()))
    digest = hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(digest).decode()}


@dataclass
class Line:
    """The way between bridge and server: what the bridge tells it, but for the audio."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)

    async def carry(self, bridge: ServerConnection) -> None:
        async with connect(self.url, max_size=None) as server:

            async def back() -> None:
                async for text in server:
                    await bridge.send(text)

            answering = asyncio.create_task(back())
            try:
                async for text in bridge:
                    event = json.loads(text)
                    if event["type"] != "input_audio_buffer.append":
                        self.told.append(event)
                    await server.send(text)
            except ConnectionClosed:
                pass
            finally:
                answering.cancel()


@dataclass
class Bridge:
    port: int
    line: Line

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stream(self, headers: dict[str, str]) -> Any:
        return connect(f"ws://127.0.0.1:{self.port}/stream", additional_headers=headers)


@asynccontextmanager
async def bridge(text: str = "Hello caller.") -> AsyncIterator[Bridge]:
    """Run the example before a server whose model says `text`."""
    settings = scripted_settings(
        llm={"text": text}, tts={"provider": "embedded"}, stt={"text": "hello there"}
    )
    port = free_port()
    async with running(settings) as server:
        line = Line(server.url)
        async with serve(line.carry, "127.0.0.1", 0, max_size=None) as between:
            environment = {
                "TWILIO_AUTH_TOKEN": TOKEN,
                "PUBLIC_URL": PUBLIC,
                "PORT": str(port),
                "REALTIME_URL": f"ws://127.0.0.1:{between.sockets[0].getsockname()[1]}",
            }
            program = str(EXAMPLES / "phone_bridge.py")
            async with serving(sys.executable, program, **environment) as process:
                await said(process, b"Uvicorn running on")
                yield Bridge(port, line)


class Caller:
    """A Twilio with a caller: it returns each mark when it has played what is before it."""

    def __init__(self, wire: ClientConnection, *, hears_ms: int | None = None) -> None:
        """Prepare.

        Args:
            wire: The media stream.
            hears_ms: How much the caller hears before they talk into the answer; None: all.
        """
        self._wire = wire
        self._hears_ms = hears_ms
        self._waiting: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.cleared = False

    async def start(self) -> None:
        await self._send(event="connected", protocol="Call", version="1.0.0")
        media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": SID, "callSid": "CA1", "tracks": ["inbound"], "mediaFormat": media}
        await self._send(event="start", sequenceNumber="1", start=start, streamSid=SID)

    async def speak(self) -> None:
        pcm = np.frombuffer(read_wav(DATA / "flite-slt_s01.wav"), np.int16)
        narrow = soxr.resample(pcm, 24000, 8000).astype("<i2").tobytes()
        ulaw = encode(narrow, "ulaw") + b"\xff" * 8000
        for start in range(0, len(ulaw), FRAME):
            payload = base64.b64encode(ulaw[start : start + FRAME]).decode()
            media = {"track": "inbound", "payload": payload}
            await self._send(event="media", media=media, streamSid=SID)

    async def hang_up(self) -> None:
        await self._send(event="stop", streamSid=SID)

    async def listen_until(self, ms: int) -> None:
        """Hear so much, or until what is left is cleared."""
        while len(self.heard) < ms * 8 and not self.cleared:
            await asyncio.wait_for(self._one(), PATIENCE_S)

    async def _one(self) -> None:
        message = json.loads(await self._wire.recv())
        assert message["streamSid"] == SID
        match message["event"]:
            case "media":
                self.heard += base64.b64decode(message["media"]["payload"])
            case "mark" if self._hears_ms is None or len(self.heard) / 8 <= self._hears_ms:
                await self._send(event="mark", mark=message["mark"], streamSid=SID)
            case "mark":
                self._waiting.append(message["mark"])
            case "clear":
                self.cleared = True
                # Twilio returns the marks of what it forgets as well.
                for mark in self._waiting:
                    await self._send(event="mark", mark=mark, streamSid=SID)

    async def _send(self, **message: Any) -> None:
        await self._wire.send(json.dumps(message))


async def test_a_call_is_connected_with_the_stream_for_twilio_alone():
    form = {"CallSid": "CA1", "From": "+15550001111", "Caller": "Ann & Bo"}
    body = urlencode(form)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with bridge() as phone, plain_http() as http:
        url = f"{phone.http}/call"
        headers = {**kind, **signed(f"{PUBLIC}/call", form)}
        answer = await http.post(url, content=body, headers=headers)
        assert answer.text == f'<Response><Connect><Stream url="{STREAM}" /></Connect></Response>'
        assert answer.headers["content-type"].startswith("text/xml")
        for wrong in ({}, signed(f"{PUBLIC}/call"), signed(f"{PUBLIC}/other", form)):
            refused = await http.post(url, content=body, headers={**kind, **wrong})
            assert refused.status_code == 403
        with pytest.raises(InvalidStatus):
            async with phone.stream(signed("wss://elsewhere.example.com/stream")):
                pass


@pytest.mark.parametrize("missing", ["TWILIO_AUTH_TOKEN", "PUBLIC_URL"])
async def test_a_variable_that_is_not_set_is_named(missing: str, tmp_path: Path):
    environment = {"TWILIO_AUTH_TOKEN": TOKEN, "PUBLIC_URL": PUBLIC, missing: ""}
    why = await refused_python("phone_bridge", folder=tmp_path, environment=environment)
    assert why.startswith(f"{missing} is not set: ") and "phone_bridge.py" in why


@pytest.mark.parametrize("ends", ["before it begins", "later"])
async def test_a_call_ends_with_its_session_and_a_sentence_says_why(ends: str):
    async def refuse(session: ServerConnection) -> None:
        await session.recv()
        await session.close(1012, "restarts")

    def deny(session: ServerConnection, _request: Request) -> Response | None:
        return session.respond(404, "no such path") if ends == "before it begins" else None

    async with serve(refuse, "127.0.0.1", 0, process_request=deny) as server:
        environment = {
            "TWILIO_AUTH_TOKEN": TOKEN,
            "PUBLIC_URL": PUBLIC,
            "PORT": str(port := free_port()),
            "REALTIME_URL": f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        }
        program = str(EXAMPLES / "phone_bridge.py")
        async with serving(sys.executable, program, **environment) as process:
            await said(process, b"Uvicorn running on")
            url = f"ws://127.0.0.1:{port}/stream"
            async with connect(url, additional_headers=signed(STREAM)) as wire:
                async with asyncio.timeout(PATIENCE_S):
                    await wire.wait_closed()
            assert process.stdout is not None
            process.terminate()
            told = (await process.stdout.read()).decode()
    assert "session" in told
    assert "404" in told if ends == "before it begins" else "1012" in told
    assert "Traceback" not in told


async def test_the_caller_is_heard_and_hears_the_answer():
    async with bridge() as phone, phone.stream(signed(STREAM)) as wire:
        caller = Caller(wire)
        await caller.start()
        await caller.speak()
        await caller.listen_until(600)
        await caller.hang_up()
        async with asyncio.timeout(PATIENCE_S):
            await wire.wait_closed()
    pcm = np.frombuffer(decode(bytes(caller.heard), "ulaw"), np.int16).astype(float)
    assert np.sqrt(np.mean(pcm**2)) > LOUD
    assert not caller.cleared


async def test_talking_into_an_answer_stops_it_and_tells_how_much_was_heard():
    async with bridge(LONG) as phone, phone.stream(signed(f"{STREAM}/")) as wire:
        caller = Caller(wire, hears_ms=1000)
        await caller.start()
        await caller.speak()
        await caller.listen_until(3000)
        await caller.speak()
        while not caller.cleared:
            await caller.listen_until(10**9)
        async with asyncio.timeout(PATIENCE_S):
            while not any(event["type"].endswith("truncate") for event in phone.line.told):
                await asyncio.sleep(0.01)
        # The rest of the second turn's answer is played, the first one's is not.
        before = len(caller.heard)
        caller.cleared = False
        await caller.listen_until(before // 8 + 500)
    (cut,) = [event for event in phone.line.told if event["type"].endswith("truncate")]
    assert 800 <= cut["audio_end_ms"] <= 1000
