"""The service behind Edge's "Read aloud": a WebSocket that answers SSML with MP3.

Every clause becomes a tone of its own pitch, 20 ms a character, in messages of five MP3 frames
(120 ms), as Microsoft's are cut.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from html import unescape
from http import HTTPStatus
from typing import Literal

import av
import edge_tts.communicate
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.tone import RATE, tone

CHARACTER_MS = 20
MESSAGE_BYTES = 720

Failure = Literal[
    "hang",
    "no audio",
    "garbage",
    "garbage audio",
    "hang in the middle",
    "cut",
    "close",
    "dead",
]


@cache
def mp3(clause: int, milliseconds: int) -> bytes:
    """Return the nth clause as Edge sends speech: MP3, 24 kHz, mono, 48 kbit/s."""
    pcm = np.frombuffer(tone(clause, milliseconds), "<i2")
    encoder = av.CodecContext.create("libmp3lame", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16p"
    encoder.bit_rate = 48000
    frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16p", layout="mono")
    frame.sample_rate = RATE
    fifo = av.AudioFifo()
    fifo.write(frame)
    frames = fifo.read_many(encoder.frame_size)
    if (rest := fifo.read()) is not None:
        frames.append(rest)
    packets = [packet for each in (*frames, None) for packet in encoder.encode(each)]
    return b"".join(bytes(packet) for packet in packets)


class FakeEdge:
    """Records what it is asked; fails as the test set it up."""

    def __init__(self) -> None:
        self.port = 0
        self.texts: list[str] = []
        self.voices: list[str] = []
        self.prosodies: list[str] = []
        self.connections = 0
        self.left = asyncio.Event()
        """Set when a client has gone."""
        self.go_on = asyncio.Event()
        """Audio after the first message waits for it."""
        self.go_on.set()
        self.status = 101
        self.fail: Failure | None = None
        self.failures = 1000
        """How many connections `fail` and `status` concern."""

    def recover(self) -> None:
        self.fail, self.status = None, 101

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        assert "Sec-MS-GEC=" in request.path
        if self.status == 101 or self.failures <= 0:
            return None
        self.failures -= 1
        # The client sets its clock by the answer's date.
        return connection.respond(HTTPStatus(self.status), "")

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            with suppress(ConnectionClosed):
                await self._answer(socket)
        finally:
            self.left.set()

    async def _answer(self, socket: ServerConnection) -> None:
        config, ssml = str(await socket.recv()), str(await socket.recv())
        assert "Path:speech.config" in config
        assert "audio-24khz-48kbitrate-mono-mp3" in config
        assert "Path:ssml" in ssml
        found = re.search(
            r"<voice name='.*\((.*), (.*)\)'><prosody (.*?)>(.*)</prosody>", ssml, re.DOTALL
        )
        assert found is not None
        self.voices.append(f"{found[1]}-{found[2]}")
        self.prosodies.append(found[3])
        text = unescape(found[4])
        failing = self.fail if self.failures > 0 else None
        self.failures -= failing is not None
        await socket.send("Path:turn.start\r\n\r\n{}")
        if failing == "hang":
            await socket.wait_closed()
            return
        if failing == "garbage":
            await socket.send("what is this?\r\n\r\n")
            return
        if failing == "no audio":
            await socket.send("Path:turn.end\r\n\r\n{}")
            return
        audio = mp3(len(self.texts), len(text) * CHARACTER_MS)
        if failing == "garbage audio":
            audio = b"this is no audio " * 200
        self.texts.append(text)
        for start in range(0, len(audio), MESSAGE_BYTES):
            header = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
            piece = audio[start : start + MESSAGE_BYTES]
            await socket.send(len(header).to_bytes(2, "big") + header + piece)
            if failing == "hang in the middle":
                await socket.wait_closed()
                return
            if failing == "dead":
                # Not even a goodbye is answered.
                socket.transport.pause_reading()
            if failing == "cut":
                socket.transport.abort()
                return
            if failing == "close":
                await socket.close()
                return
            await self.go_on.wait()
            socket.transport.resume_reading()
        await socket.send("Path:turn.end\r\n\r\n{}")

    @asynccontextmanager
    async def running(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeEdge]:
        """Serve, in Microsoft's place."""
        async with serve(
            self._serve, "127.0.0.1", self.port, process_request=self._handshake
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            redirect(monkeypatch, self.port)
            yield self
            self.go_on.set()


def redirect(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Make `edge-tts` look for the service on a loopback port."""
    address = f"ws://127.0.0.1:{port}/edge/v1?TrustedClientToken=x"
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", address)
