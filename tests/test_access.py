"""Who is let in: keys, client secrets, web pages, and the addresses the server listens to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from loguru import logger
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from access import check_exposure, is_loopback
from config import ConfigError, load_settings
from tests.running_server import SCRIPTED, RunningServer, plain_http, running
from tests.wire_client import client

KEY = "a-key-of-the-operator"
OTHER = "another-key-of-theirs"
WRONG = "a-key-nobody-has-given"


@asynccontextmanager
async def guarded(**server: Any) -> AsyncIterator[RunningServer]:
    groups = {**SCRIPTED, "server": {"api_keys": [KEY, OTHER], **server}}
    async with running(load_settings(**groups)) as running_server:
        yield running_server


async def refusal(server: RunningServer, **options: Any) -> tuple[dict[str, Any], int]:
    """The error event and the close code of a connection that is refused."""
    async with connect(server.url, **options) as socket:
        event = json.loads(await socket.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert event["type"] == "error"
    assert closed.value.rcvd is not None
    return event["error"], closed.value.rcvd.code


@pytest.mark.parametrize("key", [KEY, OTHER])
@pytest.mark.parametrize("place", ["bearer", "azure", "browser"])
async def test_a_key_opens_a_session_wherever_it_stands(key, place):
    places: dict[str, dict[str, Any]] = {
        "bearer": {"additional_headers": {"Authorization": f"Bearer {key}"}},
        "azure": {"additional_headers": {"api-key": key}},
        "browser": {
            "subprotocols": [
                Subprotocol("realtime"),
                Subprotocol(f"openai-insecure-api-key.{key}"),
            ]
        },
    }
    async with guarded() as server, client(server.url, **places[place]):
        assert await server.active_sessions() == 1


async def test_whoever_has_no_key_is_told_and_turned_away():
    async with guarded() as server:
        error, code = await refusal(server)
        assert (error["code"], code) == (None, 3000)
        assert error["message"] == "Missing bearer or basic authentication in header"
        headers = {"Authorization": f"Bearer {WRONG}"}
        error, code = await refusal(server, additional_headers=headers)
        assert (error["code"], code) == ("invalid_api_key", 3000)
        assert WRONG not in error["message"]
        azure = server.url.replace("/v1/realtime", "/openai/v1/realtime")
        with pytest.raises(InvalidStatus) as refused:
            await connect(azure, additional_headers={"api-key": WRONG})
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/audio/voices"),
        ("GET", "/metrics"),
        ("GET", "/ready"),
        ("POST", "/v1/realtime/client_secrets"),
        ("POST", "/v1/realtime/sessions"),
        ("POST", "/v1/realtime/calls"),
    ],
)
async def test_every_endpoint_but_health_needs_a_key(method, path):
    async with guarded() as server, plain_http(base_url=server.http) as http:
        refused = await http.request(method, path, json={})
        assert refused.status_code == 401
        assert "authentication" in refused.json()["error"]["message"]
        headers = {"Authorization": f"Bearer {KEY}"}
        assert (await http.request(method, path, json={}, headers=headers)).status_code != 401
        assert (await http.get("/health")).status_code == 200


async def test_a_client_secret_opens_a_session_but_makes_no_further_ones():
    async with guarded() as server, plain_http(base_url=server.http) as http:
        path = "/v1/realtime/client_secrets"
        made = await http.post(path, json={}, headers={"Authorization": f"Bearer {KEY}"})
        bearer = {"Authorization": f"Bearer {made.json()['value']}"}
        async with client(server.url, additional_headers=bearer):
            pass
        assert (await http.get("/v1/models", headers=bearer)).status_code == 200
        refused = await http.post(path, json={}, headers=bearer)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("allowed", "origin", "let_in"),
    [
        ([], "https://evil.example", False),
        ([], "http://localhost:3000", True),
        ([], "http://127.0.0.1", True),
        ([], "null", False),
        (["https://app.example"], "https://app.example", True),
        (["https://app.example"], "https://app.example.evil", False),
        (["*"], "https://anybody.example", True),
    ],
)
async def test_web_pages_connect_only_from_where_they_may(allowed, origin, let_in):
    groups = {**SCRIPTED, "server": {"allowed_origins": allowed}}
    async with running(load_settings(**groups)) as server:
        async with plain_http(base_url=server.http) as http:
            answer = await http.get("/v1/models", headers={"Origin": origin})
            assert ("access-control-allow-origin" in answer.headers) == let_in
        if let_in:
            async with client(server.url, origin=Origin(origin)):
                pass
        else:
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url, origin=Origin(origin))
            assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("server", "refused"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "192.168.1.5"}, True),
        ({"host": "0.0.0.0", "insecure": True}, False),
        ({"host": "0.0.0.0", "api_keys": [KEY]}, False),
    ],
)
def test_other_machines_are_served_only_with_keys_or_on_purpose(server, refused):
    settings = load_settings(server=server)
    if refused:
        with pytest.raises(ConfigError, match=r"REALTIME_API_KEYS.*--insecure"):
            check_exposure(settings.server)
    else:
        check_exposure(settings.server)


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "localhost"])
def test_what_is_loopback(host):
    assert is_loopback(host)


def test_keys_come_from_variables_and_must_not_be_guessable(monkeypatch):
    monkeypatch.setenv("REALTIME_API_KEYS", f"{KEY}, {OTHER}")
    keys = [key.get_secret_value() for key in load_settings().server.api_keys]
    assert keys == [KEY, OTHER]
    monkeypatch.setenv("REALTIME_API_KEYS", "short")
    with pytest.raises(ConfigError, match="at least 16 characters") as complaint:
        load_settings()
    assert "short" not in str(complaint.value)


async def test_no_key_reaches_the_log():
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE")
    try:
        async with guarded() as server:
            headers = {"Authorization": f"Bearer {KEY}"}
            async with client(server.url, additional_headers=headers) as wire:
                await wire.say("hi")
                await wire.until("response.done")
            await refusal(server, additional_headers={"Authorization": f"Bearer {WRONG}"})
    finally:
        logger.remove(sink)
    assert lines
    assert not any(key in line for line in lines for key in (KEY, WRONG))
