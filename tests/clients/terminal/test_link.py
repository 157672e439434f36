"""The connection: lost, refused, regained, and what is said of it."""

from __future__ import annotations

import pytest
from textual.widgets import Input
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from clients.terminal.link import RETRY_S
from tests.clients.terminal.bench import (
    CREATED,
    PCM,
    bench,
    fault,
    says,
    sounds,
)
from tests.support.fake_connection import CLOSED, Event, FakeSocket

FOOTER = "K Talk  V Hands-free  M Mute  Esc Stop  / Type  D Devices  T Theme  Q Quit"


async def test_a_lost_connection_ends_the_recording_and_comes_back() -> None:
    first, second = FakeSocket(), FakeSocket()
    async with bench(first, second) as it:
        assert it.bar("status") == "◌ connecting"
        await it.say(CREATED)
        await it.record()
        await it.say(CLOSED)
        assert it.bar("status") == "○ offline, next try in 1000 s"
        assert it.shown() == ["Error: ws://localhost closed the connection."]
        assert it.microphone.calls[-1] == "close"
        await it.press("slash", "a", "enter", "escape")
        not_sent = "Error: Not sent: there is no connection. R tries to connect now."
        assert it.shown()[-1] == not_sent
        assert it.app.query_one(Input).value == "a"  # to be sent later
        for key in ("k", "v"):
            await it.press(key)
            assert it.shown()[-1] == not_sent
        await it.footer_becomes("R Reconnect")
        await it.press("r")
        await second.say(CREATED)
        await it.pilot.pause()
        again = "Connected again. The server knows nothing of what was said before."
        assert it.shown()[-1] == again
        assert it.bar("status").startswith("● connected · gpt")
        await it.until(lambda: it.footer() == FOOTER)


async def test_an_answer_ends_with_its_connection() -> None:
    async with bench(FakeSocket(), FakeSocket()) as it:
        await it.say(CREATED)
        await it.answered(says("A long"), sounds(PCM))
        it.speaker.pull(2400)
        await it.say(CLOSED)
        assert it.speaker.calls[-1] == "abort"
        assert it.shown()[0] == "Assistant: A [interrupted after 0.1 s, not heard: long]"


async def test_waits_grow_until_the_server_is_up() -> None:
    down = ConnectionRefusedError(111, "Connect call failed")
    async with bench(*[down] * 8, FakeSocket()) as it:
        for wait in (1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000):
            await it.until(lambda: it.bar("status") == f"○ offline, next try in {wait} s")  # noqa: B023
            await it.press("r")
        assert len(it.shown()) == 1
        assert it.shown()[0].startswith(
            "Error: Cannot connect to ws://localhost: connection refused. Is the server running"
        )
        await it.say(CREATED)
        assert it.bar("status").startswith("● connected")


async def test_a_refused_session_is_one_line_and_its_waits_grow() -> None:
    wrong_key = fault("Incorrect API key provided: wro***.", "invalid_api_key")
    attempts = [FakeSocket() for _ in range(4)]
    async with bench(*attempts) as it:
        for attempt, wait in zip(attempts, (1000, 2000, 4000), strict=False):
            await attempt.say(wrong_key, ConnectionClosedError(Close(3000, "invalid"), None))
            await it.until(lambda: it.bar("status") == f"○ offline, next try in {wait} s")  # noqa: B023
            assert it.shown() == [
                "Error: ws://localhost refused the session: Incorrect API key provided: wro***. "
                "Give the right key by --api-key or OPENAI_API_KEY."
            ]
            await it.press("r")


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "ws://localhost refused the API key (HTTP 401). Give the right key by --api-key"),
        (403, "ws://localhost: no Realtime at this path (HTTP 403), or not for this key."),
        (404, "ws://localhost: no Realtime at this path (HTTP 404), or not for this key."),
        (503, "ws://localhost is not ready (HTTP 503): it is starting, stopping or full."),
        (502, "ws://localhost answered HTTP 502 instead of a WebSocket. Is the server running"),
    ],
)
async def test_what_http_says_is_explained(status: int, told: str) -> None:
    async with bench(InvalidStatus(Response(status, "", Headers()))) as it:
        await it.until(lambda: it.bar("status").startswith("○ offline"))
        assert it.shown()[0].startswith(f"Error: {told}")


@pytest.mark.parametrize("malformed", [{"type": "error"}, {"type": "error", "error": "no"}])
async def test_a_refusal_without_a_reason_is_told_too(malformed: Event) -> None:
    async with bench(FakeSocket()) as it:
        await it.say(malformed, CLOSED)
        assert it.shown() == ["Error: ws://localhost refused the session: without a reason."]


async def test_the_wait_ends_by_itself() -> None:
    async with bench(OSError("unreachable"), FakeSocket(), retry_s=RETRY_S) as it:
        await it.socket.say(CREATED)  # handled after a second
        await it.pilot.pause()
        assert it.bar("status").startswith("● connected")


async def test_a_server_of_another_kind_is_named() -> None:
    async with bench(FakeSocket()) as it:
        await it.say(ValueError("Expecting value"))
        not_json = "ws://localhost sent something that is not JSON. Is it Realtime?"
        assert it.shown() == [f"Error: {not_json}"]
        assert it.bar("status").startswith("○ offline")
