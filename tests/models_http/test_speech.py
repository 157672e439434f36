"""`POST /v1/audio/speech` as the official SDK calls it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from typing import Any

import httpx2
import pytest
from openai import APIError, BadRequestError, InternalServerError, NotFoundError

from audio.pcm import duration_ms
from tests.providers.held import BROKEN, PIECE, HeldVoice
from tests.support.model_server import Models, models
from tests.support.running_server import plain_http, scripted_settings

TEXT = "Hello there, how are you?"
SCRIPTED_MS = 20 * len(TEXT)


def asked(**changed: Any) -> dict[str, Any]:
    fields = {"input": TEXT, "model": "tts-1", "voice": "alloy", "response_format": "pcm"}
    return {**fields, **changed}


async def spoken(server: Models, **changed: Any) -> bytes:
    answer = await server.sdk.audio.speech.create(**asked(**changed))
    return bytes(answer.read())


def events_in(text: str) -> list[dict[str, Any]]:
    lines = text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def test_a_text_is_spoken_as_pcm_of_24_khz():
    async with models() as server:
        response = await server.sdk.audio.speech.with_raw_response.create(**asked())
        assert response.headers["content-type"] == "audio/pcm"
        pcm = response.content
        assert duration_ms(pcm) == SCRIPTED_MS
        assert any(pcm)
        assert await server.counted("tts", "completed") == 1


async def test_the_first_audio_is_sent_while_the_rest_is_being_made():
    voice = HeldVoice()
    async with models(tts=voice) as server:
        create = server.sdk.audio.speech.with_streaming_response.create
        async with create(**asked()) as response:
            pieces = response.iter_bytes()
            first = await anext(pieces)
            assert not voice.go_on.is_set()
            voice.go_on.set()
            rest = b"".join([piece async for piece in pieces])
        assert first + rest == 2 * PIECE


async def test_small_pieces_behind_the_first_are_sent_together():
    async with models(scripted_settings(tts={"ms_per_character": 400})) as server:
        answer = await server.post(
            "/v1/audio/speech", json=asked(input="Hello", stream_format="sse")
        )
    sizes = [len(base64.b64decode(event.get("audio", ""))) for event in events_in(answer.text)]
    assert sum(sizes) == 2 * 24000 * 2
    # The last is the end, and before it what was left.
    assert all(size >= 9600 for size in sizes[1:-2])


@pytest.mark.parametrize("chosen", [{"id": "alloy"}, "marin"])
async def test_a_voice_is_named_in_either_form(chosen):
    async with models() as server:
        assert duration_ms(await spoken(server, voice=chosen)) == SCRIPTED_MS


@pytest.mark.parametrize("speed", [0.25, 1.5, 4])
async def test_speed_changes_the_length(speed):
    async with models() as server:
        pcm = await spoken(server, speed=speed)
    assert duration_ms(pcm) == pytest.approx(SCRIPTED_MS / speed, abs=60)


async def test_events_carry_the_audio():
    async with models() as server:
        answer = await server.post("/v1/audio/speech", json=asked(stream_format="sse"))
    assert answer.headers["content-type"] == "text/event-stream"
    events = events_in(answer.text)
    assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert duration_ms(audio) == SCRIPTED_MS


async def test_a_client_that_goes_stops_the_engine_and_frees_its_place():
    voice = HeldVoice()
    async with models(tts=voice) as server:
        create = server.sdk.audio.speech.with_streaming_response.create
        async with create(**asked()) as response:
            await anext(response.iter_bytes())
        async with asyncio.timeout(30):
            await voice.stopped.wait()
        await server.idle()
        assert await server.counted("tts", "abandoned") == 1
        voice.go_on.set()
        assert await spoken(server) == 2 * PIECE


async def test_a_client_that_goes_before_the_first_audio_stops_the_engine():
    voice = HeldVoice(first=0)
    async with models(tts=voice) as server:
        call = asyncio.create_task(spoken(server))
        await voice.begun.wait()
        call.cancel()
        async with asyncio.timeout(30):
            await voice.stopped.wait()
        await server.idle()
        assert await server.counted("tts", "abandoned") == 1


async def test_a_failure_before_the_first_audio_has_a_status_and_names_the_reason():
    voice = HeldVoice(first=0, failure=BROKEN)
    voice.go_on.set()
    async with models(tts=voice) as server:
        with pytest.raises(InternalServerError) as failed:
            await spoken(server)
        assert failed.value.code == "provider_error"
        assert "TTS held failed: the engine broke" in failed.value.message
        assert await server.counted("tts", "failed") == 1


async def test_a_failure_in_the_middle_is_an_error_and_no_short_answer():
    voice = HeldVoice(failure=BROKEN)
    async with models(tts=voice) as server:
        create = server.sdk.audio.speech.with_streaming_response.create
        async with create(**asked()) as response:
            pieces = response.iter_bytes()
            await anext(pieces)
            voice.go_on.set()
            with pytest.raises(httpx2.RemoteProtocolError, match="incomplete"):
                [piece async for piece in pieces]
        assert await server.counted("tts", "failed") == 1


async def test_events_name_a_failure_in_the_middle():
    voice = HeldVoice(failure=BROKEN)
    async with models(tts=voice) as server, plain_http() as http:
        body = asked(stream_format="sse")
        async with http.stream("POST", f"{server.base}/audio/speech", json=body) as response:
            lines = response.aiter_lines()
            await anext(lines)
            voice.go_on.set()
            last = [line async for line in lines if line.startswith("data: ")][-1]
    error = json.loads(last.removeprefix("data: "))["error"]
    assert error["code"] == "provider_error"
    assert "the engine broke" in error["message"]


async def test_a_voice_that_falls_silent_fails():
    settings = scripted_settings(
        tts={"provider": "scripted", "options": {"fail": "hang"}, "timeout_s": 0.05, "retries": 0}
    )
    async with models(settings) as server:
        create = server.sdk.audio.speech.with_streaming_response.create
        async with create(**asked()) as response:
            with pytest.raises(httpx2.RemoteProtocolError):
                [piece async for piece in response.iter_bytes()]
        await server.idle()
        assert await server.counted("tts", "failed") == 1


async def test_who_finds_no_place_is_told_at_once_to_come_back():
    voice = HeldVoice()
    settings = scripted_settings(model_server={"queue": 1})
    async with models(settings, tts=voice) as server:
        calls = [asyncio.create_task(spoken(server)) for _ in range(2)]
        places = server.voice_places
        async with asyncio.timeout(30):
            while (places.running, places.waiting) != (1, 1):
                await asyncio.sleep(0)
        refused = await server.post("/v1/audio/speech", json=asked())
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "server_overloaded"
        voice.go_on.set()
        assert await asyncio.gather(*calls) == [2 * PIECE] * 2
        assert await server.counted("tts", "refused") == 1
        assert await server.counted("tts", "completed") == 2


async def test_a_call_that_waits_is_forgotten_when_its_client_goes():
    voice = HeldVoice()
    async with models(tts=voice) as server:
        first = asyncio.create_task(spoken(server))
        await voice.begun.wait()
        second = asyncio.create_task(spoken(server, input="never"))
        places = server.voice_places
        async with asyncio.timeout(30):
            while not places.waiting:
                await asyncio.sleep(0)
        second.cancel()
        async with asyncio.timeout(30):
            while places.waiting:
                await asyncio.sleep(0)
        voice.go_on.set()
        assert await first == 2 * PIECE
    assert voice.asked == [TEXT]


async def test_a_client_that_stops_reading_is_cut_off():
    long = scripted_settings(tts={"ms_per_character": 10_000}, model_server={"stall_s": 0.05})
    async with models(long) as server:
        body = json.dumps(asked(input="x" * 60)).encode()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", int(server.http.rpartition(":")[2])))
            head = (
                f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            deaf.sendall(head.encode() + body)
            async with asyncio.timeout(60):
                while not await server.counted("tts", "abandoned"):
                    pass
            assert server.voice_places.running == 0
            deaf.settimeout(60)
            # The answer ends before its end.
            received = b""
            while piece := await asyncio.to_thread(deaf.recv, 1 << 20):
                received += piece
            assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("changed", "status", "named"),
    [
        ({"model": "whisper-1"}, NotFoundError, "ask for 'scripted'"),
        ({"response_format": "ogg"}, BadRequestError, "'pcm'"),
        ({"speed": 5}, BadRequestError, "speed"),
        ({"instructions": "Whisper."}, BadRequestError, "'instructions'"),
        ({"input": " "}, BadRequestError, "nothing to say"),
        ({"input": "x" * 21}, BadRequestError, "model_server.input_chars"),
        ({"extra_body": {"seed": 1}}, BadRequestError, "'seed'"),
    ],
)
async def test_what_is_not_done_is_refused_by_name(changed, status, named):
    settings = scripted_settings(model_server={"input_chars": 20})
    async with models(settings) as server:
        with pytest.raises(status, match=named):
            await spoken(server, **{"input": "Hello.", **changed})


async def test_an_unknown_voice_is_refused_with_those_that_there_are():
    voice = HeldVoice()
    voice.voices = frozenset({"anna"})
    voice.named_voices = {"alloy": "anna"}
    voice.go_on.set()
    async with models(tts=voice) as server:
        with pytest.raises(BadRequestError, match=r"'bob' is none of .*alloy, anna"):
            await spoken(server, voice="bob")
        assert await spoken(server, voice="anna") == 2 * PIECE


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_request_is_refused(body):
    async with models() as server:
        answer = await server.post("/v1/audio/speech", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_an_error_that_the_sdk_reads_from_events():
    """The form of the error is the one that OpenAI's SDK raises for."""
    voice = HeldVoice(failure=BROKEN)
    voice.go_on.set()
    async with models(tts=voice) as server:
        stream = await server.sdk.post(
            "/audio/speech",
            body=asked(stream_format="sse"),
            cast_to=dict,
            stream=True,
            stream_cls=_stream(),
        )
        with pytest.raises(APIError, match="the engine broke"):
            [event async for event in stream]


def _stream() -> Any:
    from openai import AsyncStream

    return AsyncStream[dict[str, Any]]
