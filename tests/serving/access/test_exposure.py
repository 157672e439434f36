"""A server without keys answers its own machine alone, however it is served."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from config import ConfigError, ServerConfig, load_settings
from main import create_app, main
from serving.access.exposure import check_exposure
from settings.origins import is_loopback
from tests.support.keys import KEY
from tests.support.running_server import SCRIPTED


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
def test_other_machines_are_served_only_with_keys_or_on_purpose(
    server: dict[str, Any], refused: bool
) -> None:
    settings = load_settings(server=server)
    if refused:
        with pytest.raises(ConfigError, match=r"REALTIME_API_KEYS.*--insecure"):
            check_exposure(settings.server)
    else:
        check_exposure(settings.server)


def test_the_command_line_refuses_to_serve_other_machines_without_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in ("STT", "LLM", "TTS"):
        monkeypatch.setenv(f"REALTIME_{kind}__PROVIDER", "scripted")
    monkeypatch.setattr("main.serve", lambda *_: pytest.fail("it serves"))
    with pytest.raises(SystemExit, match="REALTIME_API_KEYS"):
        main(["--host", "0.0.0.0", "--port", "0"])


def test_the_command_line_serves_them_when_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("STT", "LLM", "TTS"):
        monkeypatch.setenv(f"REALTIME_{kind}__PROVIDER", "scripted")
    served: list[ServerConfig] = []
    monkeypatch.setattr("main.serve", lambda _build, settings, *_: served.append(settings.server))
    main(["--host", "0.0.0.0", "--port", "0", "--insecure"])
    assert [(server.host, server.insecure) for server in served] == [("0.0.0.0", True)]


@pytest.mark.parametrize(
    ("server", "came_to", "served"),
    [
        ({}, "127.0.0.1", True),
        ({}, "192.168.1.5", False),
        ({"insecure": True}, "192.168.1.5", True),
        ({"api_keys": [KEY]}, "192.168.1.5", True),
    ],
)
async def test_however_it_is_served_networks_are_refused_without_keys(
    server: dict[str, Any], came_to: str, served: bool, lines: list[str]
):
    """As by `uvicorn main:app --host 0.0.0.0`, which asks nobody."""
    app = create_app(load_settings(**SCRIPTED, server=server))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{came_to}:8000") as http:
        answer = await http.get("/health")
    assert (answer.status_code != 403) == served
    assert ("REALTIME_API_KEYS" in answer.text) == (not served)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "path": "/v1/realtime",
        "raw_path": b"/v1/realtime",
        "query_string": b"model=m",
        "headers": [],
        "server": (came_to, 8000),
        "client": ("192.168.1.7", 5000),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    # Nothing has been started: who may ask is told so.
    assert sent[0]["status"] == (503 if served else 403)
    assert any("REALTIME_API_KEYS" in line for line in lines) == (not served)


@pytest.mark.parametrize("host", ["127.0.0.2", "::1", "localhost"])
def test_what_is_loopback(host: str) -> None:
    assert is_loopback(host)
