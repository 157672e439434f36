"""The providers of language models, each with its fake, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from config import Settings
from tests.providers.fakes.anthropic import FakeAnthropic
from tests.providers.fakes.chat import FakeChat, FakeOllama
from tests.providers.fakes.gemini import FakeGemini
from tests.providers.fakes.model_server import ModelServer
from tests.support.running_server import RunningServer, running, scripted_settings, serving
from tests.support.wire_client import WireClient, client

KEY = "a-key-that-nobody-may-see"
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
"""An image."""


@dataclass(frozen=True)
class Vendor:
    """A provider."""

    name: str
    fake: Callable[[], ModelServer]
    path: str
    """Behind the host in `llm.api_base`."""
    model: str
    key: str
    """What a remedy for a wrong key must name."""
    unknown_model: str
    """What a remedy for an unknown model must name."""

    def settings(self, origin: str, **changed: Any) -> Settings:
        return scripted_settings(
            llm={
                "provider": self.name,
                "api_base": f"{origin}{self.path}",
                "api_key": KEY,
                "model": self.model,
                **changed,
            }
        )


OPENAI = Vendor("openai", FakeChat, "/v1", "llama-x", "OPENAI_API_KEY", "REALTIME_LLM__MODEL")
OLLAMA = Vendor("ollama", FakeOllama, "", "llama3.2", "llm.api_key", "ollama pull llama3.2")
ANTHROPIC = Vendor(
    "anthropic", FakeAnthropic, "", "claude-x", "ANTHROPIC_API_KEY", "REALTIME_LLM__MODEL"
)
GOOGLE = Vendor("google", FakeGemini, "", "gemini-x", "GOOGLE_API_KEY", "REALTIME_LLM__MODEL")
VENDORS = (OPENAI, OLLAMA, ANTHROPIC, GOOGLE)


@asynccontextmanager
async def product(vendor: Vendor, **changed: Any) -> AsyncIterator[tuple[Any, RunningServer]]:
    """Run the product with a vendor's model on loopback; yields the fake and the server."""
    fake = vendor.fake()
    async with serving(fake.app) as port:
        settings = vendor.settings(f"http://127.0.0.1:{port}", **changed)
        async with running(settings) as server:
            yield fake, server


@asynccontextmanager
async def text_session(server: RunningServer) -> AsyncIterator[WireClient]:
    """Open a session that is answered in writing."""
    async with client(server.url) as wire:
        await wire.update(output_modalities=["text"])
        yield wire


@asynccontextmanager
async def conversation(vendor: Vendor, **changed: Any) -> AsyncIterator[tuple[Any, WireClient]]:
    """Run the product with a vendor's model; yields the fake and a session."""
    async with product(vendor, **changed) as (fake, server), text_session(server) as wire:
        yield fake, wire


async def answer(wire: WireClient, text: str = "hi") -> dict[str, Any]:
    """Say something and return the response."""
    await wire.say(text)
    response: dict[str, Any] = (await wire.until("response.done"))["response"]
    return response


def text_of(response: dict[str, Any]) -> str:
    """Return what a text response says."""
    text: str = response["output"][0]["content"][0]["text"]
    return text


def failure(response: dict[str, Any]) -> dict[str, str]:
    """Return the error of a response that must have failed."""
    assert response["status"] == "failed", response
    error: dict[str, str] = response["status_details"]["error"]
    assert KEY not in error["message"]
    return error
