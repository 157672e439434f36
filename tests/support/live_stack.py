"""A server of ours before a scripted Gemini Live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from config import Settings
from pipeline_manager import pipelines_for
from tests.support.fake_live import KEY, FakeLive, fake_live
from tests.support.running_server import RunningServer, running
from tests.support.upstream_stack import upstream_settings
from tests.support.wire_client import WireClient, client


def live_settings(url: str, **changed: Any) -> Settings:
    """Settings with Gemini Live at `url`; `changed` are fields of `[upstream]`, or groups."""
    return upstream_settings(url, **{"provider": "google", "api_key": KEY, **changed})


@asynccontextmanager
async def before(url: str, **changed: Any) -> AsyncIterator[tuple[RunningServer, WireClient]]:
    """Run a server before the service at `url`, and a client of it."""
    settings = live_settings(url, **changed)
    async with running(settings, pipelines_for(settings)) as server, client(server.url) as wire:
        yield server, wire


@asynccontextmanager
async def live_stack(
    fake: dict[str, Any] | None = None, **changed: Any
) -> AsyncIterator[tuple[FakeLive, RunningServer, WireClient]]:
    """Run both; `fake` is how the service behaves."""
    async with (
        fake_live(**(fake or {})) as service,
        before(service.base, **changed) as (server, wire),
    ):
        yield service, server, wire
