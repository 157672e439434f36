"""How a call is ended from elsewhere, and by whom (protocol §D.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.calls_server import CallsServer, calls_server
from tests.support.keys import KEY, OTHER, WRONG
from tests.support.running_server import scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[CallsServer]:
    async with calls_server() as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[CallsServer]:
    async with calls_server(scripted_settings(server={"api_keys": [KEY, OTHER]})) as running_server:
        yield running_server


def bearer(key: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {key}"}}


@pytest.mark.parametrize("method", ["POST", "DELETE"], ids=["hangup", "as WHIP does"])
@pytest.mark.parametrize("path", ["/v1/realtime/calls", "/openai/v1/realtime/calls"])
async def test_a_call_is_hung_up_once(server: CallsServer, method: str, path: str) -> None:
    answer = await server.post(path)
    place = answer.headers["location"]
    await server.greeting()
    first = await server.hang_up(place, method=method)
    assert (first.status_code, first.content) == (200, b"")
    second = await server.hang_up(place, method=method)
    assert second.status_code == 404
    assert second.json()["error"]["code"] == "call_id_not_found"
    await server.running.emptied()
    assert server.clients[-1].closed is not None


@pytest.mark.parametrize("call_id", ["rtc_1", "rtc_00aaaaaaaaaa", "nothing", "rtc_%2e%2e"])
async def test_an_unknown_call_is_none(server: CallsServer, call_id: str) -> None:
    for method in ("POST", "DELETE"):
        answer = await server.hang_up(f"/v1/realtime/calls/{call_id}", method=method)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "call_id_not_found"


@pytest.mark.parametrize("action", ["accept", "reject", "refer"])
async def test_there_are_no_calls_by_telephone(server: CallsServer, action: str) -> None:
    place = await server.call()
    answer = await server.http.post(f"{server.running.http}{place}/{action}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "call_id_not_found")
    await server.all_over()


async def test_any_api_key_or_the_secret_that_opened_a_call_ends_it(guarded: CallsServer) -> None:
    for opener in (KEY, await guarded.secret(**bearer(KEY))):
        for ender in (opener, OTHER):
            place = await guarded.call(**bearer(opener))
            assert (await guarded.hang_up(place, **bearer(ender))).status_code == 200


async def test_nobody_else_does(guarded: CallsServer) -> None:
    place = await guarded.call(**bearer(await guarded.secret(**bearer(KEY))))
    another = await guarded.secret(**bearer(OTHER))
    for key in (WRONG, another):
        refused = await guarded.hang_up(place, **bearer(key))
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await guarded.hang_up(place)).status_code == 401
    headers = {"Origin": "https://evil.example", **bearer(KEY)["headers"]}
    assert (await guarded.hang_up(place, headers=headers)).status_code == 403
    assert await guarded.running.active_sessions() == 1
    await guarded.all_over()
