"""A server whose three stages use one fake OpenAI-compatible service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from config import Settings, load_settings
from tests.support.fake_openai import FakeOpenAI
from tests.support.running_server import RunningServer, running, serving
from tests.support.wire_client import WireClient, client


def settings_for(base: str, **changed: dict[str, Any]) -> Settings:
    group = {"provider": "openai", "api_base": base, "api_key": "secret-key"}
    return load_settings(
        stt={**group, "model": "whisper-x", **changed.get("stt", {})},
        llm={**group, "model": "llama-x", **changed.get("llm", {})},
        tts={**group, "model": "kokoro-x", "voice_id": "af_heart", **changed.get("tts", {})},
        vad=changed.get("vad", {}),
        turns=changed.get("turns", {}),
    )


@asynccontextmanager
async def stack(
    **changed: dict[str, Any],
) -> AsyncIterator[tuple[FakeOpenAI, RunningServer, WireClient]]:
    fake = FakeOpenAI()
    async with serving(fake.app) as port:
        settings = settings_for(f"http://127.0.0.1:{port}/v1", **changed)
        async with running(settings) as server, client(server.url) as wire:
            yield fake, server, wire
