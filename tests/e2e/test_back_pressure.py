"""Clients that do not read, or never stop writing: neither costs memory, nor time of others."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pipecat.frames.frames import Frame as PipelineFrame
from pipecat.frames.frames import TTSAudioRawFrame
from websockets.frames import Frame, Opcode

from flow import outbox, steps
from flow.outbox import HIGH_WATER_BYTES
from providers.scripted import _ScriptedTTSService
from serving.process import uvicorn_websocket
from session.reports import Report, TextMade
from tests.providers.model_vendors import OPENAI
from tests.support.counts import counted
from tests.support.deaf_client import KERNEL_BYTES, MIB, Deaf, deaf
from tests.support.running_server import (
    RunningServer,
    plain_http,
    running,
    scripted_settings,
)
from tests.support.session_driver import encoded
from tests.support.wire_client import client
from transport import RealtimeTransport

ENDLESS = "Go on. " * 60
"""Spoken, it takes half an hour."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_TIMEOUT_S", 0.3)
    monkeypatch.setattr(uvicorn_websocket, "CUT_AFTER_S", 0.3)


async def ask(wire: Deaf, server: RunningServer) -> None:
    """Have something said, and wait until it has begun."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    await wire.send("conversation.item.create", item=item)
    await wire.send("response.create")
    async with asyncio.timeout(20):
        while not await sent_bytes(server):
            pass


def talkative() -> Any:
    llm = {"text": ENDLESS, "first_token_ms": 1, "word_ms": 0}
    return scripted_settings(llm=llm, tts={"delay_ms": 1, "ms_per_character": 5000})


async def sent_bytes(server: RunningServer, http: httpx.AsyncClient | None = None) -> float:
    """Base64 of audio that has been made for clients."""
    samples = await counted(server, http)
    return (
        samples.get('realtime_audio_seconds_total{direction="out",stack="default"}', 0.0)
        * 48_000
        * 4
        / 3
    )


async def test_nothing_more_is_made_for_a_client_that_does_not_read() -> None:
    async with running(talkative()) as server, deaf(server) as wire:
        await ask(wire, server)
        async with asyncio.timeout(60), plain_http() as http:
            made, unchanged = 0.0, 0
            while unchanged < 30:
                before, made = made, await sent_bytes(server, http)
                unchanged = unchanged + 1 if made == before else 0
                # All of it would be 75 MiB; this is what the way to the client can hold.
                assert made < HIGH_WATER_BYTES + KERNEL_BYTES


async def test_the_voice_waits_for_a_client_that_does_not_read(monkeypatch: pytest.MonkeyPatch):
    spoken = 0
    speak = _ScriptedTTSService.run_tts

    async def counting(
        service: _ScriptedTTSService, text: str, context_id: str
    ) -> AsyncGenerator[PipelineFrame | None, None]:
        nonlocal spoken
        async for made in speak(service, text, context_id):
            spoken += len(made.audio) if isinstance(made, TTSAudioRawFrame) else 0
            yield made

    monkeypatch.setattr(_ScriptedTTSService, "run_tts", counting)
    async with running(talkative()) as server, deaf(server) as wire:
        await ask(wire, server)
        async with asyncio.timeout(60), plain_http() as http:
            before, unchanged = 0, 0
            while unchanged < 30:
                await sent_bytes(server, http)
                unchanged = unchanged + 1 if spoken == before else 0
                before = spoken
                # Base64 is a third longer. A little is between the voice and the client.
                assert spoken < (HIGH_WATER_BYTES + KERNEL_BYTES) * 3 / 4 + 4 * MIB


async def test_a_client_that_stops_reading_is_given_up_and_cut_off(
    impatient: None, lines: list[str]
) -> None:
    async with running(talkative()) as server, deaf(server) as wire:
        await ask(wire, server)
        await server.emptied()
        assert [line for line in lines if "the client stopped reading" in line]
        # The connection is gone, too, not waiting for a client that will never read.
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                while True:
                    await wire.ping()
                    await asyncio.sleep(0)


async def test_a_client_that_reads_again_in_time_is_told_why(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn_websocket, "CUT_AFTER_S", 30)
    async with running(talkative()) as server, deaf(server) as wire:
        await ask(wire, server)
        await server.emptied()
        closed: list[Frame] = []
        async with asyncio.timeout(20):
            while not closed:
                closed = [frame for frame in await wire.read() if frame.opcode is Opcode.CLOSE]
        assert int.from_bytes(closed[0].data[:2], "big") == 1008
        assert b"does not read" in closed[0].data


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="/proc")
async def test_a_client_that_floods_without_reading_waits_and_others_do_not() -> None:
    """Each of its requests is answered with 640 KiB; all of them together would be 600 MiB."""
    asked = 1000
    async with running() as server, deaf(server) as wire:
        audio = {"type": "input_audio", "audio": encoded(bytes(480_000)), "transcript": "x"}
        item = {"type": "message", "role": "user", "id": "item_1", "content": [audio]}
        await wire.send("conversation.item.create", item=item)
        before = resident_bytes()
        for _ in range(asked):
            await wire.send("conversation.item.retrieve", item_id="item_1")
        async with client(server.url) as other:
            for _ in range(5):
                await other.say("hi")
                await other.until("response.done")
        assert resident_bytes() - before < 100 * MIB
        retrieved = 0
        async with asyncio.timeout(60):
            # Nothing is lost: what it asked for is there when it reads.
            while retrieved < 20:
                frames = await wire.read()
                retrieved += sum(b"conversation.item.retrieved" in frame.data for frame in frames)
        assert resident_bytes() - before < 100 * MIB


# --- work that has to wait ---


async def test_a_client_that_is_slowed_down_and_vanishes_ends_its_session() -> None:
    """Nobody reads from it meanwhile: only what it is sent can tell."""
    bounds = {"append_burst_s": 1, "append_speed": 1, "buffered_audio_s": 3600}
    pings = {"ping_interval_s": 0.2, "ping_timeout_s": 0.2}
    manual = {"type": "none"}
    hurried = scripted_settings(limits={**bounds, **pings}, vad=manual)
    async with running(hurried) as server, client(server.url) as wire:
        five_minutes = bytes(300 * 48_000)
        flood = asyncio.create_task(wire.append(five_minutes * 2, step=len(five_minutes)))
        async with asyncio.timeout(20), plain_http() as http:
            while (await counted(server, http))[
                'realtime_audio_seconds_total{direction="in",stack="default"}'
            ] < 300:
                pass
        wire.socket.transport.abort()
        await server.emptied()
        await asyncio.wait([flood])


async def test_what_a_client_says_is_a_sign_of_life_once() -> None:
    """It may be gone after it; the next ping finds out."""
    pings = {"ping_interval_s": 0.2, "ping_timeout_s": 0.2}
    async with running(scripted_settings(limits=pings)) as server, deaf(server) as wire:
        while not any(frame.opcode is Opcode.PING for frame in await wire.read()):
            pass
        last_words = Frame(Opcode.TEXT, b"{}").serialize(mask=True)
        await asyncio.get_running_loop().sock_sendall(wire.socket, last_words)
        await server.emptied()


@asynccontextmanager
async def hurried_model(words: int) -> AsyncIterator[Any]:
    """A model whose whole answer is there at once; yields the settings of a server that uses it."""
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "x"}
    said = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    ended = {"index": 0, "delta": {}, "finish_reason": "stop"}
    lines = [json.dumps({**chunk, "choices": [choice]}) for choice in [*[said] * words, ended]]
    body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield OPENAI.settings(f"http://127.0.0.1:{port}")


async def test_a_model_that_never_pauses_leaves_others_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hundreds of its words arrive in one packet."""
    monkeypatch.setattr(steps, "AT_A_STRETCH_S", 0)
    turn = 0
    words_in: Counter[int] = Counter()
    report = RealtimeTransport.report

    def counted(transport: RealtimeTransport, made: Report) -> None:
        words_in[turn] += isinstance(made, TextMade)
        report(transport, made)

    async def take_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(RealtimeTransport, "report", counted)
    async with (
        hurried_model(2000) as settings,
        running(settings) as server,
        client(server.url) as wire,
    ):
        await wire.update(output_modalities=["text"])
        others = asyncio.create_task(take_turns())
        await wire.say("hi")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"
        others.cancel()
    assert words_in.total() >= 2000
    assert max(words_in.values()) <= 2
