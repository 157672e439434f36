"""Azure's paths: their dialects, their keys in URLs, their deployments (protocol §D.7)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.keys import KEY, WRONG, guarded
from tests.support.running_server import RunningServer, plain_http, running
from tests.support.wire_client import client, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREVIEW, GA = "/openai/realtime", "/openai/v1/realtime"
BETA: dict[str, Any] = {"additional_headers": {"OpenAI-Beta": "realtime=v1"}}
BETA_SUBPROTOCOL: dict[str, Any] = {"subprotocols": ["realtime", "openai-beta.realtime-v1"]}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def locked() -> AsyncIterator[RunningServer]:
    async with guarded() as running_server:
        yield running_server


def at(server: RunningServer, path: str, query: str = "") -> str:
    return f"ws://127.0.0.1:{server.port}{path}{query}"


async def greeting(url: str, **options: Any) -> dict[str, Any]:
    async with connect(url, **options) as socket:
        event: dict[str, Any] = json.loads(await socket.recv())
        return event


@pytest.mark.parametrize("options", [{}, BETA, BETA_SUBPROTOCOL], ids=["none", "header", "sub"])
@pytest.mark.parametrize(
    "query",
    [
        "?deployment=mine",
        "?api-version=2024-10-01-preview&deployment=mine",
        "?api-version=2025-04-01-preview&model=mine",
        "?api-version=2025-08-28&deployment=mine",
    ],
)
async def test_the_path_chooses_the_dialect_whatever_else_says(
    server: RunningServer, query: str, options: dict[str, Any]
) -> None:
    preview = (await greeting(at(server, PREVIEW, query), **options))["session"]
    assert sorted(preview["modalities"]) == ["audio", "text"]
    assert "output_modalities" not in preview
    ga = (await greeting(at(server, GA, query), **options))["session"]
    assert ga["output_modalities"] == ["audio"]
    assert "modalities" not in ga
    assert preview["model"] == ga["model"] == "mine"


async def test_without_a_deployment_the_session_gets_the_server_s_model(
    server: RunningServer,
) -> None:
    for path in (PREVIEW, GA):
        assert (await greeting(at(server, path)))["session"]["model"] == "gpt-realtime"


async def test_a_deployment_may_transcribe(server: RunningServer) -> None:
    query = "?intent=transcription&deployment=my-ears"
    async with client(at(server, GA, query)) as wire:
        session = wire.events[0]["session"]
        assert session["type"] == "transcription"
        assert session["audio"]["input"]["transcription"]["model"] == "my-ears"
    created = await greeting(at(server, PREVIEW, query))
    assert created["type"] == "transcription_session.created"
    assert created["session"]["input_audio_transcription"]["model"] == "my-ears"


async def test_a_conversation_in_the_preview_is_beta_throughout(server: RunningServer) -> None:
    async with (
        AsyncAzureOpenAI(
            api_key="x",
            api_version="2024-10-01-preview",
            azure_endpoint=server.http,
            websocket_base_url=at(server, "/openai"),
        ) as azure,
        azure.beta.realtime.connect(model="mine") as connection,
    ):
        assert (await connection.recv()).type == "session.created"
        await connection.response.create(response={"modalities": ["text"]})
        seen = []
        async for event in connection:
            seen.append(event.type)
            if event.type == "response.done":
                break
        assert {"conversation.item.created", "response.text.delta"} <= {*seen}


async def test_the_sdk_of_openai_reaches_azure_s_ga(server: RunningServer) -> None:
    async with (
        AsyncOpenAI(api_key="x", base_url=f"{server.http}/openai/v1") as sdk,
        sdk.realtime.connect(model="my-deployment") as connection,
    ):
        assert (await connection.recv()).type == "session.created"


@pytest.mark.parametrize("path", [PREVIEW, GA])
@pytest.mark.parametrize(
    "query",
    [
        "?api-key={key}",
        "?api-version=2024-10-01-preview&deployment=mine&api-key={key}",
        "?api-key={key}&deployment=mine",
        "?Api-Key={key}",
        # Azure's JavaScript client sends tokens so.
        "?Authorization=Bearer+{key}",
        "?Authorization=Bearer%20{key}&deployment=mine",
    ],
)
async def test_browsers_send_the_key_in_the_url(
    locked: RunningServer, path: str, query: str
) -> None:
    created = await greeting(at(locked, path, query.format(key=KEY)))
    assert created["type"] == "session.created"
    for wrong in (WRONG, "", "ek_forged"):
        with pytest.raises(InvalidStatus) as refused:
            await greeting(at(locked, path, query.format(key=wrong)))
        answer = refused.value.response
        assert answer.status_code == 401
        assert answer.body is not None
        if wrong:
            assert wrong.encode() not in answer.body


async def test_a_header_counts_before_the_url(locked: RunningServer) -> None:
    url = at(locked, GA, f"?api-key={KEY}")
    for header in ({"api-key": WRONG}, {"Authorization": f"Bearer {WRONG}"}):
        with pytest.raises(InvalidStatus):
            await greeting(url, additional_headers=header)
    async with client(at(locked, GA, f"?api-key={WRONG}"), additional_headers={"api-key": KEY}):
        pass


@pytest.mark.parametrize("parameter", ["api-key=", "Authorization=Bearer+"])
async def test_elsewhere_a_key_in_the_url_counts_for_nothing(
    locked: RunningServer, parameter: str
) -> None:
    url = at(locked, "/v1/realtime", f"?model=gpt-realtime&{parameter}{KEY}")
    error, code, _ = await refusal(url)
    assert (error["message"], code) == ("Missing bearer or basic authentication in header", 3000)
    async with plain_http(base_url=locked.http) as http:
        assert (await http.get(f"/v1/models?{parameter}{KEY}")).status_code == 401
        assert (await http.get(f"/metrics?{parameter}{KEY}")).status_code == 401


async def test_a_client_secret_in_the_url_opens_its_session(locked: RunningServer) -> None:
    async with plain_http(base_url=locked.http) as http:
        body = {"session": {"type": "realtime", "model": "mine", "instructions": "Be brief."}}
        key = {"api-key": KEY}
        for path in (PREVIEW, GA):
            made = await http.post(f"{path}/client_secrets", json=body, headers=key)
            query = f"?api-key={made.json()['value']}"
            session = (await greeting(at(locked, path, query)))["session"]
            assert (session["model"], session["instructions"]) == ("mine", "Be brief.")


@pytest.mark.parametrize("path", [f"{PREVIEW}/sessions", "/openai/realtimeapi/sessions"])
async def test_the_preview_makes_client_secrets(locked: RunningServer, path: str) -> None:
    async with plain_http(base_url=locked.http) as http:
        query = {"api-version": "2025-04-01-preview"}
        body = {"model": "mine", "voice": "verse"}
        assert (await http.post(path, params=query, json=body)).status_code == 401
        made = await http.post(path, params=query, json=body, headers={"api-key": KEY})
    secret = made.json()["client_secret"]["value"]
    headers = {"Authorization": f"Bearer {secret}"}
    session = (await greeting(at(locked, PREVIEW), additional_headers=headers))["session"]
    assert (session["model"], session["voice"]) == ("mine", "verse")


async def test_a_client_of_ga_at_the_preview_is_told_where_ga_is(server: RunningServer) -> None:
    async with connect(at(server, PREVIEW)) as socket:
        await socket.recv()
        for name, value in (("type", "realtime"), ("audio", {}), ("output_modalities", ["text"])):
            await socket.send(json.dumps({"type": "session.update", "session": {name: value}}))
            error = json.loads(await socket.recv())["error"]
            assert (error["code"], error["param"]) == ("unknown_parameter", f"session.{name}")
            assert error["message"].startswith(f"Unknown parameter: 'session.{name}'.")
            assert GA in error["message"]
