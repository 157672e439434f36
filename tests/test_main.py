"""The command line and the HTTP routes: what a person sees when they start the server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from fastapi.routing import APIWebSocketRoute
from threadpoolctl import threadpool_info
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from config import VERSION, ConfigError, load_settings
from main import create_app, main
from pipeline_manager import PipelineManager
from serving.command_line import arguments, chosen
from serving.process.server import bound_socket
from settings.installation import Chosen
from tests.support.places import ROOT
from tests.support.running_server import plain_http, running, scripted_settings, serving
from tests.support.wire_client import client

SCRIPTED = {
    "REALTIME_STT__PROVIDER": "scripted",
    "REALTIME_LLM__PROVIDER": "scripted",
    "REALTIME_TTS__PROVIDER": "scripted",
}


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("REALTIME_", "OPENAI_"))}
    return {**kept, **SCRIPTED, **extra}


def refused(monkeypatch: pytest.MonkeyPatch, *arguments: str, **extra: str) -> str:
    """Start the server with what must stop it; returns its one line of complaint."""
    for name, value in {**SCRIPTED, **extra}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    complaint = ended.value.code
    assert isinstance(complaint, str)
    assert "\n" not in complaint
    return complaint


def test_a_complaint_is_one_line_on_stderr_without_a_traceback():
    result = subprocess.run(
        [sys.executable, "main.py"],
        cwd=ROOT,
        env=environment(REALTIME_VAD__THRESHOLD="7"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.strip().splitlines()) == 1


async def test_health_counts_the_sessions():
    async with running() as server:
        async with plain_http() as http:
            health = await http.get(f"{server.http}/health")
        assert health.json() == {"status": "healthy", "active_sessions": 0, "version": VERSION}
        async with client(server.url), client(server.url):
            assert await server.active_sessions() == 2


async def test_health_says_starting_until_the_models_are_loaded():
    settings = scripted_settings()
    manager = PipelineManager(settings)
    loaded = asyncio.Event()
    manager.stt.start = loaded.wait  # type: ignore[assignment]
    app = create_app(settings, manager)
    async with serving(app) as port, plain_http() as http:
        base = f"http://127.0.0.1:{port}"
        health = await http.get(f"{base}/health")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        assert (await http.get(f"{base}/readyz")).status_code == 503
        assert (await http.get(f"{base}/livez")).status_code == 200
        assert (await http.get(f"{base}/v1/audio/voices")).status_code == 503
        minted = await http.post(f"{base}/v1/realtime/client_secrets", json={})
        assert minted.json()["error"]["code"] == "server_starting"
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{port}/v1/realtime")
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
        loaded.set()
        await app.state.lifecycle.started()
        assert (await http.get(f"{base}/health")).json()["status"] == "healthy"
        assert (await http.get(f"{base}/readyz")).status_code == 200
        async with client(f"ws://127.0.0.1:{port}/v1/realtime"):
            pass


async def test_voices_are_listed_with_what_they_stand_for():
    settings = load_settings(stt={"provider": "scripted"}, llm={"provider": "scripted"})
    async with running(settings) as server, plain_http() as http:
        listed = (await http.get(f"{server.http}/v1/audio/voices")).json()
        by_id = {voice["id"]: voice for voice in listed["data"]}
        assert by_id["ash"]["speaks_as"] in ("hibari/ash", "gmw/en-US+m1")
        assert by_id["cmn"]["speaks_as"] == "cmn"
        assert listed["voices"] == list(by_id)
        async with client(server.url) as wire:
            for voice in ("ash", "cmn"):
                session = (await wire.update(audio={"output": {"voice": voice}}))["session"]
                assert session["audio"]["output"]["voice"] == voice


async def test_models_lists_names_that_connect():
    async with running() as server, plain_http() as http:
        listed = (await http.get(f"{server.http}/v1/models")).json()
        names = [model["id"] for model in listed["data"]]
        assert "gpt-realtime" in names
        base = server.url.split("?")[0]
        async with client(f"{base}?model={names[-1]}") as wire:
            assert wire.events[0]["session"]["model"] == names[-1]


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("?intent=conversation", {}, "invalid_value"),
        ("?intent=conversation", {"OpenAI-Beta": "realtime=v1"}, "invalid_value"),
    ],
)
async def test_a_refused_handshake_says_why_and_closes(query, headers, code):
    async with running() as server:
        url = server.url.split("?")[0] + query
        async with connect(url, additional_headers=headers) as socket_:
            event = json.loads(await socket_.recv())
            assert (event["type"], event["error"]["code"]) == ("error", code)
            await socket_.wait_closed()
            assert socket_.close_code == 4000
            assert socket_.close_reason == f"invalid_request_error.{code}"
        assert await server.active_sessions() == 0


async def test_a_browser_gets_the_subprotocol_it_offers():
    async with running() as server:
        offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.none")]
        async with connect(server.url, subprotocols=offered) as socket_:
            assert socket_.subprotocol == "realtime"


async def test_small_events_do_not_wait_for_the_next_packet():
    """Nagle's algorithm held `committed` back until the client's next chunk of audio."""
    delays: asyncio.Queue[int] = asyncio.Queue()

    async def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        delays.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = bound_socket("127.0.0.1", 0)
    async with await asyncio.start_server(accepted, sock=listener):
        _reader, writer = await asyncio.open_connection(*listener.getsockname())
        assert await delays.get() != 0
        writer.close()


def test_a_taken_port_is_one_clear_line(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert port in refused(monkeypatch, "--port", port)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("REALTIME_SERVER__PORT", "many", "server.port"),
        ("REALTIME_SERVER__SECRET", "short", "server.secret"),
        ("REALTIME_SERVER__SESSION_LIMIT_MINUTES", "0", "server.session_limit_minutes"),
        ("REALTIME_VAD__THRESHOLD", "7", "vad.threshold"),
        ("REALTIME_LLM__PROVIDER", "skynet", "skynet"),
        ("REALTIME_TTS__PROVIDER", "openai", "OPENAI_API_KEY"),
        ("REALTIME_LLM__OPTIONS", '{"word_ms": -1}', "llm.options.word_ms"),
    ],
)
def test_a_bad_setting_is_one_clear_line(variable, value, named, monkeypatch):
    assert named in refused(monkeypatch, **{variable: value})


def test_workers_without_a_place_for_temporary_files_are_one_clear_line(monkeypatch):
    def gettempdir() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", gettempdir)
    assert "--tmpfs /tmp" in refused(monkeypatch, "--workers", "2", "--port", "0")


def test_a_missing_configuration_file_is_one_clear_line(monkeypatch):
    assert "nowhere.toml" in refused(monkeypatch, "--config", "nowhere.toml")


def test_the_websocket_cannot_have_a_path_on_which_the_server_answers_already():
    settings = scripted_settings(server={"ws_path": "/chosen"})
    app = create_app(settings)
    sockets = {route.path for route in app.routes if isinstance(route, APIWebSocketRoute)}
    paths = {re.sub(r"{\w+}", "one", path) for path in {*app.openapi()["paths"], *sockets}}
    others = {path for path in paths if not path.startswith("/chosen")}
    assert {"/health", "/metrics", "/v1/models", "/openai/realtime"} <= others
    for path in others:
        for written in (path, f"{path}/"):
            with pytest.raises(ConfigError, match="something else") as complaint:
                load_settings(server={"ws_path": written})
            assert "server.ws_path" in str(complaint.value)
            assert f"'{written}'" in str(complaint.value)


@pytest.mark.parametrize("path", ["/chosen", "/v1", "/healthy", "/openai/realtime2"])
async def test_the_websocket_has_the_path_that_was_chosen(path):
    async with running(scripted_settings(server={"ws_path": path})) as server:
        url = server.url.replace("/v1/realtime", path)
        async with client(url) as wire:
            await wire.settled()
        async with plain_http(base_url=server.http) as http:
            assert (await http.get("/v1/models")).status_code == 200
            assert (await http.post(f"{path}/client_secrets", json={})).status_code == 200


def test_whatever_stops_the_start_is_said(monkeypatch, capsys):
    async def broken(_manager: PipelineManager) -> None:
        raise OSError("the model file is damaged")

    monkeypatch.setattr(PipelineManager, "start", broken)
    for name, value in SCRIPTED.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0"])
    assert ended.value.code
    assert capsys.readouterr().err == "error: OSError: the model file is damaged\n"


def test_what_stops_the_start_is_said_without_the_keys(monkeypatch, capsys):
    key = "a-key-that-nobody-may-see"

    async def broken(_manager: PipelineManager) -> None:
        raise OSError(f"the service refuses {key}")

    monkeypatch.setattr(PipelineManager, "start", broken)
    for name, value in {**SCRIPTED, "REALTIME_STT__API_KEY": key}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["--port", "0"])
    assert capsys.readouterr().err == "error: OSError: the service refuses ***\n"


def test_the_openai_provider_starts_without_a_warning():
    result = subprocess.run(
        [sys.executable, "-c", "import providers.llm.openai"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Deprecat" not in result.stderr


def test_a_missing_library_is_one_clear_line():
    code = "import sys; sys.modules['soxr'] = None; import main"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "soxr" in result.stderr
    assert "requirements.txt" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("command", "end"),
    [
        (["main.py"], signal.SIGTERM),
        (["main.py"], signal.SIGINT),
        (["-m", "uvicorn", "main:app"], signal.SIGTERM),
    ],
)
async def test_the_server_starts_says_what_it_is_and_ends_on_a_signal(command, end):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--port",
        "0",
        cwd=ROOT,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        banner = ""
        while "  TTS  " not in banner:
            banner += (await process.stdout.readline()).decode()
    assert "Open Realtime Server" in banner
    # Under uvicorn's own command line only uvicorn knows the address.
    address = r"ws://localhost:\d+" if command == ["main.py"] else "  "
    assert re.search(address + "/v1/realtime", banner)
    for kind in ("VAD", "STT", "LLM", "TTS"):
        assert kind in banner
    process.send_signal(end)
    async with asyncio.timeout(30):
        _out, errors = await process.communicate()
    assert b"Traceback" not in errors


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"Open Realtime Server {VERSION}\n")


def test_the_configuration_file_reaches_the_server(tmp_path, monkeypatch):
    config = tmp_path / "my.toml"
    config.write_text("[vad]\nthreshold = 9\n")
    assert "vad.threshold" in refused(monkeypatch, "--config", str(config))


async def test_blas_has_no_threads_of_its_own_while_the_server_runs():
    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    before = threads()
    async with running(scripted_settings()):
        assert threads() == {1}
    assert threads() == before


def test_a_stack_on_the_command_line_has_a_name_and_a_profile(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "stacks.zh.profile" in refused(monkeypatch, "--stack", "zh=chinase")
    with pytest.raises(SystemExit) as ended:
        main(["--stack", "zh"])
    assert ended.value.code == 2
    assert "--stack: must be a name and a profile, such as fast=local" in capsys.readouterr().err
    assert "[stacks.odd] There is no LLM provider" in refused(
        monkeypatch, REALTIME_STACKS__ODD__LLM__PROVIDER="op"
    )


def test_what_installs_starts_the_same_stacks_as_were_asked_for() -> None:
    words = ["--config", "own.toml", "--port", "9000", "--stack", "zh=chinese", "--log-json"]
    start = chosen(arguments(["--profile", "local", *words, "--install", "--yes"]), "local")
    assert start == Chosen("local", tuple(words))
    parsed = vars(arguments([*start.arguments, "--profile", "local", "--install", "--yes"]))
    assert parsed == vars(arguments(["--profile", "local", *words, "--install", "--yes"]))


@pytest.mark.parametrize(("command", "other"), [("check", "download"), ("download", "check")])
def test_every_flag_is_kept_in_the_command_that_installs(command: str, other: str) -> None:
    """Add a flag to `chosen` too: a command that leaves it out starts another server."""
    words = "--config c --host h --port 1 --workers 2 --log-level info --stack a=local --record d"
    flags = "--insecure --testing --virtual-clock --debug --log-json --record-redact"
    switches = f"{flags} --{command}"
    given = arguments([*words.split(), *switches.split()])
    assert sorted(chosen(given, None).arguments) == sorted([*words.split(), *switches.split()])
    unset = {name for name, value in vars(given).items() if value in (None, False)}
    assert unset == {"profile", "install", "yes", other}
