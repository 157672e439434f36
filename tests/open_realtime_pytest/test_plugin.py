"""The plugin in pytest of its own, in a folder of somebody who tests a client."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from open_realtime_pytest.process import ServerNotStarted, ServerProcess
from tests.support.places import DATA, ROOT

HELPERS = """
import json
import pytest
from contextlib import contextmanager
from websockets.sync.client import connect

@contextmanager
def session(server, **settings):
    headers = {"Authorization": f"Bearer {server.api_key}"}
    with connect(f"{server.ws_url}?model=gpt-realtime", additional_headers=headers,
                 proxy=None, compression=None, max_size=None) as socket:
        def send(type_, **fields):
            socket.send(json.dumps({"type": type_, **fields}))
        def until(type_):
            while (event := json.loads(socket.recv(timeout=60)))["type"] != type_:
                pass
            return event
        until("session.created")
        settings = {"type": "realtime", "output_modalities": ["text"], **settings}
        send("session.update", session=settings)
        until("session.updated")
        yield send, until

def ask(send, until, text):
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    send("conversation.item.create", item=item)
    send("response.create")
    return until("response.done")["response"]
"""
GOOD = """
import base64
import logging
import os
import re
import signal
import sys
import wave

import config
import pytest
from helpers import ask, session

SIGNALS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
VARIABLES = dict(os.environ)
HANDLERS = list(logging.getLogger().handlers)
TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
KEPT = []

def test_a_written_turn(realtime_server):
    realtime_server.answers("It is sunny.", when="weather")
    realtime_server.answers("It rains.", when=re.compile("RAIN", re.IGNORECASE))
    with session(realtime_server) as (send, until):
        said = ask(send, until, "How is the Weather?")["output"][0]["content"][0]["text"]
        assert said == "It is sunny."
        assert ask(send, until, "any rain?")["output"][0]["content"][0]["text"] == "It rains."
    [seen] = realtime_server.sessions
    assert seen.conversation.splitlines()[0] == "user: How is the Weather?"
    assert [item["role"] for item in seen.items] == ["user", "assistant"] * 2
    assert seen.settings["output_modalities"] == ["text"] and seen.model == "gpt-realtime"
    seen.events.assert_order("session.update", "response.create", "response.done")
    assert realtime_server.unused == []

def test_nothing_is_left_of_the_test_before(realtime_server):
    assert realtime_server.events == [] and realtime_server.sessions == []
    assert realtime_server.unused == [] and realtime_server.heard_audio == b""

def test_a_spoken_turn(realtime_server):
    realtime_server.hears("what is the weather")
    realtime_server.answers("It is sunny.", when="weather")
    realtime_server.delays(stt_ms=1, llm_ms=1, word_ms=1, tts_ms=1)
    with wave.open(os.environ["SPOKEN"]) as file:
        pcm = file.readframes(file.getnframes()) + bytes(48_000)
    heard = {"input": {"transcription": {"model": "whisper-1"}}}
    with session(realtime_server, audio=heard, output_modalities=["audio"]) as (send, until):
        send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())
        until("response.done")
    [seen] = realtime_server.sessions
    assert seen.conversation == "user: what is the weather\\nassistant: It is sunny."
    assert realtime_server.heard_audio == seen.heard_audio == pcm
    assert len(seen.spoken_audio) > 10_000
    assert seen.events.one("input_audio_buffer.append")["audio"] == {"bytes": len(pcm)}

def test_calls(realtime_server):
    realtime_server.calls("get_weather", city="Oslo")
    realtime_server.calls_several([("get_weather", {"city": "A"}), ("get_weather", "{")])
    with session(realtime_server, tools=[TOOL]) as (send, until):
        [call] = ask(send, until, "hello")["output"]
        assert call["arguments"] == '{"city": "Oslo"}'
        assert [call["arguments"] for call in ask(send, until, "x")["output"]] == [
            '{"city": "A"}', "{"
        ]

def test_faults(realtime_server):
    realtime_server.fails("rate_limit_exceeded", message="too many")
    realtime_server.stalls(after_words=2, text="one two three")
    with session(realtime_server) as (send, until):
        failed = ask(send, until, "hello")["status_details"]["error"]
        assert failed["code"] == "rate_limit_exceeded" and failed["message"] == "too many"
        send("response.create")
        realtime_server.wait_for("response.output_text.delta", count=2)
        send("response.cancel")
        assert until("response.done")["response"]["status"] == "cancelled"

@pytest.mark.parametrize("fault", ["drops", "expires"])
def test_lost_connections(realtime_server, fault):
    getattr(realtime_server, fault)(after="session.updated")
    with pytest.raises(Exception, match="1001|no close frame"):
        with session(realtime_server) as (send, until):
            until("never")
    realtime_server.wait_for("session.updated")

def test_a_rule_that_cannot_be_used(realtime_server):
    with pytest.raises(ValueError, match=r"script\\[0\\].times: must be a whole number"):
        realtime_server.answers("x", times=0)
    with pytest.raises(ValueError, match="when: must be words, or a regular expression"):
        realtime_server.answers("x", when=str.isupper)
    with pytest.raises(ValueError, match=r"calls\\[0\\]: must be a name and arguments"):
        realtime_server.calls_several([("f",)])
    with pytest.raises(ValueError, match=r"calls: must be a list of names with arguments"):
        realtime_server.calls_several(5)
    for argument in ({1, 2}, float("nan")):
        with pytest.raises(ValueError, match=r"script\\[0\\]: cannot be written as JSON: .*JSON"):
            realtime_server.calls("f", a=argument)
    assert realtime_server.unused == []

def test_types_of_events_that_do_not_exist(realtime_server):
    for ask in (realtime_server.wait_for, realtime_server.events.of):
        with pytest.raises(ValueError, match="Did you mean response.create"):
            ask("response.creat")

def test_a_wait_in_vain(realtime_server):
    with pytest.raises(AssertionError, match=r"0 of 1 events 'error' within 0.01 s:\\n\\(nothing"):
        realtime_server.wait_for("error", timeout_s=0.01)

def test_a_session_that_stays_open(realtime_server):
    opened = session(realtime_server)
    opened.__enter__()
    KEPT.append(opened)
    assert len(realtime_server.sessions) == 1

def test_it_was_ended_with_its_test(realtime_server):
    assert realtime_server.sessions == []
    with pytest.raises(Exception, match="1001"):
        KEPT[0].gen.gi_frame.f_locals["until"]("never")

def test_a_key_is_needed(realtime_server):
    class Other:
        ws_url, api_key = realtime_server.ws_url, "sk-another"
    with pytest.raises(Exception, match="invalid_api_key|401|3000"):
        with session(Other):
            pass

def test_this_process_is_as_it_was(realtime_server):
    assert config.mine
    assert {number: signal.getsignal(number) for number in SIGNALS} == SIGNALS
    assert logging.getLogger().handlers[: len(HANDLERS)] == HANDLERS
    changed = {name for name in VARIABLES if VARIABLES[name] != os.environ.get(name)}
    assert changed <= {"PYTEST_CURRENT_TEST"}
    assert not {"fastapi", "pipecat", "uvicorn"} & set(sys.modules)
"""
BAD = """
from helpers import ask, session

def test_that_fails(realtime_server):
    realtime_server.answers("It is sunny.")
    with session(realtime_server) as (send, until):
        ask(send, until, "hello")
    [seen] = realtime_server.sessions
    assert seen.conversation == "user: hello\\nassistant: It rains."

def test_types_that_differ(realtime_server):
    with session(realtime_server):
        pass
    realtime_server.events.assert_types(["session.created", "response.create"])

def test_that_ends_the_server(realtime_server, _realtime_process):
    _realtime_process.close()
    assert not _realtime_process.runs
"""


HOSTILE = {"REALTIME_SERVER__PORT": "nonsense", "PYTHONSAFEPATH": "1"}
"""Variables that are not for the server, or must not disturb it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of somebody who has modules that are called like the server's."""
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "config.py").write_text("mine = True")
    (tmp_path / "main.py").write_text("raise SystemExit('this is another main')")
    (tmp_path / ".env").write_text("REALTIME_SERVER__PORT=nonsense\n")
    return tmp_path


def run_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pytest", "-p", "open_realtime_pytest.plugin")
    # It is behind the folder of the tests, as installed packages are.
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", **variables}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("processes", ["0", pytest.param("2", marks=pytest.mark.long)])
def test_those_who_test_get_a_server_with_a_script_for_each_test(folder: Path, processes: str):
    (folder / "test_good.py").write_text(GOOD)
    spoken = str(DATA / "flite-slt_s01.wav")
    # Tests lean on the ones before them, so those of a file stay together.
    options = ("-n", processes, "--dist", "loadfile", "-p", "no:asyncio")
    ran = run_pytest(folder, *options, SPOKEN=spoken, **HOSTILE)
    assert re.search(r"\b14 passed\b", ran.stdout), ran.stdout[-6000:] + ran.stderr[-2000:]


@pytest.mark.long
def test_what_passed_is_shown_where_a_test_fails(folder: Path):
    (folder / "test_bad.py").write_text(BAD)
    shown = run_pytest(folder, "-n", "0", "-vv").stdout
    assert "- assistant: It rains." in shown.replace("E   ", "").replace("  ", " ")
    assert re.search(r"- Realtime server -+\n +\d+ ms ← session.created\n", shown)
    assert re.search(r"^user: hello\nassistant: It is sunny.$", shown, re.MULTILINE)
    assert re.search(r"-response.create\nE +\+session.update\n", shown)
    assert "2 failed, 1 passed" in shown


@pytest.mark.long
def test_a_server_that_has_ended_or_does_not_start_is_told_of(folder: Path):
    (folder / "test_bad.py").write_text(
        BAD + "\ndef test_behind_it(realtime_server):\n    assert False\n"
    )
    shown = run_pytest(folder, "-n", "0", "-k", "ends or behind").stdout
    assert "The Realtime server has ended" in shown, shown[-3000:]
    (folder / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture(scope='session')\ndef realtime_server_settings():\n"
        "    return {'REALTIME_STT__PROVIDER': 'nobody'}\n"
    )
    shown = run_pytest(folder, "-n", "0", "-k", "fails").stdout
    assert "The Realtime server ended before it was ready (1):" in shown
    assert "There is no STT provider 'nobody'." in shown


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (5, "must be a mapping"),
        (None, "must be a mapping"),
        ({5: "a"}, "5 is no variable"),
        ({"A=B": "a"}, "'A=B' is no variable"),
        ({"A": "a\0"}, "'A' is no variable"),
        ({"REALTIME_SERVER__TESTING": "false"}, "REALTIME_SERVER__TESTING is set by the fixture"),
        ({"REALTIME_API_KEYS": "sk-mine"}, "REALTIME_API_KEYS is set by the fixture"),
    ],
)
def test_settings_that_cannot_be_are_named(variables: Any, told: str):
    with pytest.raises(ServerNotStarted) as refused:
        ServerProcess(variables)
    assert told in str(refused.value)
    assert str(refused.value).startswith("realtime_server_settings: ")


@pytest.mark.long
def test_the_server_ends_with_a_process_that_is_killed(folder: Path):
    program = (
        "import sys\n"
        "from open_realtime_pytest.process import ServerProcess\n"
        "server = ServerProcess({})\n"
        "print(server.port, flush=True)\n"
        "sys.stdin.read()\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdin is not None and started.stdout is not None
    port = int(started.stdout.readline())
    with started.stdin, started.stdout, socket.socket() as connected:
        connected.connect(("127.0.0.1", port))
        connected.settimeout(60)
        started.kill()
        started.wait()
        # Its end closes the connection, cleanly or not.
        try:
            assert connected.recv(1) == b""
        except ConnectionResetError:
            assert started.returncode


def test_pytest_without_the_fixture_imports_nothing_of_it():
    program = (
        "import sys, pytest; before = set(sys.modules); import open_realtime_pytest.plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "['open_realtime_pytest', 'open_realtime_pytest.plugin']"
