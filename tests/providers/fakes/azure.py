"""A loopback server that speaks the WebSocket protocol of Microsoft's Speech SDK.

Text messages are headers (`Path`, `X-RequestId`), an empty line and JSON; binary ones are the
length of the headers in two bytes, the headers, and audio. The SDK takes `ws://` addresses, as it
must for containers, so that its native code runs against this.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.speech_socket import SpeechSocket, listening

KEY = "azure-secret-key"
PIECE = 16000 * 2 // 2
"""Bytes of half a second: how often a hypothesis comes."""
VOICE = b"".join((n % 1000).to_bytes(2, "little") for n in range(7200))
"""300 ms of 24 kHz, in place of a voice."""
VOICE_MS = 300


@dataclass
class Call:
    """One connection."""

    path: str
    key: str | None
    contexts: list[dict[str, Any]] = field(default_factory=list)
    """What `speech.context` and `synthesis.context` asked for, per turn."""
    audio: bytearray = field(default_factory=bytearray)
    spoken: list[tuple[str, str]] = field(default_factory=list)
    """Voice and text of each `ssml`."""
    ssml: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    """What the SDK tells of itself, beside what it was asked to do."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeAzure(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = ("status", "hang", "cut_after", "hold_after", "close", "garbage", "silent")

    words: list[str] = field(default_factory=lambda: ["turn", "on", "the", "kitchen", "light"])
    """Every hypothesis knows one more of them."""
    phrase: str = "Turn on the kitchen light."
    detected: str | None = None
    """The locale that was detected among several."""
    status: int = 200
    hang: bool = False
    """Take connections, and never answer."""
    cut_after: int | None = None
    """Bytes of audio, heard or spoken, after which the connection breaks off."""
    mutes: int = 0
    """Utterances that are not answered, counted down."""
    hold_after: int | None = None
    """Bytes of spoken audio after which no more comes until `over`."""
    close: tuple[int, str] | None = None
    """Code and reason with which a connection is closed upon the first request."""
    garbage: bool = False
    silent: bool = False
    """Never answer a request."""

    async def refuse(self, connection: ServerConnection, _request: Request) -> Response | None:
        self.attempts += 1
        self.changed.set()
        if self.hang:
            await self.over.wait()
        if self.status == 200:
            return None
        return connection.respond(HTTPStatus(self.status), "refused")

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = socket.request.headers
        call = Call(urlsplit(socket.request.path).path, headers.get("Ocp-Apim-Subscription-Key"))
        self.calls.append(call)
        connection = _Connection(self, call, socket)
        try:
            async for message in socket:
                await connection.take(message)
                self.changed.set()
        except ConnectionClosed:
            pass
        finally:
            call.closed.set()
            self.changed.set()


@dataclass
class _Connection:
    fake: FakeAzure
    call: Call
    socket: ServerConnection
    request: str = ""
    heard: int = 0
    told: int = 0

    async def take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            head, _, body = message.partition("\r\n\r\n")
            fields = _fields(head)
            if fields["Path"] in ("speech.context", "synthesis.context"):
                self.call.contexts.append(json.loads(body))
            elif fields["Path"] == "ssml":
                self.request = fields["X-RequestId"]
                await self._speak(body)
            elif fields["Path"] == "telemetry":
                self.call.reports.append(body)
            return
        length = int.from_bytes(message[:2], "big")
        fields, audio = _fields(message[2 : 2 + length].decode()), message[2 + length :]
        if fields.get("Content-Type"):
            # The first message of a turn holds the header of a WAV file.
            self.request, self.heard, self.told = fields["X-RequestId"], 0, 0
            await self._begin()
        elif audio:
            self.call.audio += audio
            self.heard += len(audio)
            await self._hear()
        else:
            await self._finish()

    async def _begin(self) -> None:
        fake = self.fake
        if fake.close is not None:
            await self.socket.close(*fake.close)
        elif fake.garbage:
            await self.socket.send("<html>this is no message</html>")
        elif not fake.silent:
            await self._send("turn.start", {"context": {"serviceTag": "1"}})

    async def _hear(self) -> None:
        fake = self.fake
        if fake.cut_after is not None and self.heard >= fake.cut_after:
            self.socket.transport.abort()
        while not self._mute() and self.told < min(self.heard // PIECE, len(fake.words)):
            if not self.told:
                await self._send("speech.startDetected", {"Offset": 0})
            self.told += 1
            text = " ".join(fake.words[: self.told])
            await self._send("speech.hypothesis", {"Text": text, "Offset": 0, "Duration": 1000000})

    async def _finish(self) -> None:
        if self._mute():
            return
        # Up to a whole millisecond: the SDK would send what is left again.
        ticks = -(-self.heard // 32) * 10_000
        status = "Success" if self.fake.phrase else "NoMatch"
        result: dict[str, Any] = {"RecognitionStatus": status, "DisplayText": self.fake.phrase}
        if self.fake.detected is not None:
            result["PrimaryLanguage"] = {"Language": self.fake.detected, "Confidence": "High"}
        await self._send("speech.phrase", {**result, "Offset": 0, "Duration": ticks})
        await self._send("speech.endDetected", {"Offset": ticks})
        await self._send("turn.end", {})

    def _mute(self) -> bool:
        return self.fake.silent or self.fake.garbage

    async def _speak(self, ssml: str) -> None:
        self.call.ssml.append(ssml)
        voice = ElementTree.fromstring(ssml)[0]
        self.call.spoken.append((voice.attrib["name"], "".join(voice.itertext())))
        fake = self.fake
        if fake.close is not None:
            await self.socket.close(*fake.close)
            return
        if fake.garbage:
            await self.socket.send("<html>this is no message</html>")
        if fake.mutes:
            fake.mutes -= 1
            return
        if self._mute():
            return
        await self._send("turn.start", {"context": {"serviceTag": "1"}})
        audio = {"type": "inline", "streamId": "S1"}
        await self._send("response", {"context": {"serviceTag": "1"}, "audio": audio})
        # The service tells each word before the audio that speaks it, here evenly.
        parts = re.findall(r"[$€£]?[\w'’]+(?:[.,:]\w+)*|[^\w\s]", self.call.spoken[-1][1])
        for number, part in enumerate(parts):
            kind = "WordBoundary" if part[-1].isalnum() else "PunctuationBoundary"
            data = {
                "Offset": VOICE_MS * 10_000 * number // len(parts),
                "Duration": VOICE_MS * 10_000 // len(parts),
                "text": {"Text": part, "Length": len(part), "BoundaryType": kind},
            }
            told = {"Metadata": [{"Type": "WordBoundary", "Data": data}]}
            await self._send("audio.metadata", told)
        for start in range(0, len(VOICE), 4800):
            if fake.cut_after is not None and start >= fake.cut_after:
                self.socket.transport.abort()
                return
            if start == fake.hold_after:
                await fake.over.wait()
            await self._send_audio(VOICE[start : start + 4800])
        await self._send_audio(b"")
        await self._send("turn.end", {})

    async def _send(self, path: str, body: dict[str, Any]) -> None:
        head = f"X-RequestId:{self.request}\r\nContent-Type:application/json\r\nPath:{path}"
        await self.socket.send(f"{head}\r\n\r\n{json.dumps(body)}")

    async def _send_audio(self, pcm: bytes) -> None:
        head = f"X-RequestId:{self.request}\r\nX-StreamId:S1\r\nPath:audio\r\n".encode()
        await self.socket.send(len(head).to_bytes(2, "big") + head + pcm)


def _fields(head: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in head.splitlines() if line)


def fake_azure(port: int = 0, **behaviour: Any) -> AbstractAsyncContextManager[FakeAzure]:
    """Run one on a loopback port; 0: a free one."""
    return listening(FakeAzure(**behaviour), port)
