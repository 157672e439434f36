"""Gemini Live on loopback, as google-genai's types and Google's documents have it, and stricter.

Every message of the client has to be one of google-genai's, without a field that they lack; every
message that is sent is checked by them, too. Its model says `answer`, whatever it hears.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any, Literal

from google.genai import types
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.providers.fakes.speech_socket import SpeechSocket, listening

Event = dict[str, Any]

KEY = "AIza-upstream-secret-key"
PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SOUND = b"".join((n % 1000).to_bytes(2, "little") for n in range(4800))
"""200 ms, a ramp."""
USAGE: Event = {
    "promptTokenCount": 110,
    "responseTokenCount": 50,
    "cachedContentTokenCount": 30,
    "totalTokenCount": 160,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 60},
        {"modality": "AUDIO", "tokenCount": 50},
    ],
    "cacheTokensDetails": [
        {"modality": "TEXT", "tokenCount": 20},
        {"modality": "AUDIO", "tokenCount": 10},
    ],
    "responseTokensDetails": [
        {"modality": "TEXT", "tokenCount": 10},
        {"modality": "AUDIO", "tokenCount": 40},
    ],
}


@dataclass
class Call:
    """One connection."""

    headers: dict[str, str]
    received: list[Event] = field(default_factory=list)
    """All messages but audio, with names in camel case."""
    audio: bytearray = field(default_factory=bytearray)
    """All that was heard: 16-bit mono PCM at 16 kHz."""
    socket: ServerConnection | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def setup(self) -> Event:
        """How it was set up."""
        return next(event["setup"] for event in self.received if "setup" in event)

    @property
    def history(self) -> list[tuple[str, str]]:
        """What was told to have been said before, by role."""
        turns = [
            turn
            for event in self.received
            if "clientContent" in event
            for turn in event["clientContent"]["turns"]
        ]
        return [(turn["role"], part["text"]) for turn in turns for part in turn["parts"]]

    @property
    def inputs(self) -> list[Any]:
        """What the user did: names of signals, texts, and `video` for images."""
        told = [event["realtimeInput"] for event in self.received if "realtimeInput" in event]
        return [one.get("text") or next(iter(one)) for one in told]

    @property
    def results(self) -> list[Event]:
        """What functions returned."""
        told = [event["toolResponse"] for event in self.received if "toolResponse" in event]
        return [one for response in told for one in response["functionResponses"]]

    def abort(self) -> None:
        """Break the connection off."""
        assert self.socket is not None
        self.socket.transport.abort()

    async def send(self, **event: Any) -> None:
        """Send a message that the service may send at any time."""
        assert self.socket is not None
        types.LiveServerMessage.model_validate(event)
        await self.socket.send(json.dumps(event).encode())


@dataclass
class FakeLive(SpeechSocket):
    """What it answers, and what it was asked."""

    FAULTS = ("status", "refusal", "cut_at", "reason", "silent", "garbage", "deaf")

    answer: list[str] = field(default_factory=lambda: ["It is", " sunny,", " and warm."])
    transcript: str = "what is the weather"
    tools: list[tuple[str, Event]] = field(default_factory=list)
    """Functions that are called instead of an answer, if they are declared, and their arguments."""
    pieces: int = 3
    """How many times `SOUND` is said."""
    plays: asyncio.Event | None = None
    """What the end of the service's turn waits for, as for the end of the sound."""
    status: int = 200
    """HTTP status of the handshake, unless it is 200."""
    refusal: tuple[int, str] | None = None
    """Close code and reason with which a setup is answered."""
    cut_at: str | None = None
    """Field of `serverContent` behind which the connection breaks off."""
    reason: str | None = None
    """Why turns are complete."""
    silent: bool = False
    """Never answer."""
    garbage: str | bytes | None = None
    """Sent in place of an answer."""
    deaf: bool = False
    """Write no transcripts."""
    counts_tenths: bool = False
    """Write how many tenths of a second it has heard, in place of `transcript`."""
    goes_on: bool = False
    """Do not end its turn where the user begins the next."""
    writes: Literal["spoken", "first", "generated", "complete"] = "first"
    """When a transcript is written: while the turn is spoken, before the answer, or behind the last
    of it or the end of its turn."""
    counts_alone: bool = False
    """Tell the usage in a message of its own, behind what it counts."""
    counts_sooner: bool = False
    """Tell the usage as soon as all has been made, before the turn ends."""
    uncounted: bool = False
    """Never tell any usage."""
    held: asyncio.Event | None = None
    """What a response waits for in its middle."""

    async def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        self.changed.set()
        if self.status == 200:
            return None
        body = json.dumps({"error": {"message": f"API key not valid: {KEY}."}})
        return connection.respond(HTTPStatus(self.status), body)

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        call = Call(dict(socket.request.headers), socket=socket)
        self.calls.append(call)
        self.changed.set()
        try:
            assert socket.request.path == PATH
            await _Session(self, call, socket).run()
        except ConnectionClosed:
            pass
        except _Refused as refused:
            self.objections.append(str(refused))
            await socket.close(1007, str(refused))
        except Exception as objection:
            self.objections.append(repr(objection))
            call.abort()
        finally:
            call.closed.set()
            self.changed.set()

    objections: list[str] = field(default_factory=list)


class _Refused(Exception):
    """What the service closes with 1007 for."""


def _need(what: Any, why: str) -> None:
    if not what:
        raise _Refused(f"Request contains an invalid argument: {why}.")


class _Session:
    def __init__(self, fake: FakeLive, call: Call, socket: ServerConnection) -> None:
        self.fake, self.call, self.socket = fake, call, socket
        self.ids = count(1)
        self.ready = False
        self.awaits_history = False
        self.active = False
        self.heard = 0
        """Bytes of sound in the activity."""
        self.pending: dict[str, str] = {}
        self.answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            async for message in self.socket:
                await self.take(json.loads(message))
                self.fake.changed.set()
        finally:
            if self.answering is not None:
                self.answering.cancel()

    async def send(self, **event: Any) -> None:
        await self.call.send(**event)
        if self.fake.cut_at in event.get("serverContent", {}):
            self.call.abort()
            await asyncio.Future()

    async def take(self, message: Event) -> None:
        event = _checked(message)
        ((kind, content),) = event.items()
        if "audio" not in content:
            self.call.received.append(event)
        if kind == "setup":
            await self.set_up(content)
            return
        _need(self.ready, "the setup is not complete")
        if kind == "clientContent":
            _need(self.awaits_history, "client content is for initial history alone")
            for turn in content["turns"]:
                _need(turn["role"] in ("user", "model"), "role")
                for part in turn["parts"]:
                    _need(set(part) <= {"text", "inlineData"}, "history is text")
            self.awaits_history = not content["turnComplete"]
        elif kind == "toolResponse":
            ids = [one["id"] for one in content["functionResponses"]]
            _need(ids and set(ids) == set(self.pending), f"calls {ids}")
            self.pending.clear()
            self.answer(self.say(heard=False))
        else:
            _need(not self.awaits_history, "the history is not complete")
            await self.realtime(content)

    async def set_up(self, setup: Event) -> None:
        _need(not self.ready, "the setup is complete already")
        fake = self.fake
        if fake.refusal is not None:
            await self.socket.close(*fake.refusal)
            return
        _need(setup["model"].startswith("models/"), "model")
        detection = setup["realtimeInputConfig"]["automaticActivityDetection"]
        _need(detection == {"disabled": True}, "these tests decide turns themselves")
        _need(setup["generationConfig"]["responseModalities"] == ["AUDIO"], "modalities")
        history = setup.get("historyConfig", {})
        self.awaits_history = history.get("initialHistoryInClientContent", False)
        self.ready = True
        await self.send(setupComplete={})

    async def realtime(self, told: Event) -> None:
        match told:
            case {"activityStart": _}:
                _need(not self.active, "the activity has begun already")
                self.active, self.heard = True, 0
                if not self.fake.goes_on:
                    await self.interrupt()
            case {"activityEnd": _}:
                _need(self.active, "there is no activity")
                self.active = False
                self.answer(self.say(heard=self.heard > 0))
            case {"audio": {"data": data, "mimeType": kind}}:
                _need(self.active, "sound outside of an activity is not heard")
                _need(kind == "audio/pcm;rate=16000", "rate")
                pcm = base64.urlsafe_b64decode(data)
                _need(len(pcm) % 2 == 0, "half a sample")
                self.call.audio += pcm
                if self.fake.writes == "spoken" and not self.heard:
                    await self.write()
                self.heard += len(pcm)
            case {"video": {"mimeType": kind}}:
                _need(self.active and kind.startswith("image/"), "image")
            case {"text": str()}:
                _need(self.active, "text outside of an activity")
            case _:
                _need(False, str(told)[:40])

    async def interrupt(self) -> None:
        if self.pending:
            ids = list(self.pending)
            self.pending.clear()
            await self.send(toolCallCancellation={"ids": ids})
        if self.answering is not None and not self.answering.done():
            self.answering.cancel()
            await self.send(serverContent={"interrupted": True})
            await self.send(serverContent={"turnComplete": True})

    def answer(self, work: Any) -> None:
        if self.fake.silent:
            work.close()
            return
        self.answering = asyncio.create_task(self.doing(work))

    async def doing(self, work: Any) -> None:
        try:
            await work
        except ConnectionClosed:
            return
        except Exception as objection:
            self.fake.objections.append(repr(objection))
            self.call.abort()

    async def say(self, heard: bool) -> None:
        fake = self.fake
        if fake.garbage is not None:
            await self.socket.send(fake.garbage)
            return
        writes = fake.writes if heard and not fake.deaf else None
        if writes == "first":
            await self.write()
        declared: list[str] = [
            one["name"]
            for tool in self.call.setup.get("tools", ())
            for one in tool["functionDeclarations"]
        ]
        calls: list[Event] = [
            {"id": f"function-call-{next(self.ids)}", "name": name, "args": arguments}
            for name, arguments in fake.tools
            if name in declared and not self.call.results
        ]
        if calls:
            self.pending = {call["id"]: call["name"] for call in calls}
            await self.counted(toolCall={"functionCalls": calls})
            return
        sound = {"data": base64.b64encode(SOUND).decode(), "mimeType": "audio/pcm;rate=24000"}
        for piece in range(max(fake.pieces, len(fake.answer))):
            if piece < fake.pieces:
                turn = {"role": "model", "parts": [{"inlineData": sound}]}
                await self.send(serverContent={"modelTurn": turn})
            if piece < len(fake.answer):
                await self.send(serverContent={"outputTranscription": {"text": fake.answer[piece]}})
            if fake.held is not None:
                await fake.held.wait()
        await self.send(serverContent={"generationComplete": True})
        if writes == "generated":
            await self.write()
        if fake.counts_sooner:
            await self.send(usageMetadata=USAGE)
        if fake.plays is not None:
            await fake.plays.wait()
        complete: Event = {"turnComplete": True}
        if fake.reason is not None:
            complete["turnCompleteReason"] = fake.reason
        await self.counted(serverContent=complete)
        if writes == "complete":
            await self.write()

    async def write(self) -> None:
        fake = self.fake
        text = f"{self.heard // 3200} tenths" if fake.counts_tenths else fake.transcript
        for word in re.findall(r"\S+\s*", text):
            await self.send(serverContent={"inputTranscription": {"text": word}})

    async def counted(self, **event: Any) -> None:
        """Send what ends something, with what it took."""
        fake = self.fake
        alone = fake.counts_alone or fake.uncounted or fake.counts_sooner
        await self.send(**event, **({} if alone else {"usageMetadata": USAGE}))
        if fake.counts_alone:
            await self.send(usageMetadata=USAGE)


def _checked(message: Event) -> Event:
    """Return a message in camel case; refuse what is none of the SDK's, or has more fields."""
    _need(len(message) == 1, "one message at a time")
    message = json.loads(json.dumps(message))
    setup = message.get("setup", {})
    # The SDK's type of a setup lacks it, and its converter writes it.
    realtime = setup.pop("realtimeInputConfig", setup.pop("realtime_input_config", None))
    try:
        read = types.LiveClientMessage.model_validate(message)
        turns = types.RealtimeInputConfig.model_validate(realtime or {})
    except ValueError as error:
        raise _Refused(" ".join(str(error).split())[:100]) from error
    written: Event = read.model_dump(mode="json", by_alias=True, exclude_none=True)
    if realtime is not None:
        written["setup"]["realtimeInputConfig"] = turns.model_dump(
            mode="json", by_alias=True, exclude_none=True
        )
    return written


@asynccontextmanager
async def fake_live(port: int = 0, **behaviour: Any) -> AsyncIterator[FakeLive]:
    """Run one on a loopback port; 0: a free one. Raises if its client broke the protocol."""
    async with listening(FakeLive(**behaviour), port) as fake:
        yield fake
        assert not fake.objections
