"""A running server of models, and the official SDK as its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from openai import AsyncOpenAI

from config import Settings
from models_http.app import models_app
from models_http.engines import Engines
from models_http.places import Places
from tests.support.running_server import plain_http, scripted_settings, serving


@dataclass
class Models:
    """A running server of models."""

    http: str
    engines: Engines
    sdk: AsyncOpenAI

    @property
    def base(self) -> str:
        """What a gateway is told as `api_base`."""
        return f"{self.http}/v1"

    async def get(self, path: str, **options: Any) -> Any:
        async with plain_http() as http:
            return await http.get(f"{self.http}{path}", **options)

    async def post(self, path: str, **options: Any) -> Any:
        async with plain_http() as http:
            return await http.post(f"{self.http}{path}", **options)

    async def counted(self, kind: str, outcome: str) -> int:
        """How many calls had an outcome so far."""
        text = (await self.get("/metrics")).text
        name = f'models_calls_total{{kind="{kind}",outcome="{outcome}"}} '
        return int(float(text.partition(name)[2].split("\n")[0]))

    @property
    def voice_places(self) -> Places:
        assert self.engines.tts is not None
        return self.engines.tts.places

    async def idle(self) -> None:
        """Wait until no call is being answered and no engine works."""
        async with asyncio.timeout(30):
            while self.engines.calls or any(one.places.running for one in self.engines.all):
                await asyncio.sleep(0)


@asynccontextmanager
async def models(
    settings: Settings | None = None, key: str = "none", **engines: Any
) -> AsyncIterator[Models]:
    """Serve models; without settings, scripted ones.

    Args:
        settings: The configuration.
        key: What the SDK sends.
        **engines: Engines of the test's own, and which kinds are served.
    """
    settings = settings or scripted_settings()
    served = Engines(settings, **engines)
    ready = asyncio.Event()
    app = models_app(settings, served, ready.set)
    async with serving(app, settings=settings) as port:
        async with asyncio.timeout(120):
            await ready.wait()
        http = f"http://127.0.0.1:{port}"
        # It reads no certificates, and keeps no connection for a test to hang on.
        client = httpx2.AsyncClient(verify=False, trust_env=False)
        sdk = AsyncOpenAI(api_key=key, base_url=f"{http}/v1", max_retries=0, http_client=client)
        try:
            yield Models(http, served, sdk)
        finally:
            await sdk.close()
