"""Sessions that are recorded: what the files hold, who may read them, and what is not in them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
from websockets.asyncio.client import connect

from audio.pcm import read_wav
from config import ConfigError, load_settings
from serving.recording import recorder
from serving.recording.folder import lock
from tests.support import translating
from tests.support.places import DATA, ROOT
from tests.support.running_server import RunningServer, plain_http, running, scripted_settings
from tests.support.server_process import Process, started
from tests.support.wire_client import client, speech

KEY = "a-key-of-the-server-itself"
OWN_TOKEN = "Operator-token-4711-of-an-mcp-server"
LIMITED = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    "sys.argv[0] = 'main.py'; runpy.run_path('main.py', run_name='__main__')"
)
"""Starts the server as on a full disk: no file can have more than 64 KiB."""


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of the only recording."""
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def files(folder: Path) -> list[Path]:
    """All files of the folder."""
    return sorted(folder.iterdir())


def types(rows: list[dict[str, Any]], sender: str) -> list[str]:
    return [row["event"]["type"] for row in rows if "event" in row and row["from"] == sender]


async def recordings(server: RunningServer) -> dict[str, float]:
    """How many recordings have ended, by outcome."""
    async with plain_http() as http:
        text = (await http.get(f"{server.http}/metrics")).text
    name = 'realtime_recordings_total{outcome="'
    found = [line.removeprefix(name) for line in text.splitlines() if line.startswith(name)]
    return {line.split('"')[0]: float(line.split()[-1]) for line in found}


async def test_a_recording_has_every_event_the_audio_and_the_stages(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "recordings"
    pcm = speech()
    async with running(scripted_settings(recording={"dir": folder})) as server:
        async with client(server.url) as wire:
            await wire.append(pcm)
            await wire.until("response.done")
            await wire.say("hello")
            await wire.until("response.done")
            await wire.send("no.such.event", with_="fields")
            await wire.until("error")
            await wire.settled()
        await server.emptied()
    rows = lines(folder)
    assert rows[0].items() >= {"recording": 1, "dialect": "ga", "kind": "realtime"}.items()
    heard = [event["type"] for event in wire.events]
    assert types(rows, "server") == heard
    assert types(rows, "client") == [
        sent["type"] for sent in wire.sent if not sent["type"].endswith(".append")
    ]
    refused = next(row for row in rows if row.get("event", {}).get("type") == "no.such.event")
    assert refused["event"] == {"type": "no.such.event", "with_": "fields"}
    assert rows[-1]["end"] == "the client left"
    moments = [row["t"] for row in rows[1:]]
    assert moments == sorted(moments)
    appends = [piece for row in rows if "appends" in row for piece in row["appends"]]
    assert sum(size for _ms, size in appends) == len(pcm)
    turns = [row["turn"] for row in rows if "turn" in row]
    assert [turn["outcome"] for turn in turns] == ["completed", "completed"]
    assert set(turns[0]["stages"]) == {"transcript", "first_text", "first_audio", "done"}
    (user,) = folder.glob("*.user.flac")
    (assistant,) = folder.glob("*.assistant.flac")
    sound, rate = soundfile.read(user, dtype="int16")
    assert (sound.astype("<i2").tobytes(), rate) == (pcm, 24000)
    spoken = [row["audio"] for row in rows if "event" in row and "audio" in row]
    assert {place["track"] for place in spoken} == {"assistant.flac"}
    last = spoken[-1]
    assert soundfile.info(assistant).frames == last["at"] + last["samples"]


async def test_a_recording_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    async with running(scripted_settings(recording={"dir": folder, "audio": "wav"})) as server:
        async with client(server.url) as wire:
            await wire.append(speech())
            await wire.until("response.done")
        await server.emptied()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(path.name.partition(".")[2] for path in folder.iterdir())
    assert files == ["assistant.wav", "jsonl", "user.wav"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


async def test_a_redacted_recording_has_the_course_without_words(tmp_path: Path) -> None:
    recording = {"dir": tmp_path, "redact": True}
    settings = scripted_settings(recording=recording, stt={"text": "secret whisper"})
    async with running(settings) as server:
        async with client(server.url) as wire:
            await wire.update(instructions="Guard the treasure")
            await wire.append(speech())
            await wire.until("response.done")
            await wire.say("where is the treasure")
            await wire.until("response.done")
            await wire.socket.send("no json: treasure")
            await wire.until("error")
        await server.emptied()
    assert [path.suffix for path in files(tmp_path)] == [".jsonl"]
    text = files(tmp_path)[0].read_text()
    answers = {part["transcript"] for event in wire.of("response.content_part.done")
               for part in [event["part"]]}  # fmt: skip
    assert answers
    for words in ("treasure", "secret whisper", *answers):
        assert words not in text
    rows = lines(tmp_path)
    assert types(rows, "server") == [event["type"] for event in wire.events]
    created = next(row for row in rows if row.get("from") == "client" and "event" in row)
    assert created["event"]["session"]["instructions"] == {"chars": len("Guard the treasure")}


async def test_keys_are_in_no_line(tmp_path: Path) -> None:
    settings = scripted_settings(
        recording={"dir": tmp_path},
        server={"api_keys": [KEY]},
        mcp={
            "allowed_hosts": ["mcp.example"],
            "servers": {"own": {"url": "http://127.0.0.1:9/", "authorization": OWN_TOKEN}},
        },
    )
    key, token, header = "sk-abcdefghijklmnopqrstuvwx", "token-of-a-server", "secret-in-a-header"
    tool = {
        "type": "mcp",
        "server_label": "docs",
        "server_url": "https://mcp.example/?key=in-a-query",
        "headers": {"X-Token": header},
    }
    other = {**tool, "server_label": "more", "authorization": token}
    async with running(settings) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with client(server.url, additional_headers=headers) as wire:
            for given in (tool, {**other, "headers": None}):
                await wire.send("session.update", session={"type": "realtime", "tools": [given]})
            await wire.say(f"my keys are {KEY}, {key} and {OWN_TOKEN}")
            await wire.until("response.done")
            for broken in (
                f'{{"authorization": "{token}", "headers": {{"a": "{header}"',
                str({"authorization": token, "headers": [header]}),
                f'{{"server_url": "https://u:{token}@mcp.example/?key=in-a-query"',
            ):
                await wire.socket.send(broken)
                await wire.until("error")
        async with plain_http() as http:
            url = f"{server.http}/health"
            while (await http.get(url)).json()["active_sessions"]:
                pass
    (text,) = (path.read_text() for path in files(tmp_path) if path.suffix == ".jsonl")
    for secret in (KEY, key, OWN_TOKEN, token, header, "in-a-query"):
        assert secret not in text
    assert "my keys are ***, *** and ***" in text


async def test_a_full_disk_ends_the_recording_and_not_the_session(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, "--record", str(tmp_path / "rec")]
    scripted = {f"REALTIME_{kind}__PROVIDER": "scripted" for kind in ("STT", "LLM", "TTS")}
    async with started(command, ROOT, REALTIME_WEBRTC__UDP_PORT="0", **scripted) as server:
        await _filled(server)
        stopped = [line for line in server.logged().splitlines() if "not recorded any" in line]
        assert len(stopped) == 1
        assert "File too large" in stopped[0] or "is the disk full?" in stopped[0]
        assert "Traceback" not in server.logged()


async def _filled(server: Process) -> None:
    """Hold turns until the log says that the recording has stopped, and one more."""
    async with client(server.url + "?model=gpt-realtime") as wire:
        while "not recorded any further" not in server.logged():
            await wire.say("word " * 2000)
            await wire.until("response.done")
        await wire.say("hello")
        assert (await wire.until("response.done"))["response"]["status"] == "completed"


async def test_a_folder_that_is_gone_ends_recordings_and_no_session(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    async with running(scripted_settings(recording={"dir": folder})) as server:
        async with client(server.url) as wire:
            while not list(folder.glob("*.jsonl")):
                await asyncio.sleep(0)
            shutil.rmtree(folder)
            while not await recordings(server):
                await wire.say("hello")
                await wire.until("response.done")
        async with client(server.url) as wire:
            await wire.say("hello")
            await wire.until("response.done")
        await server.emptied()
        while (await recordings(server)).get("failed") != 2:
            pass


async def test_a_recording_ends_at_its_bound(tmp_path: Path) -> None:
    settings = scripted_settings(recording={"dir": tmp_path, "max_mib": 1, "audio": "wav"})
    pcm = read_wav(DATA / "flite-slt_s01.wav")
    async with running(settings) as server:
        async with client(server.url) as wire:
            await wire.update(audio={"input": {"turn_detection": None}})
            while not await recordings(server):
                await wire.append(pcm, step=len(pcm))
            await wire.settled()
        await server.emptied()
        assert await recordings(server) == {"too_large": 1}
    rows = lines(tmp_path)
    assert rows[-1]["end"] is None
    assert "recording.max_mib" in rows[-1]["stopped"]


async def test_a_beta_client_is_recorded_as_it_spoke_and_heard(tmp_path: Path) -> None:
    headers = {"OpenAI-Beta": "realtime=v1"}
    content = [{"type": "input_text", "text": "hello"}]
    item = {"type": "message", "role": "user", "content": content}
    sent = [
        {"type": "session.update", "session": {"modalities": ["text", "audio"]}},
        {"type": "conversation.item.create", "item": item},
        {"type": "response.create"},
    ]
    got: list[dict[str, Any]] = []
    async with running(scripted_settings(recording={"dir": tmp_path})) as server:
        async with connect(server.url, additional_headers=headers, proxy=None) as socket:
            for event in sent:
                await socket.send(json.dumps(event))
            while not got or got[-1]["type"] != "response.done":
                got.append(json.loads(await socket.recv()))
        await server.emptied()
    rows = lines(tmp_path)
    assert rows[0]["dialect"] == "beta"
    told = [row["event"] for row in rows if row.get("from") == "server"]
    assert [event["type"] for event in told] == [event["type"] for event in got]
    audio = "response.audio.delta"
    assert audio in types(rows, "server")
    # An event with audio is recorded without the audio, which is in its file, and without an id;
    # the limits that beta shows are made up anew for whoever asks.
    made = (audio, "rate_limits.updated")
    assert [event for event in told if event["type"] not in made] == [
        event for event in got if event["type"] not in made
    ]
    assert [row["event"] for row in rows if row.get("from") == "client"] == sent


async def test_without_the_setting_nothing_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with running(scripted_settings()) as server, client(server.url) as wire:
        await wire.say("hello")
        await wire.until("response.done")
    assert not files(tmp_path)


def test_a_folder_that_cannot_be_written_ends_the_start(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match="is no folder"):
        load_settings(recording={"dir": file})
    with pytest.raises(ConfigError, match="folder of the recordings"):
        load_settings(recording={"redact": True})


async def test_a_call_is_recorded_with_what_it_played_and_dropped(tmp_path: Path) -> None:
    pytest.importorskip("aiortc", reason="requirements/webrtc.txt is not installed")
    from tests.support.rtc_caller import calling

    slow = {"ms_per_character": 200}
    settings = scripted_settings(recording={"dir": tmp_path}, webrtc={"udp_port": 0}, tts=slow)
    async with running(settings) as server:
        async with calling(server.http) as caller:
            caller.microphone.say(speech())
            await caller.until("output_audio_buffer.started")
            caller.send("output_audio_buffer.clear")
            await caller.until("output_audio_buffer.cleared")
        await server.emptied()
    rows = lines(tmp_path)
    assert rows[0]["media"] == "tracks"
    heard = sum(row["audio"]["samples"] for row in rows if "appends" in row)
    assert heard > 24000
    spoken = [row for row in rows if "audio" in row and "event" in row]
    assert {row["event"]["type"] for row in spoken} == {"response.output_audio.delta"}
    assert any(row.get("silenced") for row in rows)


async def test_a_translation_is_recorded_with_both_voices(tmp_path: Path) -> None:
    async with running(translating.echoing(recording={"dir": tmp_path})) as server:
        async with client(translating.address(server)) as wire:
            await translating.append(wire, speech())
            await translating.close(wire)
        await server.emptied()
    rows = lines(tmp_path)
    assert rows[0]["dialect"] == "translation"
    assert types(rows, "server") == [event["type"] for event in wire.events]
    spoken = [row["audio"]["samples"] for row in rows if "audio" in row and "event" in row]
    assert 2 * sum(spoken) == len(translating.audio(wire)) > 0
    assert not [row for row in rows if row.get("event", {}).get("delta", "").startswith("AAAA")]


async def test_keys_are_not_in_the_first_line_either(tmp_path: Path) -> None:
    settings = scripted_settings(server={"api_keys": [KEY]}, recording={"dir": tmp_path})
    async with running(settings) as server:
        url = f"{server.url.partition('?')[0]}?model={KEY}"
        async with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}) as socket:
            assert "session.created" in str(await socket.recv())
        await server.emptied()
    (text,) = (path.read_text() for path in files(tmp_path) if path.suffix == ".jsonl")
    assert KEY not in text


async def test_what_is_too_old_is_deleted_though_nobody_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "TIDY_S", 0.01)
    old = tmp_path / "20260101T101112-sess_old.jsonl"
    async with running(scripted_settings(recording={"dir": tmp_path, "keep_days": 1})):
        old.touch()
        os.utime(old, (0, 0))
        while old.exists():
            await asyncio.sleep(0)
        # That was not the look at the start.
        old.touch()
        os.utime(old, (0, 0))
        while old.exists():
            await asyncio.sleep(0)


async def test_no_session_is_recorded_while_open_ones_fill_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    other = tmp_path / "20260101T101112-sess_other.jsonl"
    settings = scripted_settings(recording={"dir": tmp_path, "keep_mib": 1})
    with other.open("wb") as written:
        written.write(bytes(2 * 2**20))
        written.flush()
        # As another worker does, whose session is open.
        lock(written)
        async with running(settings) as server:
            async with client(server.url) as wire:
                await wire.say("hello")
                await wire.until("response.done")
                while not await recordings(server):
                    pass
            await server.emptied()
            assert await recordings(server) == {"too_large": 1}
    assert files(tmp_path) == [other]
