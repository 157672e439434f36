"""The page at `/`, for people with a browser alone."""

from __future__ import annotations

import re
import shutil
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from config import load_settings
from main import create_app
from pipeline_manager import PipelineManager
from serving.start_page_texts import CHINESE, ENGLISH, language_of
from tests.support.keys import KEY
from tests.support.running_server import (
    RunningServer,
    plain_http,
    running,
    scripted_settings,
    serving,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en-US"}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    settings = load_settings(stt={"provider": "scripted"}, tts={"provider": "scripted"})
    async with running(settings) as running_server:
        yield running_server


async def page(http: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with plain_http() as client:
        return await client.request(method, f"{http}/", headers={**BROWSER, **headers})


def examples(answer: httpx.Response) -> list[str]:
    return [unescape(code) for code in re.findall(r"<pre>(.*?)</pre>", answer.text, re.DOTALL)]


async def test_it_says_where_the_server_is_what_answers_and_what_it_cannot_do(server):
    answer = await page(server.http)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"ws://127.0.0.1:{server.port}/v1/realtime" in answer.text
    for label in server.manager.describe().values():
        assert label in unescape(answer.text)
    for limit in ("trial", "images", "reasoning", "webrtc"):
        assert ENGLISH[limit] in unescape(answer.text)
    assert '<p class="status healthy">' in answer.text


async def test_it_runs_nothing_and_loads_nothing(server):
    answer = await page(server.http)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|<iframe|\bon\w+=|@import|url\(|src=", answer.text)
    # Nothing but its own address, and only as text.
    hosts = set(re.findall(r"(?:https?|wss?)://([^/\"<&]+)", answer.text))
    assert hosts == {f"127.0.0.1:{server.port}"}


async def test_the_addresses_are_those_that_the_browser_used(server):
    answer = await page(server.http, Host="voice.example:81")
    assert "ws://voice.example:81/v1/realtime" in answer.text
    evil = await page(server.http, Host='"><script>x</script>')
    assert "<script" not in evil.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_other_clients_get_what_they_always_got(server, accept: str):
    answer = await page(server.http, Accept=accept)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await page(server.http, "POST")).status_code == 404


async def test_it_is_asked_for_again_and_sent_again_only_if_it_changed(server):
    first = await page(server.http)
    again = await page(server.http, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = {"If-None-Match": first.headers["ETag"], "Accept-Language": "zh"}
    assert (await page(server.http, **other)).status_code == 200
    head = await page(server.http, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "en"),
        ("zh", "zh-CN"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,zh;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.7", "en"),
        ("fr;q=much,zh;q=0.1", "zh-CN"),
    ],
)
async def test_it_speaks_the_browser_s_language(server, accepted: str, language: str):
    assert language_of(accepted) == language
    answer = await page(server.http, **{"Accept-Language": accepted})
    assert f'<html lang="{language}">' in answer.text
    assert (CHINESE if language == "zh-CN" else ENGLISH)["webrtc"] in answer.text
    assert CHINESE.keys() == ENGLISH.keys()


async def test_with_keys_it_does_not_say_what_answers():
    settings = scripted_settings(server={"api_keys": [KEY]})
    async with running(settings) as server:
        answer = await page(server.http)
        assert answer.status_code == 200
        assert ENGLISH["key"] in unescape(answer.text)
        for label in server.manager.describe().values():
            assert label not in unescape(answer.text)
        assert "scripted" not in answer.text
        assert KEY not in answer.text
        python, javascript, curl = examples(answer)
        assert "none" not in python + javascript
        assert "$OPENAI_API_KEY" in curl


async def test_a_path_that_no_sdk_can_ask_for_has_no_examples():
    async with running(scripted_settings(server={"ws_path": "/chosen"})) as server:
        answer = await page(server.http)
    assert ENGLISH["no_sdk"] in unescape(answer.text)
    assert examples(answer) == []


async def test_while_models_load_it_says_so():
    settings = scripted_settings()
    manager = PipelineManager(settings)

    async def load() -> None:
        raise AssertionError("it is never started")

    manager.start = load  # type: ignore[method-assign]
    app = create_app(settings, manager, on_failed_start=lambda: None)
    app.state.lifecycle.state = "starting"
    async with serving(app) as port:
        for state in ("starting", "draining", "failed"):
            app.state.lifecycle.state = state
            answer = await page(f"http://127.0.0.1:{port}")
            assert ENGLISH[state] in unescape(answer.text)


async def test_behind_tls_the_addresses_are_secure_and_the_sdk_for_javascript_is_shown(server):
    app = create_app(scripted_settings(), on_failed_start=lambda: None)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://voice.example") as http:
        answer = await http.get("/", headers=BROWSER)
    assert "wss://voice.example/v1/realtime" in answer.text
    assert "https://voice.example/v1" in answer.text
    assert "OpenAIRealtimeWS" in examples(answer)[1]
    assert "OpenAIRealtimeWS" not in examples(await page(server.http))[1]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
async def test_the_example_in_javascript_gets_an_answer(server, tmp_path: Path):
    program = tmp_path / "example.mjs"
    program.write_text(examples(await page(server.http))[1], encoding="utf-8")
    asked = await subprocess.create_subprocess_exec("node", "-v", stdout=subprocess.PIPE)
    version = int((await asked.communicate())[0].decode().lstrip("v").partition(".")[0])
    # From 22 on it has WebSocket by itself.
    flags = [] if version >= 22 else ["--experimental-websocket"]
    process = await subprocess.create_subprocess_exec(
        "node", *flags, str(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    assert said.strip()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_the_example_in_python_gets_an_answer(server, tmp_path: Path, language: str):
    answer = await page(server.http, **{"Accept-Language": language})
    program = tmp_path / "example.py"
    program.write_text(examples(answer)[0], encoding="utf-8")
    process = await subprocess.create_subprocess_exec(
        sys.executable, "-P", str(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    assert said.strip()
