"""Servers that clients bring: connected to at addresses that were checked, and nowhere else."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from session.mcp import McpServer
from tests.support.certificates import make_certificate
from tests.support.running_server import serving
from tests.tool_servers.fake_http import FakeMcp
from tests.tool_servers.using import failure, session
from tool_servers.http_client import trusted


class Names:
    """What names stand for; each look-up takes the next answer, and the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[str]) -> None:
        self.looked_up: list[str] = []
        self._answers = {name.replace("_", "."): found for name, found in answers.items()}
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        answers = self._answers.get(name)
        if answers is None:
            return self._real(host, port, *rest, **options)
        self.looked_up.append(name)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (found, port))]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1"]
)
async def test_a_name_below_a_wildcard_that_leads_inside_is_not_connected_to(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    fake = FakeMcp()
    async with serving(fake.app) as port:
        names = Names(monkeypatch, inside_example_com=[address])
        allowed = [f"http://*.example.com:{port}"]
        async with session(allowed_hosts=allowed) as tools:
            server = McpServer("mine", f"http://inside.example.com:{port}/mcp")
            tools.check(server)
            error = await failure(tools.list_tools(server))
    assert "not a public one" in error.message
    assert address not in error.message
    assert names.looked_up
    assert fake.asked == []


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:127.0.0.1"])
async def test_a_host_that_the_operator_has_named_is_not_said_to_lack_that(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    Names(monkeypatch, inside_example_com=[address])
    async with session(allowed_hosts=["http://inside.example.com"]) as tools:
        error = await failure(tools.list_tools(McpServer("mine", "http://inside.example.com/mcp")))
    assert "not a public one" in error.message
    assert "names this host itself" not in error.message
    assert "only the address itself" in error.message
    assert address not in error.message


async def test_a_name_that_changes_after_the_check_is_not_followed(
    monkeypatch: pytest.MonkeyPatch,
):
    """DNS rebinding: the address that was checked is the one that is connected to."""
    inside, outside = FakeMcp(), FakeMcp()
    async with serving(inside.app) as port:
        # Nothing is at the first address; were the name looked up again, the server would be.
        names = Names(monkeypatch, rebound_example_com=["203.0.113.1", "127.0.0.1"])
        monkeypatch.setattr("tool_servers.reach._is_public", lambda address: _is_test_net(address))
        async with session(
            allowed_hosts=[f"http://*.example.com:{port}"], connect_timeout_s=1
        ) as tools:
            server = McpServer("mine", f"http://rebound.example.com:{port}/mcp")
            await failure(tools.list_tools(server))
            error = await failure(tools.list_tools(server))
    assert "not a public one" in error.message
    assert len(names.looked_up) == 2
    assert inside.asked == outside.asked == []


def _is_test_net(address: Any) -> bool:
    return str(address).startswith("203.0.113.")


async def test_an_exact_name_is_connected_to_where_it_is_with_its_own_host_header(
    monkeypatch: pytest.MonkeyPatch,
):
    fake = FakeMcp()
    async with serving(fake.app) as port:
        names = Names(monkeypatch, tools_example_com=["127.0.0.1"])
        async with session(allowed_hosts=[f"http://tools.example.com:{port}"]) as tools:
            server = McpServer(
                "mine",
                f"http://tools.example.com:{port}/mcp",
                authorization="tk-very-secret",
                headers=(("X-Team", "nine"),),
            )
            tools.check(server)
            assert await tools.call(server, "any", "") == "ok"
            assert await tools.call(server, "any", "") == "ok"
    assert len(names.looked_up) == 1
    assert {sent["host"] for sent in fake.headers} == {f"tools.example.com:{port}"}
    assert {sent["authorization"] for sent in fake.headers} == {"Bearer tk-very-secret"}
    assert {sent["x-team"] for sent in fake.headers} == {"nine"}


async def test_a_proxy_of_the_environment_gets_nothing_of_a_clients_server(
    monkeypatch: pytest.MonkeyPatch,
):
    asked = asyncio.Event()

    async def proxy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.close()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, address)
        monkeypatch.setenv(name.lower(), address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    fake = FakeMcp()
    async with listener, serving(fake.app) as port:
        allowed = [f"http://127.0.0.1:{port}"]
        # A documentation address: were the operator's server not sent by the proxy, it would hang.
        own = {"url": "http://192.0.2.1/mcp"}
        async with session(
            allowed_hosts=allowed, servers={"own": own}, connect_timeout_s=5
        ) as tools:
            server = McpServer("mine", f"http://127.0.0.1:{port}/mcp")
            assert await tools.call(server, "any", "") == "ok"
            assert not asked.is_set()
            await failure(tools.list_tools(McpServer("own")))
            assert asked.is_set()


async def test_a_certificate_has_to_be_of_the_name_that_was_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Who leads an allowed name into a network finds nothing there that has its certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl")
    fake = FakeMcp()
    make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    trusted.cache_clear()
    Names(monkeypatch, tools_example_com=["127.0.0.1"], other_example_com=["127.0.0.1"])
    config = uvicorn.Config(
        fake.app,
        port=0,
        log_level="critical",
        ssl_keyfile=tmp_path / "key.pem",
        ssl_certfile=str(tmp_path / "cert.pem"),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(config)
    serving_it = asyncio.create_task(server.serve(sockets=[listener]))
    names = ["tools.example.com", "other.example.com"]
    async with session(allowed_hosts=[f"{name}:{port}" for name in names]) as tools:
        right, wrong = (McpServer(name[:5], f"https://{name}:{port}/mcp") for name in names)
        assert await tools.call(right, "any", "") == "ok"
        asked = len(fake.asked)
        error = await failure(tools.call(wrong, "any", ""))
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert len(fake.asked) == asked
    server.should_exit = True
    await serving_it
    trusted.cache_clear()
