"""The providers of language models, a row each: its fake, and its words for what all can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"type": "function", "name": name, "description": f"Does {name}.", "parameters": CITY}
    for name in ("get_weather", "get_time")
]


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
    choices: Sequence[tuple[Any, bool | None, Any]]
    """`tool_choice` and `parallel_tool_calls` of a session, and what the vendor is told."""
    unfinished: Mapping[str, str]
    """Why the vendor ends an answer before its end → what clients are told."""
    refused: Sequence[tuple[dict[str, Any], str]]
    """Settings that cannot work, and what the refusal names."""

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


LENGTH, FILTERED = "max_output_tokens", "content_filter"
ONE = {"type": "function", "name": "get_time"}
"""A choice: that function."""

_CHAT_CHOICES = (
    ("auto", None, {"tool_choice": "auto"}),
    ("auto", False, {"tool_choice": "auto", "parallel_tool_calls": False}),
    ("none", None, {"tool_choice": "none"}),
    ("required", True, {"tool_choice": "required", "parallel_tool_calls": True}),
    (ONE, None, {"tool_choice": {"type": "function", "function": {"name": "get_time"}}}),
)
_CHAT_UNFINISHED = {"length": LENGTH, "content_filter": FILTERED}
OPENAI = Vendor(
    "openai",
    FakeChat,
    path="/v1",
    model="llama-x",
    key="Check llm.api_key (REALTIME_LLM__API_KEY)",
    unknown_model="REALTIME_LLM__MODEL",
    choices=_CHAT_CHOICES,
    unfinished=_CHAT_UNFINISHED,
    refused=[
        ({"api_key": None, "api_base": None}, "OPENAI_API_KEY"),
        ({"api_base": "ws://localhost:1"}, "llm.api_base"),
        ({"options": {"cache": True}}, "llm.options.cache"),
        ({"options": {"messages": "sorted"}}, "llm.options.messages.*'alternating'"),
        ({"options": {"audios": 1}}, "llm.options.audios.*llm.audio_input"),
        ({"options": {"audios": 0}, "audio_input": True}, "llm.options.audios"),
    ],
)
OLLAMA = Vendor(
    "ollama",
    FakeOllama,
    path="",
    model="llama3.2",
    key="llm.api_key",
    unknown_model="ollama pull llama3.2",
    choices=_CHAT_CHOICES,
    unfinished=_CHAT_UNFINISHED,
    refused=[
        ({"options": {"cache": True}}, "llm.options.cache"),
        ({"options": {"messages": "sorted"}}, "llm.options.messages.*'alternating'"),
        ({"options": {"audios": 1}}, "llm.options.audios"),
    ],
)
ANTHROPIC = Vendor(
    "anthropic",
    FakeAnthropic,
    path="",
    model="claude-x",
    key="Check llm.api_key.",
    unknown_model="REALTIME_LLM__MODEL",
    choices=[
        ("auto", None, {"type": "auto"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        (ONE, False, {"type": "tool", "name": "get_time", "disable_parallel_tool_use": True}),
    ],
    unfinished={
        "max_tokens": LENGTH,
        "model_context_window_exceeded": LENGTH,
        "refusal": FILTERED,
    },
    refused=[
        ({"api_key": None}, "ANTHROPIC_API_KEY is sent to anthropic.com alone"),
        ({"temperature": 1.5}, "REALTIME_LLM__TEMPERATURE"),
        ({"options": {"cache": True}}, "llm.options.cache"),
    ],
)
GOOGLE = Vendor(
    "google",
    FakeGemini,
    path="",
    model="gemini-x",
    key="Check llm.api_key.",
    unknown_model="REALTIME_LLM__MODEL",
    choices=[
        ("auto", None, {"mode": "AUTO"}),
        ("none", None, {"mode": "NONE"}),
        ("required", None, {"mode": "ANY"}),
        (ONE, None, {"mode": "ANY", "allowedFunctionNames": ["get_time"]}),
    ],
    unfinished={"MAX_TOKENS": LENGTH, "SAFETY": FILTERED, "PROHIBITED_CONTENT": FILTERED},
    refused=[
        ({"api_key": None}, "GOOGLE_API_KEY is sent to googleapis.com alone"),
        ({"options": {"cache": True}}, "llm.options.cache"),
    ],
)
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
