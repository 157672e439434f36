"""The handshake over a real socket: selectors, keys, subprotocols, refusals (protocol §D.7)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.support.running_server import RunningServer, running
from tests.support.wire_client import client, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


def at(server: RunningServer, query: str = "", path: str = "/v1/realtime") -> str:
    return f"ws://127.0.0.1:{server.port}{path}{query}"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("?model=gpt-realtime&call_id=rtc_1", None, "You must not provide model"),
        ("?intent=transcription&call_id=rtc_1", None, "You must not provide intent"),
        ("?intent=dance", "invalid_value",
         "Invalid value: 'dance'. Supported values are: 'transcription'."),
    ],
)  # fmt: skip
async def test_a_refusal_is_an_error_event_then_close_4000(
    server: RunningServer, query: str, code: str | None, message: str
) -> None:
    error, close_code, reason = await refusal(at(server, query))
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert error["message"].startswith(message)
    assert error["event_id"] is None
    assert close_code == 4000
    assert reason == (f"invalid_request_error.{code}" if code else "invalid_request_error")
    assert await server.active_sessions() == 0


async def test_an_unknown_call_fails_the_upgrade_itself(server: RunningServer) -> None:
    """§D.4: unlike anything else, this is an HTTP 404."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(at(server, "?call_id=rtc_1")):
            pass
    answer = caught.value.response
    assert answer.status_code == 404
    assert answer.body is not None
    assert json.loads(answer.body)["error"]["code"] == "call_id_not_found"


async def test_the_url_of_the_banner_works_without_any_selector(server: RunningServer) -> None:
    for query in ("", "?", "?model=", "?temperature=0.8&voice=alloy"):
        async with client(at(server, query)) as wire:
            assert wire.events[0]["session"]["model"] == "gpt-realtime"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer sk-anything"}},
        {"additional_headers": {"api-key": "anything"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.sk-x"]},
    ],
    ids=["none", "bearer", "azure", "browser"],
)
async def test_any_api_key_is_accepted(server: RunningServer, options: dict[str, Any]) -> None:
    async with client(server.url, **options) as wire:
        assert wire.types() == ["session.created"]


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"Authorization": "Bearer ek_forged"}},
        {"additional_headers": {"api-key": "ek_forged"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.ek_forged"]},
    ],
    ids=["bearer", "azure", "browser"],
)
async def test_a_forged_client_secret_is_closed_with_3000(
    server: RunningServer, options: dict[str, Any]
) -> None:
    error, close_code, reason = await refusal(server.url, **options)
    assert error["code"] == "invalid_api_key"
    assert error["message"].startswith("Incorrect API key provided: ")
    assert (close_code, reason) == (3000, "invalid_request_error.invalid_api_key")


async def test_of_all_that_a_browser_offers_only_realtime_is_answered(
    server: RunningServer,
) -> None:
    offered = [
        "openai-agents-sdk.0.1.0",
        "openai-insecure-api-key.none",
        "openai-organization.o",
        "openai-project.p",
        "realtime",
    ]
    async with connect(server.url, subprotocols=[Subprotocol(name) for name in offered]) as socket:
        assert socket.subprotocol == "realtime"
        assert json.loads(await socket.recv())["type"] == "session.created"


async def test_nothing_is_answered_when_realtime_is_not_offered(server: RunningServer) -> None:
    async with connect(server.url) as socket:
        assert socket.subprotocol is None
    only_a_key = [Subprotocol("openai-insecure-api-key.none")]
    async with connect(server.url, subprotocols=only_a_key) as socket:
        assert socket.subprotocol is None


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"OpenAI-Beta": "realtime=v1"}},
        {"subprotocols": ["realtime", "openai-beta.realtime-v1"]},
    ],
    ids=["header", "subprotocol"],
)
async def test_a_beta_client_is_greeted_in_its_dialect(
    server: RunningServer, options: dict[str, Any]
) -> None:
    async with connect(at(server, "?model=gpt-realtime"), **options) as socket:
        session = json.loads(await socket.recv())["session"]
        assert session["modalities"] == ["audio", "text"]
        assert "output_modalities" not in session
    async with connect(at(server, "?intent=transcription"), **options) as socket:
        assert json.loads(await socket.recv())["type"] == "transcription_session.created"


async def test_without_a_model_the_session_gets_the_server_s(server: RunningServer) -> None:
    async with client(server.url.split("?")[0]) as wire:
        assert wire.events[0]["session"]["model"] == "gpt-realtime"
