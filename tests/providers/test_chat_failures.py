"""Every way in which a language model's service fails, at every provider of one.

The response fails with a reason that names the provider and the remedy, the session goes on, and
when the service is back the next turn works.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.providers.model_vendors import (
    VENDORS,
    Vendor,
    answer,
    conversation,
    failure,
    text_of,
)
from tests.running_server import running, serving
from tests.wire_client import client

SHORT_S = 1.0
"""A time-out that a busy machine does not reach by itself."""

pytestmark = pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)


async def recovered(wire) -> None:
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
async def test_a_refusal(vendor: Vendor, status, code):
    async with conversation(vendor, retries=0) as (fake, wire):
        fake.fault = status
        error = failure(await answer(wire))
        assert error["code"] == code
        assert f"LLM {vendor.model} at 127.0.0.1 failed" in error["message"]
        expected = "not found" if (vendor.name, status) == ("ollama", 404) else "refuse"
        assert expected in error["message"]
        remedy = {401: vendor.key, 404: vendor.unknown_model}.get(status, "")
        assert remedy in error["message"]
        assert len(fake.asked) == 1
        fake.fault = None
        await recovered(wire)


@pytest.mark.parametrize("fault", ["cut", "ends", "html", "json", "garbage", "reports"])
async def test_an_answer_that_is_none(vendor: Vendor, fault):
    reasons = {
        "cut": "",
        "ends": "middle of the answer",
        "html": "the answer is no",
        "json": "",
        "garbage": "the answer is no",
        "reports": "overloaded",
    }
    async with conversation(vendor, retries=0) as (fake, wire):
        fake.fault = fault
        error = failure(await answer(wire))
        assert f"LLM {vendor.model} at 127.0.0.1 failed" in error["message"]
        assert reasons[fault] in error["message"].lower()
        expected = "provider_error" if fault == "reports" else "provider_unreachable"
        assert error["code"] == expected, error
        fake.fault = None
        await recovered(wire)


@pytest.mark.parametrize("fault", ["hangs", "stalls"])
async def test_an_answer_that_does_not_come(vendor: Vendor, fault):
    async with conversation(vendor, retries=0, timeout_s=SHORT_S) as (fake, wire):
        fake.fault = fault
        error = failure(await answer(wire))
        assert error["code"] == "provider_unreachable"
        assert f"LLM {vendor.model} at 127.0.0.1 failed" in error["message"]
        fake.fault = None
        await recovered(wire)


async def test_a_first_attempt_that_fails_is_repeated(vendor: Vendor):
    async with conversation(vendor, retries=1) as (fake, wire):
        fake.fault, fake.faults_left = 500, 1
        await recovered(wire)
        assert len(fake.asked) == 2


async def test_a_refusal_of_the_key_is_not_repeated(vendor: Vendor):
    async with conversation(vendor, retries=3) as (fake, wire):
        fake.fault = 401
        failure(await answer(wire))
        assert len(fake.asked) == 1


async def test_a_server_that_is_not_there_yet(vendor: Vendor):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = vendor.settings(f"http://127.0.0.1:{port}", retries=0)
    async with running(settings) as server, client(server.url) as wire:
        await wire.update(output_modalities=["text"])
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


async def test_a_connection_that_never_stands(vendor: Vendor):
    async with silent_server() as port:
        settings = vendor.settings(
            f"https://127.0.0.1:{port}", retries=0, connect_timeout_s=0.3, timeout_s=60
        )
        async with running(settings) as server, client(server.url) as wire:
            await wire.update(output_modalities=["text"])
            error = failure(await answer(wire))
            assert error["code"] == "provider_unreachable"


async def test_sessions_share_the_connections(vendor: Vendor):
    async with conversation(vendor) as (fake, wire):
        for _ in range(3):
            await recovered(wire)
        assert len(fake.connections) == 1
