"""A real uvicorn on a free port, in the test's own event loop so that its tasks can be counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from config import Settings, load_settings
from main import create_app
from pipeline_manager import PipelineManager
from serving.open_sessions import OpenSessions
from serving.process.server import bound_socket
from serving.process.uvicorn_websocket import server_config

SCRIPTED: dict[str, dict[str, Any]] = {
    "stt": {"provider": "scripted", "options": {"delay_ms": 5, "text": "hello there"}},
    "llm": {"provider": "scripted", "options": {"first_token_ms": 5, "word_ms": 1}},
    "tts": {"provider": "scripted", "options": {"delay_ms": 5, "ms_per_character": 20}},
}


def plain_http(**options: Any) -> httpx.AsyncClient:
    """Return a client for servers on loopback, which reads no TLS certificates.

    Reading them takes longer than most tests.
    """
    return httpx.AsyncClient(verify=False, trust_env=False, **options)


@dataclass
class RunningServer:
    """A running server: its address and its parts."""

    port: int
    manager: PipelineManager
    sessions: OpenSessions

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime?model=gpt-realtime"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def emptied(self) -> None:
        """Wait until no session is open; a client sees the close shortly before."""
        async with asyncio.timeout(45), plain_http() as http:
            while await self._active_sessions(http):
                pass

    async def active_sessions(self) -> int:
        async with plain_http() as http:
            return await self._active_sessions(http)

    async def _active_sessions(self, http: httpx.AsyncClient) -> int:
        health = (await http.get(f"{self.http}/health")).json()
        return int(health["active_sessions"])


def scripted_settings(**changed: dict[str, Any]) -> Settings:
    """Settings with scripted providers; `changed` replaces options of a group, or a group."""
    groups: dict[str, dict[str, Any]] = {}
    for kind in {*SCRIPTED, *changed}:
        base = SCRIPTED.get(kind, {})
        given = changed.get(kind, {})
        if kind in SCRIPTED and "provider" not in given:
            groups[kind] = {**base, "options": {**base["options"], **given}}
        else:
            groups[kind] = given
    return load_settings(**groups)


@asynccontextmanager
async def serving(
    app: FastAPI, port: int = 0, settings: Settings | None = None
) -> AsyncIterator[int]:
    """Serve an application on a loopback port.

    Args:
        app: This server, or a fake of a provider's service.
        port: The port; 0: a free one.
        settings: Settings whose limits the sockets get.

    Yields:
        The port.
    """
    listener = bound_socket("127.0.0.1", port)
    server = uvicorn.Server(server_config(app, settings or scripted_settings()))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    ready = asyncio.Event()
    startup = server.startup

    async def announced(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        ready.set()

    server.startup = announced  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        await task
        raise RuntimeError("the server did not start")
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def _on_any_udp_port(settings: Settings) -> Settings:
    """Let the system choose the port of calls: servers of other tests have the usual one."""
    if settings.webrtc.udp_port is not None:
        return settings
    return settings.model_copy(
        update={"webrtc": settings.webrtc.model_copy(update={"udp_port": 0})}
    )


@asynccontextmanager
async def running(
    settings: Settings | None = None, manager: PipelineManager | None = None, port: int = 0
) -> AsyncIterator[RunningServer]:
    """Run the product; without arguments, with scripted providers, on a free port."""
    settings = _on_any_udp_port(settings or scripted_settings())
    manager = manager or PipelineManager(settings)
    app = create_app(settings, manager)
    async with serving(app, port, settings) as bound:
        await app.state.lifecycle.started()
        yield RunningServer(bound, manager, app.state.sessions)
