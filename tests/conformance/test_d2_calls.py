"""`POST …/calls`: offers, sessions, answers and refusals (protocol §D.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, patch

import httpx
import pytest
import pytest_asyncio
from loguru import logger

from peers.base import NotConnected
from peers.webrtc.media_port import MissingLibrary
from settings.installation import add_extra
from tests.support.calls_server import SDP, CallsServer, calls_server
from tests.support.fake_calls import ANSWER, OFFER
from tests.support.keys import KEY, WRONG
from tests.support.running_server import plain_http, running, scripted_settings

if TYPE_CHECKING:
    from loguru import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def records() -> Iterator[list[dict[str, Any]]]:
    """The log's lines: what they are bound to, and their message."""
    found: list[dict[str, Any]] = []

    def keep(message: Message) -> None:
        found.append({**message.record["extra"], "message": message.record["message"]})

    sink = logger.add(keep, level="INFO")
    yield found
    logger.remove(sink)


async def form(server: CallsServer, **parts: str) -> httpx.Response:
    """Post a form, whose parts have no file names."""
    return await server.post(files={name: (None, part) for name, part in parts.items()})


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[CallsServer]:
    async with calls_server() as running_server:
        yield running_server


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_over(server: CallsServer) -> AsyncIterator[None]:
    yield
    await server.all_over()


async def test_a_bare_offer_is_answered_with_the_place_of_the_call(server: CallsServer) -> None:
    answer = await server.post("/v1/realtime/calls?model=gpt-realtime-mini")
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.text == ANSWER
    place = answer.headers["location"]
    assert place.startswith("/v1/realtime/calls/rtc_")
    assert len(place.rpartition("/")[2]) <= 32
    assert (await server.greeting())["model"] == "gpt-realtime-mini"


@pytest.mark.parametrize(
    ("session", "instructions"),
    [
        ('{"type":"realtime","model":"gpt-realtime-2","instructions":"Be brief."}', "Be brief."),
        ("null", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("named", [None, "offer.sdp"], ids=["bare", "as files"])
async def test_a_form_has_the_offer_and_may_have_the_session(
    server: CallsServer, session: str, instructions: str | None, named: str | None
) -> None:
    files = {"sdp": (named, OFFER, SDP["Content-Type"]), "session": (named, session)}
    assert (await server.post(files=files)).status_code == 201
    greeted = await server.greeting()
    assert instructions is None or greeted["instructions"] == instructions
    assert greeted["model"] == ("gpt-realtime-2" if instructions else "gpt-realtime")


async def test_a_form_need_not_have_a_session_at_all(server: CallsServer) -> None:
    assert (await form(server, sdp=OFFER)).status_code == 201


async def test_a_session_may_only_transcribe(server: CallsServer) -> None:
    assert (await form(server, sdp=OFFER, session='{"type":"transcription"}')).status_code == 201
    assert (await server.greeting())["type"] == "transcription"
    assert (await server.post("/v1/realtime/calls?intent=transcription")).status_code == 201
    assert (await server.greeting())["type"] == "transcription"


@pytest.mark.parametrize(
    "path", ["/v1/realtime", "/openai/v1/realtime", "/openai/v1/realtime/calls"]
)
async def test_the_other_paths_take_offers_too(server: CallsServer, path: str) -> None:
    answer = await server.post(path)
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{path.removesuffix('/calls')}/calls/rtc_")
    assert "output_modalities" in await server.greeting()


@pytest.mark.parametrize("path", ["/openai/realtime/calls", "/v1/realtime"])
async def test_beta_is_spoken_where_it_is_asked_for(server: CallsServer, path: str) -> None:
    answer = await server.post(path, headers={"OpenAI-Beta": "realtime=v1"})
    assert answer.status_code == 201
    assert "modalities" in await server.greeting()


async def test_what_a_client_secret_fixes_holds_and_the_request_adds_to_it(
    server: CallsServer,
) -> None:
    minted = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Minted."}
    secrets = f"{server.running.http}/v1/realtime/client_secrets"
    secret = (await server.http.post(secrets, json={"session": minted})).json()["value"]
    bearer = {"Authorization": f"Bearer {secret}"}
    assert (await server.post(headers=bearer)).status_code == 201
    assert (await server.greeting())["instructions"] == "Minted."
    own = json.dumps({"type": "realtime", "audio": {"output": {"speed": 1.2}}})
    files = {"sdp": (None, OFFER), "session": (None, own)}
    assert (await server.post(files=files, headers=bearer)).status_code == 201
    greeted = await server.greeting()
    assert greeted["instructions"] == "Minted."
    assert greeted["audio"]["output"]["speed"] == 1.2
    assert greeted["model"] == "gpt-realtime-2"
    other = {"sdp": (None, OFFER), "session": (None, '{"type":"transcription"}')}
    refused = await server.post(files=other, headers=bearer)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "session.type"


@pytest.mark.parametrize(
    ("request_", "status", "code", "param"),
    [
        ({"content": b"hello", "headers": SDP}, 400, "invalid_offer", None),
        ({"content": b"", "headers": SDP}, 400, "invalid_offer", None),
        ({"content": b"\xff\xfe", "headers": SDP}, 400, "invalid_value", "sdp"),
        ({"content": b"{}", "headers": {"Content-Type": "application/json"}}, 415,
         "unsupported_content_type", None),
        ({"content": OFFER.encode()}, 415, "unsupported_content_type", None),
        ({"content": b"v=0", "headers": {"Content-Type": "multipart/form-data"}}, 400,
         "invalid_multipart", None),
        ({"content": b"v=0", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400,
         "invalid_multipart", None),
        ({"files": {"session": (None, "null")}}, 400, "missing_required_parameter", "sdp"),
        ({"files": {f"p{n}": (None, "x") for n in range(100)}}, 400, "invalid_multipart", None),
        ({"files": {"sdp": (None, OFFER), "session": (None, "{")}}, 400, "invalid_json", "session"),
        ({"files": {"sdp": (None, OFFER), "session": (None, "[1]")}}, 400, "invalid_type",
         "session"),
        ({"files": {"sdp": (None, OFFER), "session": (None, "{}")}}, 400,
         "missing_required_parameter", "session.type"),
        ({"files": {"sdp": (None, OFFER), "session": (None, '{"type":"dance"}')}}, 400,
         "invalid_value", "session.type"),
        ({"files": {"sdp": (None, OFFER), "session": (None, '{"type":"realtime","voice":"x"}')}},
         400, "unknown_parameter", "session.voice"),
        ({"content": b"v=0" + b"\r\n" * 1024 * 1024, "headers": SDP}, 400, "invalid_value", None),
    ],
)  # fmt: skip
async def test_a_bad_request_is_told_what_is_wrong_with_it(
    server: CallsServer, request_: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await server.post(**request_)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert await server.running.active_sessions() == 0


async def test_a_page_may_read_the_answer_and_ask_with_headers_of_its_own(
    server: CallsServer,
) -> None:
    page = {"Origin": "http://localhost:3000"}
    asked = {
        **page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
    }
    url = f"{server.running.http}/v1/realtime/calls"
    allowed = await server.http.options(url, headers=asked)
    assert allowed.status_code == 200
    assert "x-openai-agents-sdk" in allowed.headers["access-control-allow-headers"]
    assert "DELETE" in allowed.headers["access-control-allow-methods"]
    answer = await server.post(headers=page)
    assert answer.headers["access-control-allow-origin"] == page["Origin"]
    assert "location" in answer.headers["access-control-expose-headers"].lower()


async def test_a_page_from_elsewhere_may_not_call(server: CallsServer) -> None:
    answer = await server.post(headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"


async def test_calls_count_among_the_sessions_before_they_connect() -> None:
    async with calls_server(scripted_settings(limits={"sessions": 1}), connect=False) as server:
        place = await server.call()
        full = await server.post()
        assert (full.status_code, full.json()["error"]["code"]) == (429, "server_overloaded")
        assert "retry-after" in full.headers
        assert await server.running.active_sessions() == 1
        assert (await server.hang_up(place)).status_code == 200
        await server.running.emptied()
        await server.call()


async def test_a_full_replica_answers_as_one_that_a_balancer_leaves_alone() -> None:
    replica = {"replica": "10.0.0.7", "secret": "a secret of replicas"}
    settings = scripted_settings(server=replica, limits={"sessions": 1})
    async with calls_server(settings, connect=False) as server:
        place = await server.call()
        assert place.rpartition("/")[2].startswith("rtc_10.0.0.7")
        full = await server.post()
        assert (full.status_code, full.json()["error"]["code"]) == (503, "server_overloaded")
        assert full.headers["retry-after"] == "2"
        assert (await server.hang_up(place)).status_code == 200


async def test_a_call_that_never_connects_ends_with_the_reason_in_the_log(
    records: list[dict[str, Any]],
) -> None:
    async with calls_server(connect=False) as server:
        await server.call()
        server.clients[0].link.fail(NotConnected("UDP is blocked; open the port."))
        await server.running.emptied()
        metrics = (await server.http.get(f"{server.running.http}/metrics")).text
    assert 'realtime_calls_total{outcome="unconnected"} 1.0' in metrics
    (told,) = (line for line in records if line.get("event") == "call.unconnected")
    (closed,) = (line for line in records if line.get("event") == "session.closed")
    assert told["session_id"] == closed["session_id"]
    assert told["reason"] == "UDP is blocked; open the port."
    assert closed["reason"] == "its client never connected"
    assert "jitter_ms" not in closed


async def test_the_log_and_the_metrics_tell_how_a_call_went(records: list[dict[str, Any]]) -> None:
    async with calls_server() as server:
        place = await server.call()
        await server.hang_up(place)
        await server.running.emptied()
        metrics = (await server.http.get(f"{server.running.http}/metrics")).text
    (opened,) = (line for line in records if line.get("event") == "session.opened")
    (closed,) = (line for line in records if line.get("event") == "session.closed")
    assert opened["call_id"] == place.rpartition("/")[2]
    figures = {name: closed[name] for name in ("loss_percent", "jitter_ms", "concealed_ms")}
    assert figures == {"loss_percent": 25, "jitter_ms": 3, "concealed_ms": 40}
    assert "round_trip_ms" not in closed
    assert "loss 25 %, jitter 3 ms, concealed 40 ms: it was hung up" in closed["message"]
    for sample in (
        'realtime_calls_total{outcome="connected"} 1.0',
        "realtime_call_loss_ratio_sum 0.25",
        "realtime_call_jitter_seconds_sum 0.003",
        "realtime_call_round_trip_seconds_count 0.0",
        "realtime_call_concealed_seconds_total 0.04",
    ):
        assert sample in metrics


async def test_keys_are_asked_for_and_limit_what_each_has() -> None:
    settings = scripted_settings(server={"api_keys": [KEY]}, limits={"sessions_per_key": 1})
    async with calls_server(settings) as server:
        for headers in ({}, {"Authorization": f"Bearer {WRONG}"}):
            refused = await server.post(headers=headers)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        bearer = {"Authorization": f"Bearer {KEY}"}
        await server.call(headers=bearer)
        full = await server.post(headers=bearer)
        assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limit_exceeded")


async def test_a_server_that_drains_takes_no_calls_and_ends_those_that_wait() -> None:
    async with calls_server(connect=False) as server:
        place = await server.call()
        await server.running.sessions.drain()
        assert await server.running.active_sessions() == 0
        refused = await server.post()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "server_draining")
        assert (await server.hang_up(place)).status_code == 404


async def test_without_the_library_a_call_is_told_what_to_install() -> None:
    missing = AsyncMock(side_effect=MissingLibrary("no aiortc"))
    with patch("serving.calls.registry.MediaPort.open", missing):
        async with running() as server, plain_http() as http:
            answer = await http.post(f"{server.http}/v1/realtime/calls", content=b"", headers=SDP)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (501, "webrtc_not_installed")
    assert str(add_extra("webrtc")) in error["message"]
