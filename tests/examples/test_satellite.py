"""The satellite speaks and hears 16 kHz, against the embedded voice."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.examples.programs import (
    EXAMPLES,
    LOUD,
    PATIENCE_S,
    loudness,
    refused_python,
    run_python,
    said,
    serving,
    spoken_file,
)
from tests.support.running_server import running, scripted_settings

SECOND = 32000
# It hears the question, and then silence until it is ended.
RECORDER = """
import sys, time
out = sys.stdout.buffer
out.write(open(FILE, "rb").read()[44:])
while True:
    out.write(bytes(1280))
    out.flush()
    time.sleep(0.04)
"""
PLAYER = """
import sys
played = open(FILE, "wb", 0)
while pcm := sys.stdin.buffer.read1():
    played.write(pcm)
"""


def stand_in(program: Path, code: str, of: str) -> None:
    """Write a program that stands in for one of ALSA's."""
    program.write_text(f"#!{sys.executable}\nFILE = {of!r}\n{code}")
    program.chmod(0o755)


async def test_a_spoken_question_is_heard_and_its_answer_kept(tmp_path: Path):
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"provider": "embedded"})
    question = spoken_file(tmp_path / "question.wav", 16000)
    async with running(settings) as server:
        files = ("--wav-in", str(question), "--wav-out", "answer.wav")
        said = await run_python("satellite", "--url", server.url, *files, folder=tmp_path)
    lines = said.splitlines()
    assert lines[0] == "You: hello there"
    assert lines[1].startswith("Assistant: ")
    assert loudness(tmp_path / "answer.wav", 16000) > LOUD


async def test_alsas_programs_are_microphone_and_loudspeaker(tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 16000)
    played = tmp_path / "played.raw"
    stand_in(tmp_path / "arecord", RECORDER, str(question))
    stand_in(tmp_path / "aplay", PLAYER, str(played))
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"provider": "embedded"})
    program = str(EXAMPLES / "satellite.py")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    async with (
        running(settings) as server,
        serving(sys.executable, program, "--url", server.url, PATH=path) as process,
    ):
        assert await said(process, b"You: ") == b"You: hello there\n"
        await said(process, b"Assistant: ")
        async with asyncio.timeout(PATIENCE_S):
            while not (played.exists() and played.stat().st_size > SECOND):
                await asyncio.sleep(0.05)


NOWHERE = ("--url", "ws://127.0.0.1:9/v1/realtime")


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:9/v1/realtime", "ws://no-such.invalid", "nonsense"]
)
async def test_a_server_that_is_not_there_is_named(url: str, tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 16000)
    files = ("--wav-in", str(question), "--wav-out", "answer.wav")
    why = await refused_python("satellite", "--url", url, *files, folder=tmp_path)
    assert why.startswith(f"No session with {url} (") and why.endswith("is the server up?")


async def test_another_path_of_the_server_is_named(tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 16000)
    files = ("--wav-in", str(question), "--wav-out", "answer.wav")
    async with running(scripted_settings()) as server:
        url = server.url.replace("/v1/realtime", "/elsewhere")
        why = await refused_python("satellite", "--url", url, *files, folder=tmp_path)
    assert why.startswith(f"No session with {url} (")


async def test_a_file_that_cannot_be_spoken_is_named_with_what_it_must_be(tmp_path: Path):
    wide = spoken_file(tmp_path / "wide.wav", 24000)
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    for file in (wide, text, tmp_path / "none.wav"):
        files = ("--wav-in", str(file), "--wav-out", "answer.wav")
        why = await refused_python("satellite", *NOWHERE, *files, folder=tmp_path)
        assert why.startswith(str(file)) and "sox IN -r 16000 -c 1" in why


async def test_alsa_is_asked_for_and_a_microphone(tmp_path: Path):
    without = {"PATH": str(tmp_path)}
    why = await refused_python("satellite", *NOWHERE, folder=tmp_path, environment=without)
    assert "apt install alsa-utils" in why
    stand_in(tmp_path / "arecord", "", "")
    files = ("--wav-out", "answer.wav")
    async with running(scripted_settings()) as server:
        why = await refused_python(
            "satellite", "--url", server.url, *files, folder=tmp_path, environment=without
        )
    assert "is a microphone connected" in why


async def test_an_answer_that_cannot_be_kept_is_named(tmp_path: Path):
    question = spoken_file(tmp_path / "question.wav", 16000)
    settings = scripted_settings(llm={"provider": "embedded"}, tts={"provider": "embedded"})
    async with running(settings) as server:
        files = ("--wav-in", str(question), "--wav-out", "no/answer.wav")
        why = await refused_python("satellite", "--url", server.url, *files, folder=tmp_path)
    assert "no/answer.wav" in why and "name another file" in why
