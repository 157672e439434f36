"""A server of ours before a scripted Realtime service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from config import Settings, load_settings
from pipeline_manager import pipelines_for
from tests.support.fake_realtime import KEY, FakeRealtime, fake_realtime
from tests.support.running_server import RunningServer, running
from tests.support.wire_client import WireClient, client


def upstream_settings(url: str, **changed: Any) -> Settings:
    """Settings with a Realtime service at `url`; `changed` are fields of `[upstream]`."""
    own = ("vad", "turns", "server", "stacks", "limits")
    groups = {name: changed.pop(name) for name in own if name in changed}
    upstream = {"provider": "openai", "url": url, "api_key": KEY, **changed}
    return load_settings(upstream=upstream, **groups)


@asynccontextmanager
async def before(url: str, **changed: Any) -> AsyncIterator[tuple[RunningServer, WireClient]]:
    """Run a server before the service at `url`, and a client of it."""
    settings = upstream_settings(url, **changed)
    async with running(settings, pipelines_for(settings)) as server, client(server.url) as wire:
        yield server, wire


@asynccontextmanager
async def stack(
    fake: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeRealtime, RunningServer, WireClient]]:
    """Run both; `fake` is how the service behaves."""
    async with (
        fake_realtime(**(fake or {})) as service,
        before(service.url, **changed) as (server, wire),
    ):
        yield service, server, wire
