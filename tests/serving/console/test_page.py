"""The console's page and files: what a browser gets, and how it is kept from getting more."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.places import ROOT
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "console").rglob("*")
    if path.suffix in (".css", ".js", ".svg")
)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    async with running() as running_server:
        yield running_server


async def asked(
    server: RunningServer, path: str, method: str = "GET", **headers: str
) -> httpx.Response:
    async with plain_http() as http:
        return await http.request(method, server.http + path, headers=headers)


async def raw_status(server: RunningServer, path: str) -> int:
    """Status of a path that no client would send as it is."""
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.setblocking(False)
        loop = asyncio.get_running_loop()
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(wire, request.encode())
        return int((await loop.sock_recv(wire, 100)).split()[1])


async def test_a_browser_gets_the_page_and_other_clients_a_line_of_text(server):
    page = await asked(server, "/", **BROWSER)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<script type="module" src="/console/js/main.js">' in page.text
    other = await asked(server, "/", Accept="*/*")
    assert (other.status_code, other.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert f"ws://127.0.0.1:{server.port}/v1/realtime" in other.text
    assert (await asked(server, "/", "POST", **BROWSER)).status_code == 404


async def test_without_javascript_it_says_where_clients_connect(server):
    page = await asked(server, "/", **BROWSER)
    [told] = re.findall(r"<noscript>(.*?)</noscript>", page.text, re.DOTALL)
    assert told.count(f"http://127.0.0.1:{server.port}/v1</code>") == 2
    named = await asked(server, "/", Host="voice.example:81", **BROWSER)
    assert "http://voice.example:81/v1</code>" in named.text
    evil = await asked(server, "/", Host='"><script>x</script>', **BROWSER)
    assert "<script>x" not in evil.text
    assert "<script>" not in evil.headers["Content-Security-Policy"]


@pytest.mark.parametrize("file", FILES)
async def test_every_file_comes_with_its_type_and_under_the_policy(server, file: str):
    answer = await asked(server, f"/{file}")
    assert answer.status_code == 200
    assert answer.content == (ROOT / file).read_bytes()
    kind = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    assert answer.headers["Content-Type"].startswith(kind[Path(file).suffix])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'; ")


async def test_a_browser_runs_nothing_but_the_server_s_own_files(server):
    headers = (await asked(server, "/", **BROWSER)).headers
    place = f"127.0.0.1:{server.port}"
    rules = dict(
        rule.split(" ", 1) for rule in headers["Content-Security-Policy"].rstrip(";").split("; ")
    )
    assert rules == {
        "default-src": "'self'",
        "connect-src": f"'self' ws://{place} wss://{place}",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert "microphone=(self)" in headers["Permissions-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/console/js/main.js"])
async def test_what_a_browser_has_is_not_sent_again(server, path: str):
    first = await asked(server, path, **BROWSER)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    assert first.headers["Cache-Control"] == "no-cache"
    for known in (tag, f'"old", {tag}', f"W/{tag}", "*"):
        again = await asked(server, path, **BROWSER, **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert (await asked(server, path, **BROWSER, **{"If-None-Match": '"old"'})).status_code == 200
    head = await asked(server, path, "HEAD", **BROWSER)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", tag)


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/js",
        "/console/js/",
        "/console/jsconfig.json",
        "/console/js/worklet.d.ts",
        "/console/index.html",
        "/console/js/nothing.js",
        "/console/../main.py",
        "/console/js/../../config.py",
        "/console/%2e%2e/config.py",
        "/console/..%2fmain.py",
        "/console/js%2fmain.js%00",
        "/console//etc/passwd",
        "/console/C:/main.js",
        "/console\\js\\main.js",
        "//console/js/main.js",
        "/console/JS/main.js",
    ],
)
async def test_nothing_else_can_be_read(server, path: str):
    assert await raw_status(server, path) == 404


async def test_files_answer_no_other_method(server):
    for method in ("POST", "PUT", "DELETE"):
        assert (await asked(server, "/console/js/main.js", method)).status_code == 404


async def test_switched_off_nothing_of_it_is_there():
    async with running(scripted_settings(server={"console": False})) as server:
        root = await asked(server, "/", **BROWSER)
        assert root.text.endswith(f"ws://127.0.0.1:{server.port}/v1/realtime\n")
        for method, path in (
            ("GET", "/console/js/main.js"),
            ("GET", "/console/state"),
            ("POST", "/console/check"),
        ):
            answer = await asked(server, path, method, **BROWSER)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "not_found"
