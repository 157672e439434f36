"""The app's command line, and one turn of it over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.binding import Binding

import push_to_talk_app as program
from audio.pcm import write_wav
from audio.player import AudioPlayerAsync
from clients.sdk import make_client
from clients.terminal.app import PushToTalkApp
from clients.terminal.client import RealtimeClient
from clients.terminal.sources import Microphone
from clients.terminal.view import Latency, SessionInfo, View
from tests.clients.terminal.bench import PCM
from tests.support.fake_sound import FakeSound
from tests.support.scripted_server import ANSWER_PCM, ANSWER_TEXT, scripted_server


class Told:
    """A view that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.calls.put_nowait((name, *values, *named.values()))

    async def until(self, name: str, last: object) -> list[tuple[Any, ...]]:
        """Return the calls up to the next one of this name with this last argument."""
        calls: list[tuple[Any, ...]] = []
        async with asyncio.timeout(10):
            while not calls or (calls[-1][0], calls[-1][-1]) != (name, last):
                calls.append(await self.calls.get())
        return calls


async def test_a_turn_over_a_real_websocket() -> None:
    view, out, into = Told(), FakeSound(), FakeSound()
    player = AudioPlayerAsync(out.open)
    async with scripted_server() as server:
        sdk = make_client(server.url, "none")
        client = RealtimeClient(
            lambda: sdk.realtime.connect(model="gpt-realtime"),
            cast(View, view),
            Microphone(into.open),
            player,
        )
        running = asyncio.create_task(client.run())
        await view.until("show_session", SessionInfo("sess_1", "gpt-realtime", "alloy"))
        await client.toggle_recording()
        into.push(PCM)
        await client.toggle_recording()
        async with asyncio.timeout(10):
            while player.waiting_samples < len(ANSWER_PCM) // 2:
                await asyncio.sleep(0)
        told = [view.calls.get_nowait() for _ in range(view.calls.qsize())]
        texts = [call for call in told if call[0] == "show_text"]
        assert texts[0][2:] == ("you", "…")
        assert "".join(text[3] for text in texts[1:]) == ANSWER_TEXT
        (latency,) = [call[1] for call in told if call[0] == "show_latency"]
        assert isinstance(latency, Latency)
        assert (latency.since, latency.until) == ("end of speech", "first audio")
        assert out.pull(player.waiting_samples) == ANSWER_PCM
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        client.close()
    assert out.calls[-1] == "close"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[PushToTalkApp]:
    """Pretend that there is a terminal; the apps that would have run in it are returned."""
    ran: list[PushToTalkApp] = []
    monkeypatch.setattr(program, "in_terminal", lambda: True)
    monkeypatch.setattr(PushToTalkApp, "run", lambda app: ran.append(app))
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return ran


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Run with arguments that cannot work, and return the line that says why."""
    assert program.main(argv) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_what_cannot_work_is_said_in_one_line(
    terminal: list[PushToTalkApp], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for url in ("ftp://x", "", "ws://", "ws://x:99999", "ws://x:0", "ws://x:http", "ws://[x"):
        no_address = f"--url '{url}' is no ws:// or http:// address"
        assert no_address in refused(capsys, "--url", url)
    assert "set OPENAI_API_KEY or give --api-key" in refused(capsys, "--url", "openai")
    missing = "nowhere.wav cannot be read: No such file or directory."
    assert missing in refused(capsys, "--wav-in", "nowhere.wav")
    write_wav(tmp_path / "empty.wav", b"")
    assert "holds no audio" in refused(capsys, "--wav-in", str(tmp_path / "empty.wav"))
    (tmp_path / "nothing.wav").write_bytes(b"")
    assert "(it is cut off)" in refused(capsys, "--wav-in", str(tmp_path / "nothing.wav"))
    (tmp_path / "text.wav").write_text("text")
    assert "cannot be read" in refused(capsys, "--wav-in", str(tmp_path / "text.wav"))
    no_talk = str(tmp_path / "none" / "talk")
    assert "--save" in (told := refused(capsys, "--save", no_talk))
    assert "cannot be written: No such file" in told
    no_folder = str(tmp_path / "none" / "out.wav")
    assert "cannot be written: No such file" in refused(capsys, "--wav-out", no_folder)
    assert "cannot be read: No such file" in refused(capsys, "--tools", "nowhere.json")
    assert "is no JSON: " in refused(capsys, "--tools", str(tmp_path / "text.wav"))
    (tmp_path / "tools.json").write_text('{"type": "function"}')
    assert "is no list of tools" in refused(capsys, "--tools", str(tmp_path / "tools.json"))
    assert "pip install sounddevice" in refused(capsys, "--list-devices")
    assert terminal == []


def test_without_a_terminal_another_client_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "python test_client.py" in refused(capsys)


def test_openais_service(terminal: list[PushToTalkApp], monkeypatch: pytest.MonkeyPatch) -> None:
    assert program.parse_arguments([]).url == program.LOCAL_SERVER
    assert program.parse_arguments(["--url", "openai"]).url == program.OPENAI_SERVICE
    monkeypatch.setattr(program, "USE_LOCAL_SERVER", False)
    assert program.parse_arguments([]).url == program.OPENAI_SERVICE
    assert program.main([]) == 2
    assert program.main(["--api-key", "sk-x"]) == 0
    monkeypatch.setenv("OPENAI_API_KEY", "sk-y")
    assert program.parse_arguments([]).api_key == "sk-y"
    assert program.main([]) == 0
    assert len(terminal) == 2


def test_the_app_runs_with_what_was_asked_for(
    terminal: list[PushToTalkApp], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in.wav", PCM)
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{"type": "function", "name": "time"}]))
    files = ["--wav-in", str(tmp_path / "in.wav"), "--wav-out", str(tmp_path / "out.wav")]
    assert program.main([*files, "--tools", str(tools), "--theme", "light"]) == 0
    assert terminal[0].theme == "textual-light"
    assert (tmp_path / "out.wav").stat().st_size == 44
    assert capsys.readouterr().out == f"The answers are in {tmp_path / 'out.wav'}.\n"


def test_the_conversation_stays_on_the_terminal_and_in_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def talk(app: PushToTalkApp) -> None:
        app.transcript.write("1", "you", "hello", append=False)
        app.transcript.write("2", "assistant", "Hi, how are", append=False)
        app.transcript.interrupt("2", 700, 4)
        raise KeyboardInterrupt

    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(program, "in_terminal", lambda: True)
    monkeypatch.setattr(PushToTalkApp, "run", talk)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(KeyboardInterrupt):
        program.main(["--save", str(tmp_path / "talk")])
    about, you, assistant = capsys.readouterr().out.splitlines()
    assert program.LOCAL_SERVER in about
    assert re.fullmatch(r"\d\d:\d\d:\d\d  You        hello", you)
    assert assistant.endswith("  Assistant  Hi, [interrupted after 0.7 s, not heard: how are]")
    kept = (tmp_path / "talk.md").read_text(encoding="utf-8")
    assert "hello" in kept
    assert "Hi, [interrupted after 0.7 s] ~~how are~~" in kept
    assert (tmp_path / "talk.wav").exists()


def test_what_stays_on_the_terminal_is_as_wide_as_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def talk(app: PushToTalkApp) -> None:
        app.transcript.write("1", "assistant", "A girl named Mira lived there. " * 5, append=False)

    monkeypatch.setattr(program, "in_terminal", lambda: True)
    monkeypatch.setattr(PushToTalkApp, "run", talk)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setenv("COLUMNS", "50")
    assert program.main([]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert max(map(len, rows)) <= 50
    words = " ".join(rows).split()
    assert words[-30:] == ["A", "girl", "named", "Mira", "lived", "there."] * 5


def test_the_files_of_a_conversation_are_named_unless_there_was_none(
    terminal: list[PushToTalkApp],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program.main(["--save", str(tmp_path / "talk")]) == 0
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(
        PushToTalkApp, "run", lambda app: app.transcript.write("1", "you", "hello", append=False)
    )
    for name in ("talk", "talk-2"):
        assert program.main(["--save", str(tmp_path / "talk.md")]) == 0
        files = f"{tmp_path / name}.md and {tmp_path / name}.wav"
        assert capsys.readouterr().out.endswith(f"The conversation is in {files}.\n")


def test_devices_are_chosen_by_number_or_name() -> None:
    args = program.parse_arguments(["--input-device", "3", "--output-device", "Head"])
    assert (args.input_device, args.output_device) == (3, "Head")


def test_devices_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.support.fake_sound_device import SoundDevice

    module = SoundDevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    assert program.main(["--list-devices"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "input     1  Head set",
        "input     2  Microphone  (default)",
        "output    1  Head set",
        "output    3  Speakers  (default)",
    ]
    monkeypatch.setattr(module, "query_devices", list)
    assert "no sound device" in refused(capsys, "--list-devices")


def test_help_explains_every_key_and_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["-h"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for binding in PushToTalkApp.BINDINGS:
        assert isinstance(binding, Binding)
        key = re.escape(binding.key_display or "Q")
        assert re.search(rf"^  {key} ", told, re.MULTILINE)
    for flag in (
        "save",
        "no-echo-cancellation",
        "url",
        "api-key",
        "model",
        "voice",
        "wav-in",
        "wav-out",
        "input-device",
        "tools",
    ):
        assert f"--{flag}" in told
