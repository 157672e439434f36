"""How the clients reach a server past the proxies of the environment, or by them."""

from __future__ import annotations

import pytest

from clients.sdk import ClientError, connected, dial, is_openai, make_client
from tests.support.proxies import environment_of_proxies
from tests.support.running_server import running, scripted_settings


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
@pytest.mark.parametrize("kinds", [(), ("socks",)], ids=["http", "socks"])
async def test_a_server_on_this_machine_is_reached_without_a_proxy(
    host: str, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(scripted_settings()) as server,
        environment_of_proxies(monkeypatch, *kinds) as asked,
    ):
        async with connected(f"ws://{host}:{server.port}/v1/realtime", "none", "mine") as opened:
            assert (await opened.recv()).type == "session.created"
        # The terminal client also asks for what answers.
        async with make_client(f"ws://{host}:{server.port}", "none") as client:
            assert (await client.models.retrieve("mine")).id == "mine"
            async with dial(client, "mine") as opened:
                assert (await opened.recv()).type == "session.created"
    assert asked == []


async def test_a_server_elsewhere_is_reached_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with environment_of_proxies(monkeypatch) as asked:
        with pytest.raises(ClientError, match=r"ws://server\.invalid/v1/realtime"):
            async with connected("ws://server.invalid/v1/realtime", "none", "mine"):
                pass
    assert asked == [b"CONNECT server.invalid:80 HTTP/1.1\r\n"]


async def test_no_proxy_is_asked_for_a_server_that_is_excepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with environment_of_proxies(monkeypatch) as asked:
        monkeypatch.setenv("no_proxy", "server.invalid")
        with pytest.raises(ClientError, match=r"ws://server\.invalid/v1/realtime"):
            async with connected("ws://server.invalid/v1/realtime", "none", "mine"):
                pass
    assert asked == []


@pytest.mark.parametrize("kind", ["socks", "all"])
async def test_a_proxy_that_cannot_be_used_is_named_with_the_remedy(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http", "https", "all", "ws", "wss", "socks", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    # No library for this kind is installed, or the second has no such kind.
    monkeypatch.setenv(
        f"{kind}_proxy", f"{'socks5' if kind == 'socks' else 'gopher'}://127.0.0.1:9"
    )
    with pytest.raises(ClientError, match=r"the proxy that the environment names.*NO_PROXY=h\."):
        async with connected("ws://h.invalid/v1/realtime", "none", "mine"):
            pass


@pytest.mark.parametrize(
    ("url", "theirs"),
    [
        ("wss://api.openai.com/v1/realtime", True),
        ("https://eu.api.openai.com", True),
        ("ws://localhost:8000/v1/realtime", False),
        ("wss://openai.com.example.org", False),
        ("192.168.1.7:8000", False),
    ],
)
def test_openai_is_asked_only_for_what_it_knows(url: str, theirs: bool) -> None:
    assert is_openai(url) is theirs
