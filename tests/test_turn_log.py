"""One line per session and per response, and never a word that was said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.running_server import running, scripted_settings
from tests.wire_client import client


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []
    sink = logger.add(lambda message: found.append(message.record["message"]), level="INFO")
    yield found
    logger.remove(sink)


async def test_a_session_and_its_response_are_a_line_each_without_words(lines):
    async with running() as server:
        async with client(server.url) as wire:
            session_id = wire.events[0]["session"]["id"]
            await wire.say("a secret question")
            response_id = (await wire.until("response.done"))["response"]["id"]
        await server.emptied()
    opened, answered, closed = lines
    assert opened.startswith(f"{session_id} opened")
    assert f"{response_id} completed" in answered
    assert "first audio" in answered
    assert closed.startswith(f"{session_id} closed")
    assert not [line for line in lines if "secret" in line or "Certainly" in line]


async def test_a_failure_is_logged_with_its_reason(lines):
    settings = scripted_settings(llm={"fail": "start"})
    async with running(settings) as server, client(server.url) as wire:
        await wire.say("hi")
        await wire.until("response.done")
    assert [line for line in lines if "failed" in line and "the script says so" in line]


async def test_tracing_names_the_session_in_the_log(lines):
    async with running() as server, client(server.url) as wire:
        await wire.update(tracing={"workflow_name": "kiosk", "group_id": "g7"})
        await wire.update(instructions="x")
    assert len([line for line in lines if "kiosk" in line and "g7" in line]) == 1
