"""`python -m recordings replay` and `… script`, with a server and without."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from recordings.command import main
from recordings.ignored import IGNORABLE
from tests.recordings.recorded import found
from tests.support.double import Double, double
from tests.support.places import DATA, ROOT
from tests.support.wire_client import client

RECORDED = DATA / "recordings" / "openai-python-tools.jsonl"
Run = Callable[..., Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    async def runs(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        # It has an event loop of its own.
        status = await asyncio.to_thread(main, [str(one) for one in arguments])
        told = capsys.readouterr()
        # How long each stage took is another matter each time.
        out = [
            line for line in told.out.splitlines() if not re.search(r"^answer \d|→ +\d+ ms", line)
        ]
        return status, "\n".join(out), told.err

    return runs


def base(server: Double) -> str:
    return f"{str(server.http.base_url).rstrip('/')}/v1"


async def test_a_session_is_the_same_in_real_time_too(run: Run):
    async with double() as server:
        status, out, err = await run("replay", RECORDED, "--url", base(server), "--scripted")
        assert (status, err) == (0, "")
        assert out.startswith("no difference; 13 messages sent, ")
        # Its ids are other ones, and the client has named those of this server.
        [deleted] = await server.events(type="conversation.item.delete")
        assert deleted["item_id"] not in RECORDED.read_text()


async def said_yes(folder: Path) -> Path:
    """Return the recording of a session in which the model says yes."""
    async with double(recording={"dir": folder}) as server:
        await server.script({"answers": "Yes."})
        async with client(server.url) as wire:
            await wire.say("hello")
            await wire.until("response.done")
        await server.http.post("/testing/reset")
    return found(folder)


async def test_a_server_that_answers_otherwise_differs_but_for_its_words(run: Run, tmp_path: Path):
    path = await said_yes(tmp_path)
    async with double() as server:
        await server.script({"answers": "Perhaps so.", "times": "always"})
        asked = ("replay", path, "--url", server.url)
        status, out, _err = await run(*asked)
        assert status == 1
        assert '         - "Yes."\n         + "Perhaps so."' in out
        form = (one for what in ("words", "audio", "usage") for one in ("--ignore", what))
        assert (await run(*asked, *form))[0] == 0


async def test_a_failure_is_brought_home_with_what_the_client_sent(run: Run, tmp_path: Path):
    async with double(recording={"dir": tmp_path}) as server:
        failure = {"fails": "rate_limit_exceeded", "message": "too many"}
        await server.script(failure, {"answers": "It is sunny."}, {**failure, "stage": "tts"})
        async with client(server.url) as wire:
            await wire.socket.send("no json {")
            await wire.until("error")
            await wire.socket.send(b"binary")
            await wire.until("error")
            await wire.send("input_audio_buffer.append", audio="???")
            await wire.until("error")
            for _of in ("model", "voice"):
                await wire.say("what is the weather")
                assert (await wire.until("response.done"))["response"]["status"] == "failed"
        await server.http.post("/testing/reset")
    path = found(tmp_path)
    async with double() as server:
        status, out, _err = await run("replay", path, "--url", base(server), "--scripted", "--fast")
        assert (status, out.partition(";")[0]) == (0, "no difference")


async def test_a_slower_server_differs_only_if_that_is_asked_for(run: Run, tmp_path: Path):
    path = await said_yes(tmp_path)
    async with double() as server:
        asked = ("replay", path, "--url", base(server))
        await server.script({"answers": "Yes.", "times": 2, "delay_ms": 1500})
        assert (await run(*asked))[0] == 0
        status, out, _err = await run(*asked, "--slower-than", 3)
    assert status == 1
    assert "slower   answer 1, first text: " in out


@asynccontextmanager
async def other_server(answers: Callable[[ServerConnection], Any]) -> AsyncIterator[str]:
    async with serve(answers, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1"


async def test_a_server_that_goes_away_in_the_middle_is_told(run: Run):
    async def leaves(socket: ServerConnection) -> None:
        await socket.send('{"type": "session.created", "session": {"id": "sess_x"}}')
        await socket.recv()
        await socket.close(1011, "out of order")

    async with other_server(leaves) as url:
        status, out, _err = await run(
            "replay", RECORDED, "--url", url, "--fast", "--ignore", "settings"
        )
    assert status == 1
    assert out.splitlines()[0] == (
        "end      the server closed the connection with code 1011 (out of order); "
        "12 messages were not sent"
    )
    assert "events that would have come then" in out.splitlines()[1]


async def test_a_server_that_refuses_the_session_is_told(run: Run):
    async def refuses(socket: ServerConnection) -> None:
        await socket.send('{"type": "error", "error": {"message": "no such model"}}')
        await socket.close(1008)

    async with other_server(refuses) as url:
        status, _out, err = await run("replay", RECORDED, "--url", url)
    assert (status, err) == (2, "error: the server refuses the session: no such model\n")


async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_patience(run: Run):
    async def is_silent(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with other_server(is_silent) as url:
        status, out, _err = await run(
            "replay", RECORDED, "--url", url, "--fast", "--patience", "0.05"
        )
    assert status == 1
    first, *others = out.splitlines()
    assert first.startswith("waited   0.05 s in vain for session.created (line 2)  (and ")
    assert "missing  session.created (line 2)" in others
    assert out.splitlines()[-1].endswith("; 13 messages sent, 0 came")


async def test_a_wrong_key_or_path_is_one_line(run: Run):
    async with double(server={"api_keys": "sk-right-0123456789abcdef"}) as server:
        status, _out, err = await run("replay", RECORDED, "--url", base(server), "--api-key", "no")
        assert status == 2
        assert err.count("\n") == 1
        assert "key" in err
        status, _out, err = await run("replay", RECORDED, "--url", f"{base(server)}/nowhere")
        assert status == 2
        assert err.count("\n") == 1
        assert "/nowhere/realtime" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--url", "http://127.0.0.1:9/v1"),
            "ws://127.0.0.1:9/v1/realtime?model=gpt-realtime: cannot",
        ),
        (
            ("--url", "http://127.0.0.1:9/v1", "--scripted"),
            "http://127.0.0.1:9/testing/reset: cannot",
        ),
        (("--url", "ftp://x"), "is no ws:// or http:// address"),
        (("--url", "http://x:99999999"), "is no ws:// or http:// address"),
    ],
)
async def test_where_no_server_is_it_is_one_line(run: Run, arguments: tuple[str, ...], told: str):
    status, out, err = await run("replay", RECORDED, *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


async def test_a_server_that_takes_no_script_is_told_how_to(run: Run):
    async with double(server={"testing": False}) as server:
        status, _out, err = await run("replay", RECORDED, "--url", base(server), "--scripted")
    assert status == 2
    assert "start it with --testing" in err


async def test_what_is_cut_off_is_replayed_as_far_as_it_goes(run: Run, tmp_path: Path):
    lines = RECORDED.read_text().splitlines()
    path = tmp_path / "cut.jsonl"
    path.write_text("\n".join(lines[:26]) + '\n{"t": 1, "fro')
    (tmp_path / "cut.assistant.flac").write_bytes(
        RECORDED.with_suffix(".assistant.flac").read_bytes()
    )
    async with double() as server:
        status, out, err = await run("replay", path, "--url", base(server), "--scripted", "--fast")
    assert (status, out.partition(";")[0]) == (0, "no difference")
    assert f"{path}, line 27: the rest is missing" in err


@pytest.mark.parametrize("mode", [(), ("--fast",)])
@pytest.mark.parametrize(
    "last", ["response.output_audio_transcript.done", "response.output_item.done"]
)
async def test_what_comes_behind_the_end_of_a_recording_is_no_difference(
    run: Run, tmp_path: Path, last: str, mode: tuple[str, ...]
):
    whole = await said_yes(tmp_path / "whole")
    lines = whole.read_text().splitlines()
    end = next(at for at, line in enumerate(lines, 1) if f'"type":"{last}"' in line)
    path = tmp_path / whole.name
    path.write_text("\n".join(lines[:end]) + "\n")
    for track in whole.parent.glob("*.flac"):
        (tmp_path / track.name).write_bytes(track.read_bytes())
    async with double() as server:
        status, out, _err = await run("replay", path, "--url", base(server), "--scripted", *mode)
    assert (status, out.partition(";")[0]) == (0, "no difference")


@pytest.mark.parametrize("command", [("replay", "--url", "ws://localhost:9"), ("script",)])
async def test_a_foreign_file_is_one_line(run: Run, tmp_path: Path, command: tuple[str, ...]):
    path = tmp_path / "foreign.jsonl"
    path.write_text('{"some": "json"}\n')
    status, out, err = await run(command[0], path, *command[1:])
    assert (status, out) == (2 if command[0] == "replay" else 1, "")
    assert err == f"error: {path}, line 1: does not begin a recording of a session\n"


async def test_the_script_is_printed_as_a_server_takes_it(run: Run, capsys: Any):
    await asyncio.to_thread(main, ["script", str(RECORDED)])
    rules = json.loads(capsys.readouterr().out)
    assert [next(iter(rule)) for rule in rules] == ["calls", "answers", "answers", "fails"]
    async with double() as server:
        await server.script(*rules)


@pytest.mark.parametrize("command", ["replay", "as-client-test"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "wrods",
            "'wrods' is none of words, audio, times, settings, usage, messages, order, and no",
        ),
        ("wrods", "Did you mean words?"),
        ("conversation.item.creatd", "Did you mean conversation.item.created?"),
    ],
)
async def test_what_cannot_be_ignored_is_named(
    command: str, given: str, told: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as refused:
        main([command, str(RECORDED), "--ignore", given])
    assert refused.value.code == 2
    assert told in capsys.readouterr().err


async def test_an_event_of_another_server_may_be_ignored(run: Run):
    async def says_more(socket: ServerConnection) -> None:
        await socket.send('{"type": "response.output_image.delta", "delta": ""}')
        await socket.close(1000)

    kinds = ["response.output_image.delta", "session.updated", "error"]
    ignored = (one for kind in kinds for one in ("--ignore", kind))
    async with other_server(says_more) as url:
        _status, told, _err = await run("replay", RECORDED, "--url", url, "--fast")
        _status, out, _err = await run("replay", RECORDED, "--url", url, "--fast", *ignored)
    assert "output_image" in told
    assert "output_image" not in out


@pytest.mark.parametrize("given", ["0", "-1", "x", "inf"])
async def test_numbers_are_checked(given: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["replay", str(RECORDED), "--url", "x", "--patience", given])
    assert "must be a number above 0" in capsys.readouterr().err


def test_the_documents_name_every_option(capsys: pytest.CaptureFixture[str]):
    told = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
    section = told.partition("## Replay it against a server")[2].partition("\n## ")[0]
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    options = {*re.findall(r"(--[a-z-]+)", capsys.readouterr().out)} - {"--help"}
    # It is an option of the server's.
    assert {one for one in options if one not in section} <= {"--virtual-clock"}
    assert all(f"`{name}`" in section for name in IGNORABLE)
