"""Requests on their way in: they have seats, must go on, and do not delay the end of the server."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from openai import InternalServerError

from audio.pcm import wav
from tests.providers.held import HeldRecogniser, HeldVoice
from tests.support.model_server import Models, models
from tests.support.running_server import scripted_settings

PATHS = {"stt": "/v1/audio/transcriptions", "tts": "/v1/audio/speech"}
KINDS = tuple(PATHS)


@asynccontextmanager
async def half_sent(server: Models, kind: str) -> AsyncIterator[socket.socket]:
    """Send a part of a request, and wait until it is being read."""
    head = (
        f"POST {PATHS[kind]} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    places = getattr(server.engines, kind).places
    with socket.create_connection(("127.0.0.1", int(server.http.rpartition(":")[2]))) as client:
        client.sendall(head.encode())
        async with asyncio.timeout(30):
            while not places.reading:
                await asyncio.sleep(0)
        client.settimeout(30)
        yield client


async def answered(client: socket.socket) -> tuple[int, str, bytes]:
    """Return the status, the code of the error, and the head of an answer."""
    received = b""
    while not received.endswith(b"}}"):
        received += await asyncio.to_thread(client.recv, 65536)
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"], head


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_leaves_during_its_upload_is_no_failure(kind, caplog):
    async with models() as server:
        async with half_sent(server, kind):
            pass
        await server.idle()
        assert await server.counted(kind, "abandoned") == 1
        assert await server.counted(kind, "failed") == 0
    # uvicorn logs what an application raises.
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_that_does_not_go_on_is_cut_off(kind):
    async with models(scripted_settings(model_server={"stall_s": 0.05})) as server:
        async with half_sent(server, kind) as client:
            status, code, head = await answered(client)
            assert (status, code) == (408, "request_timeout")
            assert b"connection: close" in head.lower()
        assert await server.counted(kind, "refused") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_upload_has_a_seat_and_who_finds_none_is_refused_unread(kind):
    own = {"stt": HeldRecogniser(), "tts": HeldVoice()}
    settings = scripted_settings(model_server={"queue": 0})
    async with models(settings, stt=own["stt"], tts=own["tts"]) as server:
        async with half_sent(server, kind):
            # Of its body nothing is sent, so it is refused by its head.
            with socket.create_connection(
                ("127.0.0.1", int(server.http.rpartition(":")[2]))
            ) as other:
                other.settimeout(30)
                head = f"POST {PATHS[kind]} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
                other.sendall(head.encode())
                assert (await answered(other))[:2] == (503, "server_overloaded")
        await server.idle()
        assert getattr(server.engines, kind).places.reading == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_the_end_of_the_server_waits_for_no_upload(kind):
    async with models() as server, half_sent(server, kind) as client:
        async with asyncio.timeout(30):
            await server.engines.drain(3600)
        assert (await answered(client))[:2] == (503, "server_draining")
        assert await server.counted(kind, "refused") == 1


async def test_reading_a_file_has_a_place():
    """Else as many files as there are connections would be decoded at a time."""
    recogniser = HeldRecogniser()
    async with models(scripted_settings(model_server={"queue": 1}), stt=recogniser) as server:
        create = server.sdk.audio.transcriptions.create
        good = ("a.wav", wav(bytes(48000)))
        first = asyncio.create_task(create(file=good, model="whisper-1"))
        await recogniser.begun.wait()
        second = asyncio.create_task(create(file=("b.wav", b"RIFF"), model="whisper-1"))
        assert server.engines.stt is not None
        places = server.engines.stt.places
        async with asyncio.timeout(30):
            while not places.waiting:
                await asyncio.sleep(0)
        # What is in the file, nobody has looked at: it waits.
        assert not second.done()
        with pytest.raises(InternalServerError, match="1 wait"):
            await create(file=good, model="whisper-1")
        recogniser.go_on.set()
        assert (await first).text == "held"
        with pytest.raises(Exception, match="no WAV"):
            await second
