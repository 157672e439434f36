"""`POST …/calls`: offers, sessions, answers and refusals (protocol §D.2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.fake_calls import ANSWER, OFFER, FakeClient, fake_calls
from tests.support.keys import KEY
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}


class Server:
    """A server with fake media, and a client of its HTTP side."""

    def __init__(self, server: RunningServer, clients: list[FakeClient], http: httpx.AsyncClient):
        self.running = server
        self.clients = clients
        self.http = http

    async def post(self, path: str = "/v1/realtime/calls", **request: Any) -> httpx.Response:
        if not request.keys() & {"content", "files"}:
            request = {**request, "content": OFFER}
            request["headers"] = {**SDP, **request.get("headers", {})}
        return await self.http.post(f"{self.running.http}{path}", **request)

    async def form(self, path: str = "/v1/realtime/calls", **parts: str) -> httpx.Response:
        """Post a form, whose parts have no file names."""
        return await self.post(path, files={name: (None, part) for name, part in parts.items()})

    async def greeting(self) -> dict[str, Any]:
        """The first event of the last call."""
        event = await self.clients[-1].event()
        assert event["type"] in ("session.created", "transcription_session.created")
        session: dict[str, Any] = event["session"]
        return session


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    with fake_calls() as clients:
        async with running() as started, plain_http() as http:
            yield Server(started, clients, http)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _hung_up(server: Server) -> AsyncIterator[None]:
    yield
    for client in server.clients:
        client.leave()
    await server.running.emptied()


async def test_a_bare_offer_is_answered_with_the_place_of_the_call(server: Server) -> None:
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
    server: Server, session: str, instructions: str | None, named: str | None
) -> None:
    files = {"sdp": (named, OFFER, SDP["Content-Type"]), "session": (named, session)}
    assert (await server.post(files=files)).status_code == 201
    greeted = await server.greeting()
    assert instructions is None or greeted["instructions"] == instructions
    assert greeted["model"] == ("gpt-realtime-2" if instructions else "gpt-realtime")


async def test_a_form_need_not_have_a_session_at_all(server: Server) -> None:
    assert (await server.form(sdp=OFFER)).status_code == 201


async def test_a_session_may_only_transcribe(server: Server) -> None:
    assert (await server.form(sdp=OFFER, session='{"type":"transcription"}')).status_code == 201
    assert (await server.greeting())["type"] == "transcription"
    assert (await server.post("/v1/realtime/calls?intent=transcription")).status_code == 201
    assert (await server.greeting())["type"] == "transcription"


@pytest.mark.parametrize(
    "path", ["/v1/realtime", "/openai/v1/realtime", "/openai/v1/realtime/calls"]
)
async def test_the_other_paths_take_offers_too(server: Server, path: str) -> None:
    answer = await server.post(path)
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{path.removesuffix('/calls')}/calls/rtc_")
    assert "output_modalities" in await server.greeting()


@pytest.mark.parametrize("path", ["/openai/realtime/calls", "/v1/realtime"])
async def test_beta_is_spoken_where_it_is_asked_for(server: Server, path: str) -> None:
    answer = await server.post(path, headers={"OpenAI-Beta": "realtime=v1"})
    assert answer.status_code == 201
    assert "modalities" in await server.greeting()


async def test_what_a_client_secret_fixes_holds_and_the_request_adds_to_it(server: Server) -> None:
    minted = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Minted."}
    asked = {"session": minted}
    secrets = f"{server.running.http}/v1/realtime/client_secrets"
    secret = (await server.http.post(secrets, json=asked)).json()["value"]
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
    server: Server, request_: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await server.post(**request_)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"}
    assert await server.running.active_sessions() == 0


async def test_a_page_may_read_the_answer_and_ask_with_headers_of_its_own(server: Server) -> None:
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


async def test_a_page_from_elsewhere_may_not_call(server: Server) -> None:
    answer = await server.post(headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"


async def test_calls_count_among_the_sessions_before_they_connect() -> None:
    settings = scripted_settings(limits={"sessions": 1})
    with fake_calls(connect=False) as clients:
        async with running(settings) as started, plain_http() as http:
            server = Server(started, clients, http)
            first = await server.post()
            assert first.status_code == 201
            full = await server.post()
            assert (full.status_code, full.json()["error"]["code"]) == (429, "server_overloaded")
            assert "retry-after" in full.headers
            await server.http.delete(f"{started.http}{first.headers['location']}")
            await started.emptied()
            assert (await server.post()).status_code == 201


async def test_keys_are_asked_for_and_limit_what_each_has() -> None:
    settings = scripted_settings(server={"api_keys": [KEY]}, limits={"sessions_per_key": 1})
    with fake_calls() as clients:
        async with running(settings) as started, plain_http() as http:
            server = Server(started, clients, http)
            for headers in ({}, {"Authorization": "Bearer wrong-key-of-16-letters"}):
                refused = await server.post(headers=headers)
                assert refused.status_code == 401
                assert refused.headers["www-authenticate"] == "Bearer"
            bearer = {"Authorization": f"Bearer {KEY}"}
            assert (await server.post(headers=bearer)).status_code == 201
            full = await server.post(headers=bearer)
            assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limit_exceeded")
