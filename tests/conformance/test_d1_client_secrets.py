"""Client secrets: made over HTTP, good for a WebSocket on any replica (protocol §D.1, D.5)."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import string
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError
from pydantic import SecretStr
from websockets.asyncio.client import connect

from audio.formats import AudioFormat, convert
from flow.steps import at_once
from serving.access.client_secrets import MAX_LENGTH, BadSecret, ClientSecrets
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.wire_client import PATIENCE_S, client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "a secret that replicas share"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": None,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running(scripted_settings(server={"secret": SECRET})) as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def sdk(server: RunningServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="none", base_url=f"{server.http}/v1", max_retries=0) as made:
        yield made


def bearer(key: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def base(server: RunningServer) -> str:
    return server.url.split("?")[0]


async def post(server: RunningServer, body: Any, name: str = "client_secrets") -> httpx.Response:
    async with plain_http() as http:
        # Escaped, as httpx would not write half a character.
        written = json.dumps(body)
        return await http.post(f"{server.http}/v1/realtime/{name}", content=written)


async def test_the_defaults_are_a_realtime_session_for_ten_minutes(server):
    before = int(time.time())
    async with plain_http() as http:
        made = await http.post(f"{server.http}/v1/realtime/client_secrets")
    after = int(time.time())
    assert made.status_code == 200
    body = made.json()
    assert list(body) == ["value", "expires_at", "session"]
    assert body["value"].startswith("ek_")
    assert before + 600 <= body["expires_at"] <= after + 600
    session = body["session"]
    assert session["expires_at"] == 0
    assert session["id"].startswith("sess_")
    async with client(server.url) as wire:
        greeting = wire.events[0]["session"]
    unique = {"id", "expires_at"}
    assert {k: v for k, v in session.items() if k not in unique} == {
        k: v for k, v in greeting.items() if k not in unique
    }
    assert list(session) == list(greeting)


async def test_the_minted_session_greets_whoever_brings_the_key(server, sdk):
    made = await sdk.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 7200},
        session={
            "type": "realtime",
            "model": "gpt-realtime-mini",
            "instructions": "Be brief. Ça va ? 你好",
            "tools": [TOOL],
            "tool_choice": {"type": "function", "name": "get_weather"},
            "tracing": {"workflow_name": "w"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "transcription": {"model": "whisper-1"},
                    "turn_detection": None,
                },
                "output": {"voice": "verse", "speed": 1.25},
            },
        },
    )
    assert made.session.type == "realtime"
    for _ in range(2):  # A key opens any number of sessions.
        # A browser names some model in its URL; what was minted holds.
        async with client(server.url, **bearer(made.value)) as wire:
            session = wire.events[0]["session"]
            assert session["model"] == "gpt-realtime-mini"
            assert session["instructions"] == "Be brief. Ça va ? 你好"
            assert session["tools"] == [TOOL]
            assert session["tool_choice"] == {"type": "function", "name": "get_weather"}
            assert session["tracing"] == {"workflow_name": "w"}
            assert session["truncation"]["retention_ratio"] == 0.5
            assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
            assert session["audio"]["input"]["turn_detection"] is None
            assert session["audio"]["output"]["voice"] == "verse"
            assert session["audio"]["output"]["speed"] == 1.25
            assert session["expires_at"] > 0
            updated = await wire.update(instructions="Be long.")
            assert updated["session"]["instructions"] == "Be long."
            assert updated["session"]["tools"] == [TOOL]


class Heard(NamedTuple):
    """How a session of either dialect greeted, took a spoken turn, and answered it."""

    greeting: dict[str, Any]
    offsets: tuple[int, int]
    answer: bytes


async def spoken_to(url: str, audio: bytes, *, key: str | None = None, beta: bool = False) -> Heard:
    """Append audio to a new session, without a word before, and wait for the answer."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    if beta:
        headers["OpenAI-Beta"] = "realtime=v1"
    events: list[dict[str, Any]] = []
    async with (
        connect(url, compression=None, additional_headers=headers) as socket,
        asyncio.timeout(PATIENCE_S),
    ):
        encoded = base64.b64encode(audio).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": encoded}))
        while not events or events[-1]["type"] != "response.done":
            events.append(json.loads(await socket.recv()))
    (start,) = [e for e in events if e["type"] == "input_audio_buffer.speech_started"]
    (stop,) = [e for e in events if e["type"] == "input_audio_buffer.speech_stopped"]
    deltas = [
        base64.b64decode(event["delta"])
        for event in events
        if event["type"] in ("response.output_audio.delta", "response.audio.delta")
    ]
    offsets = start["audio_start_ms"], stop["audio_end_ms"]
    return Heard(events[0]["session"], offsets, b"".join(deltas))


@pytest.mark.parametrize(
    ("minted", "in_beta"),
    [
        # Beta has no word for another rate (§B.16).
        *((AudioFormat("audio/pcm", rate), "pcm16") for rate in (8000, 16000, 48000)),
        (AudioFormat("audio/pcmu"), "g711_ulaw"),
    ],
    ids=lambda value: f"{value.name} {value.rate}" if isinstance(value, AudioFormat) else "",
)
async def test_a_minted_format_holds_from_the_first_append_on(server, minted, in_beta):
    usual = await spoken_to(server.url, speech())
    format_ = {"format": minted.wire()}
    made = (await post(server, session(audio={"input": format_, "output": format_}))).json()
    audio, key = at_once(convert(speech(), AudioFormat(), minted)), made["value"]
    ga = await spoken_to(server.url, audio, key=key)
    beta = await spoken_to(server.url, audio, key=key, beta=True)
    for heard in (ga, beta):
        for found, expected in zip(heard.offsets, usual.offsets, strict=True):
            assert abs(found - expected) <= 64
        longer_ms = len(heard.answer) / minted.bytes_per_ms - len(usual.answer) / 48
        assert 0 <= longer_ms <= 20
    for shown in (made["session"], ga.greeting):
        assert shown["audio"]["input"]["format"] == minted.wire()
        assert shown["audio"]["output"]["format"] == minted.wire()
    for name in ("input_audio_format", "output_audio_format"):
        assert beta.greeting[name] == in_beta


async def test_the_sdk_connects_with_its_key_and_no_model(server, sdk):
    made = await sdk.realtime.client_secrets.create(
        session={"type": "realtime", "output_modalities": ["text"]}
    )
    async with (
        AsyncOpenAI(api_key=made.value, base_url=f"{server.http}/v1") as browser,
        browser.realtime.connect() as connection,
    ):
        greeting = await connection.recv()
        assert greeting.type == "session.created"
        assert greeting.session.type == "realtime"
        assert greeting.session.output_modalities == ["text"]
        await connection.response.create()
        async for event in connection:
            if event.type == "response.done":
                assert event.response.status == "completed"
                break


async def test_a_key_for_transcription_opens_a_transcription_session(server, sdk):
    made = await sdk.realtime.client_secrets.create(
        session={
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}},
        }
    )
    assert made.session.type == "transcription"
    for query in ("", "?intent=transcription"):
        async with client(base(server) + query, **bearer(made.value)) as wire:
            session = wire.events[0]["session"]
            assert session["type"] == "transcription"
            assert session["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"


async def test_another_replica_takes_the_key_if_it_shares_the_secret(server):
    key = (await post(server, {})).json()["value"]
    ours = ClientSecrets(SecretStr(SECRET))
    assert ours.read(key, time.time()) == {"type": "realtime"}
    for other in (ClientSecrets(SecretStr("another shared secret")), ClientSecrets(None)):
        with pytest.raises(BadSecret) as caught:
            other.read(key, time.time())
        assert not caught.value.expired


async def test_no_character_of_a_key_can_be_changed():
    secrets = ClientSecrets(None)
    key = secrets.mint({"type": "realtime"}, 2**40)
    for index in range(len("ek_"), len(key)):
        other = "A" if key[index] != "A" else "B"
        with pytest.raises(BadSecret):
            secrets.read(key[:index] + other + key[index + 1 :], 0)
    for broken in ("ek_", "ek_é", key[:-4], key + "====", key + "AAAA", f"{key} "):
        with pytest.raises(BadSecret):
            secrets.read(broken, 0)


async def test_a_key_is_good_until_the_second_it_expires():
    secrets = ClientSecrets(None)
    key = secrets.mint({"type": "realtime"}, 1000)
    assert secrets.read(key, 999.9) == {"type": "realtime"}
    with pytest.raises(BadSecret) as caught:
        secrets.read(key, 1000)
    assert caught.value.expired


async def test_a_session_outlives_its_key(server, monkeypatch):
    made = (await post(server, {"expires_after": {"seconds": 10}})).json()
    async with client(server.url, **bearer(made["value"])) as wire:
        monkeypatch.setattr("serving.access.keys.time.time", lambda: made["expires_at"] + 1.0)
        await wire.update(instructions="Still here?")
        async with connect(server.url, **bearer(made["value"])) as socket:
            error = json.loads(await socket.recv())["error"]
            assert error["code"] == "invalid_api_key"
            assert "expired" in error["message"]
            await socket.wait_closed()
            assert socket.close_code == 3000


async def test_the_largest_key_fits_into_a_header_and_a_larger_one_is_refused(server):
    noise = "".join(random.Random(1).choices(string.printable[:90], k=9_000))
    size = 9_000
    while (made := await post(server, session(instructions=noise[:size]))).status_code == 400:
        error = made.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "session")
        size -= 100
    key = made.json()["value"]
    assert MAX_LENGTH - 200 < len(key) <= MAX_LENGTH
    async with client(server.url, **bearer(key)) as wire:
        assert wire.events[0]["session"]["instructions"] == noise[:size]


def session(type_: str = "realtime", **fields: Any) -> dict[str, Any]:
    return {"session": {"type": type_, **fields}}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "integer_below_min_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "integer_above_max_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": "60"}}, "invalid_type", "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
        ({"bogus": 1}, "unknown_parameter", "bogus"),
        ({"session": []}, "invalid_type", "session"),
        ({"session": {"instructions": "x"}}, "missing_required_parameter", "session.type"),
        (session("dictation"), "invalid_value", "session.type"),
        ({"session": {"type": 5}}, "invalid_type", "session.type"),
        (session(bogus=1), "unknown_parameter", "session.bogus"),
        (session(expires_at=0), "unknown_parameter", "session.expires_at"),
        (session(model="whisper-1"), "invalid_model", "session.model"),
        (session(model=5), "invalid_type", "session.model"),
        (session("transcription", instructions="x"), "unknown_parameter", "session.instructions"),
        (session("transcription", audio={"output": {}}), "unknown_parameter",
         "session.audio.output"),
        (session(audio={"input": {"format": {"type": "audio/pcm", "rate": 44100}}}),
         "invalid_value", "session.audio.input.format.rate"),
        ([], "invalid_type", None),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_as_in_an_update(server, body, code, param):
    answer = await post(server, body)
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused(server, body):
    async with plain_http() as http:
        answer = await http.post(f"{server.http}/v1/realtime/client_secrets", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


async def test_an_endless_body_is_not_read(server):
    async with plain_http() as http:
        body = b" " * (1024 * 1024 + 1)
        answer = await http.post(f"{server.http}/v1/realtime/client_secrets", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")


async def test_the_sdk_raises_with_the_code(server, sdk):
    with pytest.raises(BadRequestError) as caught:
        await sdk.realtime.client_secrets.create(session={"type": "realtime", "model": "whisper-1"})
    assert caught.value.code == "invalid_model"
    assert caught.value.param == "session.model"


async def test_the_beta_endpoint_makes_a_key_for_either_dialect(server, sdk):
    made = await sdk.beta.realtime.sessions.create(
        model="gpt-4o-realtime-preview",
        voice="sage",
        modalities=["text", "audio"],
        temperature=0.7,
        tools=[{**TOOL, "description": "Weather"}],
    )
    assert made.client_secret.value.startswith("ek_")
    assert made.voice == "sage"
    async with client(server.url, **bearer(made.client_secret.value)) as wire:
        greeting = wire.events[0]["session"]
        assert greeting["model"] == "gpt-4o-realtime-preview"
        assert greeting["audio"]["output"]["voice"] == "sage"
        assert greeting["tools"][0]["description"] == "Weather"
    async with (
        AsyncOpenAI(
            api_key=made.client_secret.value,
            websocket_base_url=f"ws://127.0.0.1:{server.port}/v1",
        ) as browser,
        browser.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        session_: Any = (await connection.recv()).to_dict()["session"]
        assert (session_["voice"], session_["temperature"]) == ("sage", 0.7)


async def test_a_beta_key_lasts_a_minute_unless_the_client_says(server):
    before = int(time.time())
    short = (await post(server, {"model": "gpt-realtime"}, "sessions")).json()
    long = (
        await post(server, {"client_secret": {"expires_after": {"seconds": 7000}}}, "sessions")
    ).json()
    after = int(time.time())
    assert before + 60 <= short["client_secret"]["expires_at"] <= after + 60
    assert before + 7000 <= long["client_secret"]["expires_at"] <= after + 7000


async def test_the_beta_transcription_endpoint_makes_a_key(server, sdk):
    made = await sdk.beta.realtime.transcription_sessions.create(
        input_audio_transcription={"model": "whisper-1"},
        input_audio_format="pcm16",
    )
    assert made.input_audio_transcription is not None
    assert made.input_audio_transcription.model == "whisper-1"
    async with client(base(server), **bearer(made.client_secret.value)) as wire:
        assert wire.events[0]["session"]["type"] == "transcription"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("sessions", {"bogus": 1}, "unknown_parameter"),
        ("sessions", {"model": "whisper-1"}, "invalid_model"),
        ("sessions", {"temperature": 2.0}, "decimal_above_max_value"),
        ("sessions", {"client_secret": {"bogus": 1}}, "unknown_parameter"),
        ("transcription_sessions", {"voice": "sage"}, "unknown_parameter"),
    ],
)
async def test_the_beta_endpoints_say_what_is_wrong(server, name, body, code):
    answer = await post(server, body, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_azure_s_path_makes_keys_too(server):
    async with plain_http() as http:
        made = await http.post(f"{server.http}/openai/v1/realtime/client_secrets", json={})
    assert made.json()["value"].startswith("ek_")


async def test_what_stock_clients_write_otherwise_is_minted_as_it_is_meant(server):
    """Half a character, a voice by its id, and the nulls of a typed client."""
    voice = {"id": "voice_1"}
    flat = {"instructions": "Hi \ud83d", "voice": voice, "include": None, "client_secret": None}
    nested = {
        "type": "realtime",
        "instructions": "Hi \ud83d",
        "audio": {"output": {"voice": voice}, "input": None},
    }
    made = [
        (await post(server, flat, "sessions")).json()["client_secret"]["value"],
        (await post(server, {"session": nested, "expires_after": None})).json()["value"],
    ]
    for key in made:
        async with client(base(server), **bearer(key)) as wire:
            opened = wire.events[0]["session"]
            assert opened["instructions"] == "Hi \ufffd"
            assert opened["audio"]["output"]["voice"] == "voice_1"


@pytest.mark.parametrize("path", ["client_secrets", "sessions", "transcription_sessions"])
@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b'{"tracing": {"metadata": {"a": NaN}}}',
        b'{"tracing": {"metadata": {"a": 1e999}}}',
        b'{"a": ' + b"[" * 100_000,
        b'{"tools": [' + b"1," * 100_000 + b"1]}",
    ],
)
async def test_a_body_that_is_no_proper_json_is_refused(server, path, body):
    async with plain_http() as http:
        answer = await http.post(f"{server.http}/v1/realtime/{path}", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
