"""Which model names open a session, and how a client looks one up (protocol §D.7)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from openai import AsyncOpenAI, NotFoundError
from websockets.asyncio.client import connect

from tests.support.running_server import (
    SCRIPTED,
    RunningServer,
    plain_http,
    running,
    scripted_settings,
)
from tests.support.wire_client import client, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETA = {"OpenAI-Beta": "realtime=v1"}
UNLISTED = ["my-model", "meta-llama/Llama-3:8b", "模型", "a name\nwith a break", "x" * 3000]
PATHS = ["/v1/models", "/openai/models", "/openai/v1/models"]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def strict() -> AsyncIterator[RunningServer]:
    llm = {**SCRIPTED["llm"], "model": "my-own"}
    settings = scripted_settings(server={"models_strict": True}, llm=llm)
    async with running(settings) as running_server:
        yield running_server


def at(server: RunningServer, model: str, path: str = "/v1/realtime") -> str:
    return f"ws://127.0.0.1:{server.port}{path}?model={quote(model, safe='')}"


@pytest.mark.parametrize("name", UNLISTED)
async def test_any_name_opens_a_session_and_is_echoed(server: RunningServer, name: str) -> None:
    async with client(at(server, name)) as wire:
        assert wire.events[0]["session"]["model"] == name
        await wire.say("hi")
        done = await wire.until("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_name_cannot_write_lines_into_the_log(
    server: RunningServer, lines: list[str]
) -> None:
    async with client(at(server, "m\nsess_1 closed after 1 s")), client(at(server, "x" * 3000)):
        pass
    opened = [line for line in lines if " opened by " in line]
    assert len(opened) == 2
    assert not any("\n" in line or len(line) > 300 for line in opened)


async def test_a_beta_client_may_name_any_model_too(server: RunningServer) -> None:
    for name in ("gpt-realtime-2", "my-model"):
        async with connect(at(server, name), additional_headers=BETA) as socket:
            assert json.loads(await socket.recv())["session"]["model"] == name


async def test_a_client_secret_may_name_any_model(server: RunningServer) -> None:
    async with plain_http() as http:
        body = {"session": {"type": "realtime", "model": "org/my-model"}}
        made = await http.post(f"{server.http}/v1/realtime/client_secrets", json=body)
    headers = {"Authorization": f"Bearer {made.json()['value']}"}
    async with client(at(server, "gpt-realtime"), additional_headers=headers) as wire:
        assert wire.events[0]["session"]["model"] == "org/my-model"


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime", "/openai/realtime"])
async def test_the_name_of_a_model_that_transcribes_opens_a_transcription_session(
    server: RunningServer, path: str
) -> None:
    async with connect(at(server, "gpt-4o-transcribe-2025-03-20", path)) as socket:
        assert "transcription" in json.dumps(json.loads(await socket.recv()))
    async with connect(at(server, "whisper-1", path)) as socket:
        created = json.loads(await socket.recv())
    beta = path == "/openai/realtime"
    assert created["type"] == ("transcription_session.created" if beta else "session.created")
    session = created["session"]
    given = session["input_audio_transcription"] if beta else None
    heard = given or session["audio"]["input"]["transcription"]
    assert heard["model"] == "whisper-1"


async def test_a_strict_server_refuses_it_as_the_service_does(strict: RunningServer) -> None:
    for name in ("whisper-1", "gpt-4o-transcribe"):
        error, code, _ = await refusal(at(strict, name))
        assert (error["code"], code) == ("invalid_model", 4000)
        assert error["message"].startswith(f'Model "{name}" is a transcription model and cannot')
        assert "?intent=transcription" in error["message"]


async def test_a_strict_server_takes_listed_names_alone(strict: RunningServer) -> None:
    for name in ("gpt-realtime", "gpt-realtime-2", "my-own"):
        async with client(at(strict, name)) as wire:
            assert wire.events[0]["session"]["model"] == name
    error, code, reason = await refusal(at(strict, "gpt-nope"))
    assert error["code"] == "invalid_model"
    assert error["message"].startswith('Model "gpt-nope" is not supported in realtime mode')
    assert "server.models_strict" in error["message"]
    assert (code, reason) == (4000, "invalid_request_error.invalid_model")
    await strict.emptied()


async def test_a_strict_server_keeps_ga_models_from_beta_clients(strict: RunningServer) -> None:
    error, code, _ = await refusal(at(strict, "gpt-realtime-2"), additional_headers=BETA)
    assert error["message"] == 'Model "gpt-realtime-2" is only available on the GA API.'
    assert code == 4000


async def test_a_strict_server_makes_no_secrets_for_other_names(strict: RunningServer) -> None:
    async with plain_http(base_url=strict.http) as http:
        body = {"session": {"type": "realtime", "model": "gpt-nope"}}
        refused = await http.post("/v1/realtime/client_secrets", json=body)
        error = refused.json()["error"]
        assert refused.status_code == 400
        assert (error["code"], error["param"]) == ("invalid_model", "session.model")
        assert "server.models_strict" in error["message"]
        beta = await http.post("/v1/realtime/sessions", json={"model": "gpt-nope"})
        assert (beta.status_code, beta.json()["error"]["code"]) == (400, "invalid_model")


async def test_azure_s_deployments_are_named_freely_on_a_strict_server_too(
    strict: RunningServer,
) -> None:
    async with client(at(strict, "my-deployment", "/openai/v1/realtime")) as wire:
        assert wire.events[0]["session"]["model"] == "my-deployment"
    async with plain_http(base_url=strict.http) as http:
        body = {"session": {"type": "realtime", "model": "my-deployment"}}
        made = await http.post("/openai/v1/realtime/client_secrets", json=body)
        assert made.status_code == 200
        assert (await http.get("/openai/v1/models/my-deployment")).status_code == 200
    # The name is Azure's alone: at OpenAI's path the secret's model is none.
    headers = {"Authorization": f"Bearer {made.json()['value']}"}
    url = strict.url.partition("?")[0]
    assert (await refusal(url, additional_headers=headers)).error["code"] == "invalid_model"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["gpt-realtime", "whisper-1", *UNLISTED[:3]])
async def test_a_name_that_opens_a_session_is_a_model(
    server: RunningServer, path: str, name: str
) -> None:
    async with plain_http(base_url=server.http) as http:
        listed = (await http.get(path)).json()["data"]
        found = await http.get(f"{path}/{quote(name)}")
        encoded = await http.get(f"{path}/{quote(name, safe='')}")
    assert found.status_code == 200
    told = found.json()
    assert encoded.json() == told
    stages = dict.fromkeys(("stt", "llm", "tts"), "scripted")
    assert told["stack"] == {"name": "default", **stages}
    assert told == {**listed[0], "id": name}
    assert listed[0]["object"] == "model"


async def test_the_sdk_retrieves_a_model(server: RunningServer, strict: RunningServer) -> None:
    async with AsyncOpenAI(api_key="x", base_url=f"{server.http}/v1") as sdk:
        assert (await sdk.models.retrieve("org/any")).id == "org/any"
    async with AsyncOpenAI(api_key="x", base_url=f"{strict.http}/v1", max_retries=0) as sdk:
        assert (await sdk.models.retrieve("my-own")).id == "my-own"
        with pytest.raises(NotFoundError) as caught:
            await sdk.models.retrieve("org/any")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "'org/any'" in caught.value.message


async def test_the_stack_is_not_told_to_the_holder_of_a_client_secret(
    server: RunningServer,
) -> None:
    async with plain_http(base_url=server.http) as http:
        minted = (await http.post("/v1/realtime/client_secrets", json={})).json()["value"]
        bearer = {"authorization": f"Bearer {minted}"}
        told = (await http.get("/v1/models/gpt-realtime", headers=bearer)).json()
    assert (told["id"], "stack" in told) == ("gpt-realtime", False)


async def test_no_model_is_nameless(server: RunningServer) -> None:
    async with plain_http(base_url=server.http) as http:
        answer = await http.get("/v1/models/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_models_are_beside_a_path_that_was_chosen() -> None:
    async with running(scripted_settings(server={"ws_path": "/api/v2/realtime"})) as server:
        base = f"{server.http}/api/v2"
        async with AsyncOpenAI(api_key="x", base_url=base) as sdk:
            assert (await sdk.models.retrieve("gpt-realtime")).id == "gpt-realtime"
            assert [model.id async for model in sdk.models.list()]
