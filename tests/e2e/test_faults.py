"""Stage × fault: services that refuse, are cut, hang, stall, crawl or are gone, over real HTTP.

Whatever happens to a service in the middle of a spoken turn, the client is told in the right
order, the next turn works once the service does, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.fake_openai import FakeOpenAI
from tests.support.leftovers import Leftovers
from tests.support.openai_stack import settings_for
from tests.support.ordering import Observer
from tests.support.running_server import RunningServer, running, serving
from tests.support.wire_client import WireClient, client, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = {
    "stt": "/v1/audio/transcriptions",
    "llm": "/v1/chat/completions",
    "tts": "/v1/audio/speech",
}
QUICK = {"timeout_s": 0.5, "connect_timeout_s": 0.5, "retries": 0}
"""How long a service that says nothing is waited for."""
LIVE = {"file_mode": False}
"""The clips stand for somebody who speaks, and are appended faster to save time."""


class Flaky:
    """An ASGI application in front of another one, which does to its answers what it is told."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.faults: dict[str, str] = {}
        """Path → what happens there."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        fault = self.faults.get(scope.get("path", ""))
        if fault is None:
            await self._app(scope, receive, send)
        elif fault == "refused":
            await _refuse(send)
        elif fault == "hung":
            await _until_the_client_goes(receive)
        else:
            await self._app(scope, receive, _tampered(fault, receive, send))


def _tampered(fault: str, receive: Any, send: Any) -> Any:
    async def sending(message: Any) -> None:
        body = message.get("body")
        if not body:
            await send(message)
        elif fault == "slowed":
            await asyncio.sleep(0.03)
            await send(message)
        elif fault in ("cut", "stalled"):
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
            if fault == "cut":
                raise ConnectionResetError("cut in the middle")
            await _until_the_client_goes(receive)

    return sending


async def _refuse(send: Any) -> None:
    body = json.dumps({"error": {"message": "Out of order.", "type": "x", "code": "x"}}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _until_the_client_goes(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Stack:
    """The server, and the services that it uses."""

    def __init__(self, server: RunningServer, flaky: Flaky, port: int, speculative: bool) -> None:
        self.server = server
        self.speculative = speculative
        self.flaky = flaky
        self.port = port

    def leftovers(self) -> Leftovers:
        return Leftovers(self.server, pooled=self.port)


@pytest.fixture(scope="module", params=[True, False], ids=["speculative", "patient"])
async def stack(request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    flaky = Flaky(FakeOpenAI().app)
    async with serving(flaky) as port:  # type: ignore[arg-type]
        quick = dict.fromkeys(PATHS, QUICK)
        vad = {"speculative": request.param}
        settings = settings_for(f"http://127.0.0.1:{port}/v1", vad=vad, turns=LIVE, **quick)
        async with running(settings) as server:
            async with watched(server) as wire:
                await turn(wire)
            await server.emptied()
            yield Stack(server, flaky, port, request.param)


@asynccontextmanager
async def watched(server: RunningServer) -> AsyncIterator[WireClient]:
    """A client whose every event is held against the ordering of §B."""
    async with client(server.url) as wire:
        await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        yield wire
    observer = Observer()
    for event in wire.events:
        observer.see(event)
    observer.end()


async def turn(wire: WireClient) -> dict[str, Any]:
    """Speak; return the response."""
    await wire.append(speech(), 9600)
    response: dict[str, Any] = (await wire.until("response.done"))["response"]
    await wire.settled()
    return response


@pytest.mark.parametrize("fault", ["refused", "cut", "hung", "stalled", "slowed"])
@pytest.mark.parametrize("stage", PATHS)
async def test_a_faulty_service_costs_one_turn(stack: Stack, stage: str, fault: str):
    before = stack.leftovers()
    async with watched(stack.server) as wire:
        stack.flaky.faults = {PATHS[stage]: fault}
        response = await turn(wire)
        stack.flaky.faults = {}
        failed = wire.of("conversation.item.input_audio_transcription.failed")
        if fault == "slowed":
            assert (response["status"], failed) == ("completed", [])
        else:
            assert response["status"] == "failed"
            assert f"{stage.upper()} " in response["status_details"]["error"]["message"]
            assert len(failed) == (stage == "stt")
        assert (await turn(wire))["status"] == "completed"
    await before.none()


@pytest.mark.parametrize("stage", PATHS)
async def test_a_client_that_goes_while_a_service_hangs_leaves_nothing(stack: Stack, stage: str):
    before = stack.leftovers()
    stack.flaky.faults = {PATHS[stage]: "hung"}
    async with client(stack.server.url) as wire:
        await wire.append(speech(), 9600)
        await wire.until("response.created")
    stack.flaky.faults = {}
    await before.none()


@pytest.mark.parametrize("stage", PATHS)
async def test_a_hung_service_can_be_talked_over(stack: Stack, stage: str):
    before = stack.leftovers()
    async with watched(stack.server) as wire:
        stack.flaky.faults = {PATHS[stage]: "hung"}
        await wire.append(speech(), 9600)
        await wire.until("response.created")
        stack.flaky.faults = {}
        response = await turn(wire)
        assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        done = (await wire.until("response.done"))["response"]
        if stage == "stt" and stack.speculative:
            # The first turn was sent at its pause, and has had its time; an answer to what was
            # never understood fails too.
            assert done["status"] == "failed"
            done = await turn(wire)
        assert done["status"] == "completed"
    await before.none()
