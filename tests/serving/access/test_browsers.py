"""Which web pages may connect, and read what is answered by HTTP."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from config import load_settings
from tests.support.keys import guarded
from tests.support.running_server import SCRIPTED, plain_http, running
from tests.support.wire_client import client


@pytest.mark.parametrize(
    ("allowed", "origin", "let_in"),
    [
        ([], "https://evil.example", False),
        ([], "http://localhost:3000", True),
        ([], "http://127.0.0.1", True),
        ([], "null", False),
        (["https://app.example"], "https://app.example", True),
        (["https://app.example"], "https://app.example.evil", False),
        (["*"], "https://anybody.example", True),
        (["*"], "http://[", True),
        ([], "http://[", False),
        ([], "http://LocalHost:3000", True),
        (["null"], "null", True),
        (["https://App.Example:443"], "https://app.example", True),
        (["HTTPS://app.example"], "https://app.example:443", True),
        (["http://app.example"], "http://APP.example:80", True),
        (["https://[2001:DB8:0::1]"], "https://[2001:db8::1]", True),
        (["https://app.example"], "http://app.example", False),
        (["https://app.example"], "https://app.example:80", False),
        (["https://app.example:8443"], "https://app.example", False),
        (["https://app.example:8443"], "https://app.example:8443", True),
        # Desktop shells and apps on phones.
        ([], "tauri://localhost", True),
        ([], "http://tauri.localhost", True),
        ([], "https://tauri.localhost", True),
        ([], "http://app.localhost:5173", True),
        ([], "https://a.b.LocalHost", True),
        ([], "capacitor://localhost", True),
        ([], "ionic://localhost", True),
        ([], "https://[::1]:8443", True),
        # What only looks like them.
        ([], "http://tauri.localhost.evil.com", False),
        ([], "http://localhost.evil.com", False),
        ([], "http://evil-localhost", False),
        ([], "http://tauri-localhost", False),
        ([], "http://.localhost", False),
        ([], "http://a..localhost", False),
        ([], "http://localhost.", False),
        ([], "http://tauri.localhost.", False),
        ([], "http://tauri.localhost@evil.com", False),
        ([], "http://evil.com#.localhost", False),
        ([], "http://evil.com/.localhost", False),
        ([], "http://evil.com\\.localhost", False),
        ([], "http://[::1].evil.com", False),
        ([], "http://127.0.0.1.evil.com", False),
        ([], "capacitor://evil", False),
        ([], "capacitor://evil.localhost", False),
        ([], "ws://localhost", False),
        ([], "file://localhost", False),
    ],
)
async def test_web_pages_connect_only_from_where_they_may(
    allowed: list[str], origin: str, let_in: bool
) -> None:
    groups = {**SCRIPTED, "server": {"allowed_origins": allowed}}
    async with running(load_settings(**groups)) as server:
        async with plain_http(base_url=server.http) as http:
            answer = await http.get("/v1/models", headers={"Origin": origin})
            assert ("access-control-allow-origin" in answer.headers) == let_in
        if let_in:
            async with client(server.url, origin=Origin(origin)):
                pass
        else:
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.url, origin=Origin(origin))
            assert refused.value.response.status_code == 403


async def test_an_origin_may_be_written_with_a_slash_behind_it() -> None:
    origins = ["https://app.example.com/"]
    async with (
        guarded(allowed_origins=origins, api_keys=[]) as server,
        client(server.url, origin=Origin("https://app.example.com")) as wire,
    ):
        assert wire.types() == ["session.created"]


async def test_whoever_is_refused_before_the_upgrade_has_a_line_and_no_error(
    lines: list[str],
) -> None:
    async with guarded() as server:
        with pytest.raises(InvalidStatus):
            await connect(server.url, origin=Origin("https://elsewhere.example.com"))
        await server.emptied()
    assert [line for line in lines if "was refused: origin_not_allowed" in line]
    assert not [line for line in lines if "handshake" in line]
