"""Keys in URLs are taken out for good: no log, no metric and no error has one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from serving.access.url_keys import UrlKeys
from tests.support.keys import KEY, WRONG, guarded
from tests.support.running_server import plain_http
from tests.support.server_process import server_process, under_uvicorn


async def passed_on(path: str, query: str, *headers: tuple[bytes, bytes]) -> tuple[str, list[str]]:
    """Return the query and the added headers that the application gets."""
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": path,
        "query_string": query.encode(),
        "headers": [*headers],
    }

    async def application(given: Any, _receive: Any, _send: Any) -> None:
        # uvicorn writes its access log from the object that it made.
        assert given is scope

    async def silent(*_message: Any) -> Any:
        pytest.fail("nothing is received or sent")

    await UrlKeys(application)(scope, silent, silent)
    added = [f"{name.decode()}: {value.decode()}" for name, value in scope["headers"]]
    return scope["query_string"].decode(), added[len(headers) :]


@pytest.mark.parametrize(
    ("query", "left", "header"),
    [
        ("api-key=k", "", ["api-key: k"]),
        ("a=1&api-key=k&b=2", "a=1&b=2", ["api-key: k"]),
        ("a=%20&API-KEY=k%2Fk", "a=%20", ["api-key: k/k"]),
        ("api%2dkey=k", "", ["api-key: k"]),
        ("Authorization=Bearer+k&a=1", "a=1", ["authorization: Bearer k"]),
        ("api-key=k&api-key=other", "", ["api-key: k"]),
        ("api-key=", "", []),
        ("api-key", "", []),
        ("x-api-key=k&model=api-key", "x-api-key=k&model=api-key", []),
        ("", "", []),
    ],
)
async def test_a_key_becomes_the_header_that_it_stands_for(
    query: str, left: str, header: list[str]
) -> None:
    assert await passed_on("/openai/realtime", query) == (left, header)
    # Elsewhere it is taken out all the same, and counts for nothing.
    assert await passed_on("/v1/realtime", query) == (left, [])


@pytest.mark.parametrize("name", [b"api-key", b"Authorization"])
async def test_whoever_sends_headers_means_those(name: bytes) -> None:
    sent = (name, b"x")
    assert await passed_on("/openai/v1/realtime", "api-key=k", sent) == ("", [])


async def _knock(http: str) -> list[str]:
    """Send keys in every place of every kind of request; return what must not be seen."""
    ws = http.replace("http", "ws")
    ways = [f"api-key={key}" for key in (KEY, WRONG)]
    ways += [f"Authorization=Bearer+{key}" for key in (KEY, WRONG)]
    ways += [f"api%2Dkey={quote(KEY)}"]
    # Under names that nobody has agreed on, a key counts for nothing, and is not logged either.
    ways += [f"api_key={KEY}", f"key={KEY}", f"x;api_key={KEY}", KEY, f"x='&subscription-key={KEY}"]
    paths = ["/openai/realtime", "/openai/v1/realtime", "/v1/realtime", "/nowhere"]
    for path in paths:
        for way in ways:
            try:
                async with connect(f"{ws}{path}?model=mine&{way}") as socket:
                    await socket.recv()
            except InvalidStatus as refused:
                body = bytes(refused.response.body or b"").decode()
                assert KEY not in body
                assert WRONG not in body
    headers = [{"Authorization": f"Bearer {KEY}"}, {"api-key": KEY}, {"api-key": WRONG}]
    for header in headers:
        async with connect(f"{ws}/v1/realtime", additional_headers=header) as socket:
            await socket.recv()
    browser = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{KEY}")]
    async with connect(f"{ws}/v1/realtime", subprotocols=browser) as socket:
        await socket.recv()
    async with plain_http(base_url=http) as client:
        for way in ways:
            for path in ("/openai/v1/models/one", "/v1/models", "/nowhere", "/metrics"):
                answer = await client.get(f"{path}?{way}")
                assert KEY not in answer.text
                assert WRONG not in answer.text
        made = await client.post(
            "/openai/v1/realtime/client_secrets", json={}, params={"api-key": KEY}
        )
        secret = made.json()["value"]
        async with connect(f"{ws}/openai/v1/realtime?api-key={secret}") as socket:
            await socket.recv()
        metrics = (await client.get("/metrics", headers=headers[0])).text
        assert KEY not in metrics
        assert WRONG not in metrics
    return [KEY, WRONG, secret]


def _nothing_in(log: str, secrets: list[str]) -> None:
    for secret in secrets:
        for line in log.splitlines():
            assert secret not in line
            assert quote(secret, safe="") not in line


@pytest.mark.long
@pytest.mark.parametrize("json_log", ["true", "false"])
async def test_the_most_talkative_server_logs_no_key(json_log: str) -> None:
    talkative = {"REALTIME_SERVER__DEBUG": "true", "REALTIME_SERVER__LOG_JSON": json_log}
    async with server_process(REALTIME_API_KEYS=KEY, **talkative) as server:
        secrets = await _knock(server.http)
        server.process.terminate()
        await server.ended()
        log = server.logged()
    assert "WebSocket /openai/realtime?***" in log, "the access log is off"
    assert "GET /openai/v1/models/one" in log, "the access log is off"
    _nothing_in(log, secrets)


@pytest.mark.long
async def test_the_most_talkative_uvicorn_logs_no_key() -> None:
    async with under_uvicorn(REALTIME_API_KEYS=KEY, REALTIME_SERVER__DEBUG="true") as server:
        secrets = await _knock(server.http)
    log = "".join(server.said)
    assert "Started scope=" in log, "uvicorn does not trace"
    assert "< GET /openai/realtime?***" in log, "the handshake's lines are not logged"
    assert "< api-key: ***" in log
    _nothing_in(log, secrets)


async def test_no_trace_of_a_request_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI would make spans, with the URL in them, wherever a tracer is installed."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    async with guarded() as server, plain_http(base_url=server.http) as http:
        answer = await http.get(f"/openai/v1/models?api-key={KEY}")
        assert answer.status_code == 200
    assert exporter.get_finished_spans() == ()
