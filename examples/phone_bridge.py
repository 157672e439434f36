"""A phone line: whoever calls a Twilio number talks with the Realtime server.

    pip install fastapi uvicorn websockets
    export TWILIO_AUTH_TOKEN=…                       # from Twilio's console
    export PUBLIC_URL=https://phone.example.com      # how Twilio reaches this program
    python examples/phone_bridge.py                  # listens on port 8090

Then set `https://phone.example.com/call` as the number's "A call comes in" webhook (POST). Twilio
asks there what to do, is told to open a media stream, and sends the caller's voice in 20 ms pieces
of G.711 µ-law at 8 kHz. The Realtime server takes and speaks that format as it is (`audio/pcmu`),
so nothing is converted here.

Twilio keeps what it has not played yet. After each piece of the answer it is sent a mark, and it
returns the mark when the caller has heard everything before it. When the caller interrupts, `clear`
empties what is left, and `conversation.item.truncate` tells the server how much was heard.

Other variables: REALTIME_URL (ws://localhost:8000/v1/realtime), REALTIME_API_KEY, PORT (8090).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

for needed in ("TWILIO_AUTH_TOKEN", "PUBLIC_URL"):
    if not os.environ.get(needed):
        raise SystemExit(f"{needed} is not set: set it as the top of {__file__} shows.")

REALTIME_URL = os.environ.get("REALTIME_URL", "ws://localhost:8000/v1/realtime")
REALTIME_API_KEY = os.environ.get("REALTIME_API_KEY", "none")
TWILIO_AUTH_TOKEN = os.environ["TWILIO_AUTH_TOKEN"]
PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
STREAM_URL = PUBLIC_URL.replace("http", "ws", 1) + "/stream"

BYTES_PER_MS = 8
PIECE = 200 * BYTES_PER_MS
"""How much is played between two marks: the most by which "heard" can be wrong."""

SESSION = {
    "type": "realtime",
    "instructions": "You are on the phone. Answer in one or two short sentences.",
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}},
        "output": {"format": {"type": "audio/pcmu"}},
    },
}

app = FastAPI()


def from_twilio(signature: str | None, url: str, form: dict[str, str]) -> bool:
    """Return whether Twilio signed a request: anybody can find this program, and calls cost money.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    text = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(TWILIO_AUTH_TOKEN.encode(), text.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(digest), (signature or "").encode())


@app.post("/call")
async def call(request: Request) -> Response:
    """Tell Twilio, in its own markup, to connect the call with `/stream`."""
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    if not from_twilio(request.headers.get("X-Twilio-Signature"), f"{PUBLIC_URL}/call", form):
        return Response(status_code=403)
    answer = f'<Response><Connect><Stream url="{STREAM_URL}" /></Connect></Response>'
    return Response(answer, media_type="text/xml")


@app.websocket("/stream")
async def stream(phone: WebSocket) -> None:
    """Carry one call."""
    signature = phone.headers.get("X-Twilio-Signature")
    # Twilio may sign the address of a socket with a slash at its end.
    if not any(from_twilio(signature, url, {}) for url in (STREAM_URL, f"{STREAM_URL}/")):
        await phone.close(1008)
        return
    await phone.accept()
    headers = {"Authorization": f"Bearer {REALTIME_API_KEY}"}
    try:
        server = await connect(REALTIME_URL, additional_headers=headers, max_size=None)
    except (OSError, WebSocketException) as error:
        print(f"No session with {REALTIME_URL} ({error}): is the server up?", flush=True)
        await phone.close(1011)
        return
    async with server:
        await server.send(json.dumps({"type": "session.update", "session": SESSION}))
        await Call(phone, server).run()


class Call:
    """One call: what the caller says goes one way, what the server says the other."""

    def __init__(self, phone: WebSocket, server: ClientConnection) -> None:
        self._phone = phone
        self._server = server
        self._stream = ""
        """Twilio's name of this stream, which every message to it bears."""
        self._item: str | None = None
        """The answer that is played, or None if the caller has interrupted it."""
        self._sent_ms = self._heard_ms = 0
        """How much of it Twilio was sent, and how much of that the caller has heard."""

    async def run(self) -> None:
        """Carry both ways until either side ends."""
        answering = asyncio.create_task(self._answer())
        # Twilio closes its socket when the caller hangs up; the server ends sessions, too.
        with suppress(WebSocketDisconnect, ConnectionClosed):
            await self._listen()
        await self._server.close()
        await answering

    async def _listen(self) -> None:
        while True:
            message = json.loads(await self._phone.receive_text())
            match message["event"]:
                case "start":
                    self._stream = message["start"]["streamSid"]
                case "media":
                    audio = message["media"]["payload"]
                    await self._tell(type="input_audio_buffer.append", audio=audio)
                case "mark":
                    item, _, ms = message["mark"]["name"].partition(" ")
                    if item == self._item:
                        self._heard_ms = int(ms)
                case "stop":
                    return

    async def _answer(self) -> None:
        try:
            await self._speak()
        except ConnectionClosed as error:
            print(f"The server has ended the session ({error}): is it up?", flush=True)
        # The server has ended the session: so does the call.
        with suppress(RuntimeError):
            await self._phone.close()

    async def _speak(self) -> None:
        async for text in self._server:
            event = json.loads(text)
            match event["type"]:
                case "response.output_audio.delta":
                    await self._play(event["item_id"], base64.b64decode(event["delta"]))
                case "input_audio_buffer.speech_started":
                    await self._interrupt()
                case "error":
                    print("the server says:", event["error"]["message"], flush=True)

    async def _play(self, item: str, audio: bytes) -> None:
        if item != self._item:
            self._item, self._sent_ms, self._heard_ms = item, 0, 0
        for start in range(0, len(audio), PIECE):
            piece = audio[start : start + PIECE]
            await self._to_phone("media", {"payload": base64.b64encode(piece).decode()})
            self._sent_ms += len(piece) // BYTES_PER_MS
            await self._to_phone("mark", {"name": f"{item} {self._sent_ms}"})

    async def _interrupt(self) -> None:
        if self._item is None or self._heard_ms >= self._sent_ms:
            return
        item, self._item = self._item, None
        # Twilio now returns all marks that are left, as if they had been heard: `_item` is None.
        await self._to_phone("clear")
        await self._tell(
            type="conversation.item.truncate",
            item_id=item,
            content_index=0,
            audio_end_ms=self._heard_ms,
        )

    async def _tell(self, **event: Any) -> None:
        await self._server.send(json.dumps(event))

    async def _to_phone(self, event: str, content: dict[str, Any] | None = None) -> None:
        message = {"event": event, "streamSid": self._stream}
        await self._phone.send_json(message if content is None else {**message, event: content})


if __name__ == "__main__":
    whole = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=whole)
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8090"))
    uvicorn.run(app, port=parser.parse_args().port)
