"""The programs that the console offers do what they say, copied as they are."""

from __future__ import annotations

import json
import os
import shutil
import sys
from asyncio import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from subprocess import run as run_to_its_end

import pytest

from config import load_settings
from tests.console.tools import CONSOLE
from tests.support.browser import page
from tests.support.keys import KEY
from tests.support.places import DATA
from tests.support.running_server import RunningServer, running

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed"),
]
GREETINGS = {"en": "Hello!", "zh": "你好！"}


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RunningServer]:
    settings = load_settings(stt={"provider": "scripted"}, tts={"provider": "scripted"})
    async with running(settings) as running_server:
        yield running_server


@pytest.fixture(scope="module")
async def guarded() -> AsyncIterator[RunningServer]:
    settings = load_settings(
        stt={"provider": "scripted"}, tts={"provider": "scripted"}, server={"api_keys": [KEY]}
    )
    async with running(settings) as running_server:
        yield running_server


@cache
def programs(
    origin: str,
    *,
    path: str = "/v1/realtime",
    keys: bool = False,
    webrtc: bool = True,
    language: str = "en",
) -> dict[str, str]:
    """Return name → program, as the page makes them for a server."""
    folder = (CONSOLE / "js" / "begin").as_uri()
    asked = {"origin": origin, "path": path, "keys": keys, "webrtc": webrtc}
    module = f"""
        const asked = {json.dumps(asked)};
        const {{ addressesOf }} = await import("{folder}/addresses.js");
        const {{ snippets }} = await import("{folder}/snippets.js");
        const addresses = addressesOf(new URL(asked.origin), asked.path);
        const found = snippets(addresses, asked, {json.dumps(GREETINGS[language])});
        console.log(JSON.stringify(Object.fromEntries(found.map((one) => [one.name, one.code]))));
    """
    command = ("node", "--no-warnings", "--input-type=module", "--eval", module)
    told = run_to_its_end(command, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(told.stdout)
    return found


async def said(*command: str, folder: Path) -> str:
    """Run a program to its end, and return what it said."""
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
    process = await subprocess.create_subprocess_exec(
        *command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return out.decode().strip()


@pytest.mark.parametrize("language", GREETINGS)
async def test_python_gets_an_answer(server, tmp_path: Path, language: str):
    program = tmp_path / "example.py"
    program.write_text(programs(server.http, language=language)["python"], encoding="utf-8")
    assert await said(sys.executable, "-P", str(program), folder=tmp_path)


async def test_python_gets_an_answer_with_a_key(guarded, tmp_path: Path):
    program = tmp_path / "example.py"
    program.write_text(programs(guarded.http, keys=True)["python"], encoding="utf-8")
    assert await said(sys.executable, "-P", str(program), folder=tmp_path)


@pytest.mark.parametrize("keys", [False, True])
async def test_javascript_gets_an_answer(server, guarded, tmp_path: Path, keys: bool):
    program = tmp_path / "example.mjs"
    asked = guarded if keys else server
    program.write_text(programs(asked.http, keys=keys)["javascript"], encoding="utf-8")
    version = int((await said("node", "-v", folder=tmp_path)).lstrip("v").partition(".")[0])
    # From 22 on it has WebSocket by itself.
    flags = [] if version >= 22 else ["--experimental-websocket"]
    assert await said("node", *flags, str(program), folder=tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("keys", [False, True])
async def test_curl_reaches_the_server_and_makes_a_key_for_a_browser(
    server, guarded, tmp_path: Path, keys: bool
):
    asked = guarded if keys else server
    program = programs(asked.http, keys=keys, webrtc=False)["curl"]
    out = await said("sh", "-ec", program.replace("curl ", "curl -s "), folder=tmp_path)
    assert '"status":"healthy"' in out
    assert '"gpt-realtime"' in out
    assert '"value":"ek_' in out


async def test_a_call_in_a_page_is_told_that_its_session_begins(server, tmp_path: Path):
    call = programs(server.http)["webrtc"].replace("console.log(", "heard.push(")
    clip = DATA / "flite-slt_s01.wav"
    async with page(f"{server.http}/", clip, tmp_path, loop=True) as open_page:
        await open_page.until("document.querySelector('.begin-state')?.dataset.state === 'healthy'")
        await open_page.evaluate(f"window.heard = []; (async () => {{ {call} }})()")
        await open_page.until("heard.some(({type}) => type === 'session.created')")
        # By WebRTC, so the transcript is of what came by the microphone.
        await open_page.until("heard.some(({type}) => type === 'response.done')")


async def test_by_tls_the_sdk_for_javascript_is_offered():
    offered = programs("https://voice.example")
    assert "OpenAIRealtimeWS" in offered["javascript"]
    assert 'baseURL = "https://voice.example/v1"' in offered["javascript"]
    assert "OpenAIRealtimeWS" not in programs("http://voice.example:8000")["javascript"]


async def test_a_path_that_no_sdk_can_ask_for_has_programs_that_need_none():
    offered = programs("http://localhost:8000", path="/chosen")
    assert offered.keys() == {"javascript", "webrtc", "curl"}
    assert "ws://localhost:8000/chosen?model=" in offered["javascript"]
    assert "http://localhost:8000/chosen/client_secrets" in offered["curl"]
    assert "http://localhost:8000/v1/models" in offered["curl"]


async def test_calls_are_offered_where_they_are_taken():
    without = programs("http://localhost:8000", webrtc=False)
    assert "webrtc" not in without
    assert "/calls" not in "".join(without.values())
    assert "http://localhost:8000/v1/realtime/calls" in programs("http://localhost:8000")["curl"]


async def test_no_program_has_a_key_in_it():
    for keys in (True, False):
        assert KEY not in "".join(programs("http://localhost:8000", keys=keys).values())
    with_keys = programs("http://localhost:8000", keys=True)
    assert "none" not in with_keys["python"] + with_keys["javascript"]
    assert "$OPENAI_API_KEY" in with_keys["curl"]
