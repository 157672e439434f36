"""Every way in which a language model's service fails, at every provider of one.

The response fails with a reason that names the provider and the remedy, the session goes on, and
when the service is back the next turn works.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.providers.model_vendors import (
    VENDORS,
    Vendor,
    answer,
    conversation,
    failure,
    product,
    text_of,
    text_session,
)
from tests.support.running_server import RunningServer, running, serving
from tests.support.wire_client import WireClient

LONG_S = 30.0
"""A time-out that a busy machine does not reach by itself."""
SHORT_S = 2.0
"""A time-out that is reached on purpose."""

pytestmark = pytest.mark.asyncio(loop_scope="module")

each_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


@dataclass
class Stack:
    vendor: Vendor
    fake: Any
    server: RunningServer

    @asynccontextmanager
    async def failing(self, fault: str | int) -> AsyncIterator[dict[str, str]]:
        """Have a turn fail, and try whether the next one works; yields the error."""
        self.fake.asked.clear()
        async with text_session(self.server) as wire:
            self.fake.fault = fault
            error = failure(await answer(wire))
            assert f"LLM {self.vendor.model} at 127.0.0.1 failed" in error["message"]
            assert "Unknown error" not in error["message"]
            yield error
            self.fake.fault = None
            await recovered(wire)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=VENDORS, ids=lambda vendor: vendor.name
)
async def stack(request) -> AsyncIterator[Stack]:
    async with product(request.param, retries=0, timeout_s=LONG_S) as (fake, server):
        yield Stack(request.param, fake, server)


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=VENDORS, ids=lambda vendor: vendor.name
)
async def impatient_stack(request) -> AsyncIterator[Stack]:
    async with product(request.param, retries=0, timeout_s=SHORT_S) as (fake, server):
        yield Stack(request.param, fake, server)


async def recovered(wire: WireClient) -> None:
    response = await answer(wire, "again")
    assert response["status"] == "completed", response["status_details"]
    assert text_of(response) == "Hello from the fake."


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (404, "invalid_request"),
        (429, "rate_limit_exceeded"),
        (500, "provider_error"),
    ],
)
async def test_a_refusal(stack: Stack, status, code):
    async with stack.failing(status) as error:
        assert error["code"] == code
        missing = (stack.vendor.name, status) == ("ollama", 404)
        assert ("not found" if missing else "refuse") in error["message"]
        remedy = {401: stack.vendor.key, 404: stack.vendor.unknown_model}.get(status, "")
        assert remedy in error["message"]
        # A vendor's variable is named only where its value is sent.
        assert "OPENAI_API_KEY" not in error["message"]
        assert len(stack.fake.asked) == 1


@pytest.mark.parametrize(
    ("fault", "reason", "code"),
    [
        ("cut", "", "provider_unreachable"),
        ("ends", "middle of the answer", "provider_unreachable"),
        ("html", "the answer is no", "provider_error"),
        # An object may be no answer at all, or one that lacks its end.
        ("json", "", None),
        ("garbage", "the answer is no", "provider_error"),
        ("reports", "overloaded", "provider_error"),
    ],
)
async def test_an_answer_that_is_none(stack: Stack, fault, reason, code):
    async with stack.failing(fault) as error:
        assert reason in error["message"].lower()
        assert error["code"] in ([code] if code else ["provider_error", "provider_unreachable"])


@pytest.mark.parametrize("fault", ["hangs", "stalls"])
async def test_an_answer_that_does_not_come(impatient_stack: Stack, fault):
    async with impatient_stack.failing(fault) as error:
        assert error["code"] == "provider_unreachable"


@pytest.mark.parametrize(
    ("fault", "logged", "said"),
    [
        (401, "Error). Check", "refuse"),
        ("html", "the answer is no ", "It works!"),
        ("garbage", "the answer is no ", "this is not JSON"),
        ("ends", "in the middle of the answer", None),
        ("reports", "Error). ", "verload"),
    ],
)
async def test_what_the_log_says_of_a_failure(stack: Stack, lines, fault, logged, said):
    async with stack.failing(fault):
        (line,) = [
            line for line in lines if f"LLM {stack.vendor.model} at 127.0.0.1 failed:" in line
        ]
    assert logged in line
    assert said is None or said not in line


async def test_the_sessions_share_the_connections(stack: Stack):
    stack.fake.connections.clear()
    for _ in range(2):
        async with text_session(stack.server) as wire:
            await recovered(wire)
            await recovered(wire)
    assert len(stack.fake.connections) == 1


@each_vendor
async def test_a_first_attempt_that_fails_is_repeated(vendor: Vendor):
    async with conversation(vendor, retries=3) as (fake, wire):
        fake.fault, fake.faults_left = 500, 1
        await recovered(wire)
        assert len(fake.asked) == 2
        fake.asked.clear()
        fake.fault = 401
        failure(await answer(wire))
        assert len(fake.asked) == 1, "a wrong key does not become right"


@each_vendor
async def test_a_server_that_is_not_there_yet(vendor: Vendor):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = vendor.settings(f"http://127.0.0.1:{port}", retries=0)
    async with running(settings) as server, text_session(server) as wire:
        error = failure(await answer(wire))
        assert error["code"] == "provider_unreachable"
        assert "ollama serve" in error["message"] or "api_base" in error["message"]
        async with serving(vendor.fake().app, port):
            await recovered(wire)


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accepts connections and says nothing, so that a TLS handshake with it never ends."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for writer in held:
            writer.close()
        server.close()


@each_vendor
async def test_a_connection_that_never_stands(vendor: Vendor):
    async with silent_server() as port:
        settings = vendor.settings(
            f"https://127.0.0.1:{port}", retries=0, connect_timeout_s=0.3, timeout_s=60
        )
        async with running(settings) as server, text_session(server) as wire:
            error = failure(await answer(wire))
            assert error["code"] == "provider_unreachable"
