"""A wrong path is answered with the right one, by HTTP and in a handshake (protocol §D.7)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.keys import guarded
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.server_process import server_process, under_uvicorn

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = ["/realtime", "/v1/realtime/", "//v1/realtime", "/v1", "/v1/chat/completions"]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


async def denied(url: str, **options: Any) -> dict[str, Any]:
    """Return the error with which a handshake is refused by HTTP 404."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    answer = caught.value.response
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body is not None
    error: dict[str, Any] = json.loads(answer.body)["error"]
    return error


def check(error: dict[str, Any], path: str, right: str = "/v1/realtime") -> None:
    assert list(error) == ["message", "type", "param", "code"]
    assert (error["type"], error["param"]) == ("invalid_request_error", None)
    assert error["code"] == "not_found"
    assert f" {path})" in error["message"]
    assert f"WebSocket at {right}?model=" in error["message"]


@pytest.mark.parametrize("path", WRONG)
async def test_whatever_the_method_the_right_path_is_named(
    server: RunningServer, path: str
) -> None:
    async with plain_http(follow_redirects=False) as http:
        for method in METHODS:
            answer = await http.request(method, f"{server.http}{path}?model=gpt-realtime")
            assert answer.status_code == 404, method
            assert f"({method} " in answer.json()["error"]["message"]
            check(answer.json()["error"], path)
        assert (await http.head(f"{server.http}{path}")).status_code == 404


async def test_the_root_tells_the_addresses_in_one_line(server: RunningServer) -> None:
    async with plain_http(base_url=server.http) as http:
        told = await http.get("/?model=gpt-realtime", headers={"Host": "voice.example:81"})
        assert (told.status_code, told.headers["Content-Type"]) == (
            200,
            "text/plain; charset=utf-8",
        )
        [line] = told.text.splitlines()
        assert "ws://voice.example:81/v1/realtime; " in line
        assert line.endswith("http://voice.example:81/")
        assert (await http.head("/")).status_code == 200
        for method in METHODS[1:]:
            check((await http.request(method, "/")).json()["error"], "/")
    settings = scripted_settings(server={"console": False, "ws_path": "/chosen/realtime"})
    async with running(settings) as without, plain_http() as http:
        line = (await http.get(without.http)).text
        assert line.endswith(f"ws://127.0.0.1:{without.port}/chosen/realtime\n")


@pytest.mark.parametrize("path", ["/", *WRONG, "/v1/models", "/health", "/v1/realtime/calls"])
async def test_a_handshake_is_refused_with_the_right_path(
    server: RunningServer, path: str, lines: list[str]
) -> None:
    error = await denied(f"ws://127.0.0.1:{server.port}{path}?model=gpt-realtime")
    check(error, path)
    assert [line for line in lines if line.endswith("was refused: not_found")]
    assert not [line for line in lines if "handshake" in line]
    assert await server.active_sessions() == 0


async def test_the_path_is_the_one_that_was_chosen() -> None:
    async with running(scripted_settings(server={"ws_path": "/chosen/realtime"})) as server:
        base = f"127.0.0.1:{server.port}"
        check(await denied(f"ws://{base}/v1/realtime"), "/v1/realtime", "/chosen/realtime")
        async with plain_http() as http:
            answer = await http.get(f"http://{base}/realtime")
        check(answer.json()["error"], "/realtime", "/chosen/realtime")


async def test_azure_s_clients_are_told_azure_s_paths(server: RunningServer) -> None:
    error = await denied(f"ws://127.0.0.1:{server.port}/openai/deployments/mine/realtime")
    assert "/openai/v1/realtime" in error["message"]
    assert "/openai/realtime" in error["message"]


async def test_a_long_path_is_cut(server: RunningServer) -> None:
    async with plain_http() as http:
        answer = await http.get(f"{server.http}/{'x' * 5000}")
    assert answer.status_code == 404
    assert len(answer.json()["error"]["message"]) < 500


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/realtime", "POST"), ("DELETE", "/v1/models", "GET"), ("POST", "/ready", "GET")],
)
async def test_a_wrong_method_stays_one_and_has_a_body(
    server: RunningServer, method: str, path: str, allowed: str
) -> None:
    async with plain_http() as http:
        answer = await http.request(method, f"{server.http}{path}")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == allowed
    error = answer.json()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["code"] == "method_not_allowed"
    assert f"only {allowed} is" in error["message"]
    assert "WebSocket handshake at /v1/realtime" in error["message"]


async def test_keys_change_nothing_and_pages_of_others_read_nothing() -> None:
    async with guarded() as server, plain_http(base_url=server.http) as http:
        bare = await http.get("/v1/nothing")
        check(bare.json()["error"], "/v1/nothing")
        wrong = await http.get("/v1/nothing", headers={"Authorization": "Bearer wrong"})
        assert (wrong.status_code, wrong.content) == (404, bare.content)
        page = await http.get("/v1/nothing", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in page.headers


async def test_every_start_of_the_server_answers_so() -> None:
    async with server_process() as server:
        check(await denied(f"{server.http.replace('http', 'ws')}/realtime"), "/realtime")
    async with under_uvicorn() as other:
        check(await denied(f"{other.http.replace('http', 'ws')}/realtime"), "/realtime")
        async with plain_http() as http:
            answer = await http.post(f"{other.http}/realtime")
        check(answer.json()["error"], "/realtime")
    # uvicorn would take each refusal for an error of the application's.
    assert not [line for line in other.said if "ERROR" in line]
