"""A server under test, `--testing`, and its HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from config import load_settings
from main import create_app
from tests.support.running_server import plain_http, serving

TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    for name in ("get_weather", "get_time")
]


@dataclass
class Double:
    """The server, and what a test asks of it."""

    url: str
    http: httpx.AsyncClient
    app: FastAPI

    async def script(self, *rules: dict[str, Any]) -> None:
        answer = await self.http.post("/testing/script", json=list(rules))
        assert answer.status_code == 200, answer.text

    async def events(self, **asked: str) -> list[dict[str, Any]]:
        answer = await self.http.get("/testing/events", params={"from": "client", **asked})
        assert answer.status_code == 200, answer.text
        return [told["event"] for told in answer.json()["events"]]

    async def sessions(self) -> list[dict[str, Any]]:
        sessions: list[dict[str, Any]] = (await self.http.get("/testing/sessions")).json()[
            "sessions"
        ]
        return sessions


@asynccontextmanager
async def double(**groups: dict[str, Any]) -> AsyncIterator[Double]:
    """Run a server under test on a free port."""
    server = {"testing": True, **groups.pop("server", {})}
    settings = load_settings(server=server, webrtc={"udp_port": 0}, **groups)
    app = create_app(settings, announce=lambda _banner: None)
    async with serving(app, 0, settings) as port:
        await app.state.lifecycle.started()
        async with plain_http(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            url = f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime"
            yield Double(url, http, app)
