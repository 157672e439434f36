"""The app in a real terminal against a real server, as a person without a sound card uses it."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from audio.pcm import WIRE_RATE, read_wav
from tests.support.places import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="tmux is missing: apt install tmux"
)
SPEECH = "tests/data/flite-slt_s01.wav"
SAID = r"[Hh]ello,? how are you doing today\??"  # by Whisper, or by pocketsphinx
ANSWERED = "I am fine, thank you."
LATENCY = r"\d+ ms from end of speech to first audio"
PATIENCE_S = 60.0


class Server:
    """The product with its embedded stack, in a process of its own."""

    port = 0

    async def start(self) -> None:
        """Start, on the same port as before."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "main.py", "--port", str(self.port)),
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = self._process.stdout
        assert output is not None
        async with asyncio.timeout(PATIENCE_S):
            while not (found := re.search(rb":(\d+)/v1/realtime", await output.readline())):
                assert not output.at_eof(), "the server did not start"
        self.port = int(found[1])
        self._reading = asyncio.create_task(output.read())

    async def kill(self) -> None:
        """End as in a crash."""
        self._process.kill()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    """Run the product."""
    server = Server()
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


class Terminal:
    """A tmux session of its own."""

    def __init__(self) -> None:
        self._name = f"app-{uuid.uuid4().hex[:8]}"

    async def run(self, *arguments: str) -> str:
        """Run a command of tmux."""
        process = await asyncio.create_subprocess_exec(
            *("tmux", "-L", self._name, "-f", "/dev/null", *arguments),
            stdout=asyncio.subprocess.PIPE,
        )
        return (await process.communicate())[0].decode()

    async def start(self, *command: str, width: int = 100, height: int = 40) -> None:
        """Run a program, and keep its screen when it has ended."""
        size = ("-x", str(width), "-y", str(height))
        line = f"cd {shlex.quote(str(ROOT))}; {shlex.join(command)}; echo ended with $?; cat"
        await self.run("new-session", "-d", *size, line)

    async def type(self, *keys: str) -> None:
        """Press keys; several characters are several keys."""
        for key in keys:
            await self.run("send-keys", *(("-l", key) if " " in key else (key,)))

    async def until(self, condition: Callable[[str], bool]) -> str:
        """Look at the screen until it is so, and return it."""
        screen = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition(screen := await self.run("capture-pane", "-p")):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not seen on the screen:\n{screen}")
        assert "Traceback" not in screen
        return screen

    async def shows(self, pattern: str, count: int = 1) -> str:
        """Wait until the screen has this, so often."""
        return await self.until(lambda screen: len(re.findall(pattern, screen)) >= count)


@asynccontextmanager
async def app(server: Server, *arguments: str) -> AsyncIterator[Terminal]:
    """Run the app in a terminal."""
    terminal = Terminal()
    url = f"ws://127.0.0.1:{server.port}"
    await terminal.start(sys.executable, "push_to_talk_app.py", "--url", url, *arguments)
    try:
        yield terminal
    finally:
        await terminal.run("kill-server")


async def test_a_file_is_spoken_and_the_answer_read_and_saved(tmp_path: Path) -> None:
    saved = tmp_path / "answer.wav"
    async with (
        running_server() as server,
        app(server, "--wav-in", SPEECH, "--wav-out", str(saved)) as terminal,
    ):
        screen = await terminal.shows(r"● connected · hears .* · answers rule-based assistant")
        assert "K Talk" in screen
        await terminal.type("k")
        await terminal.shows("● file spoken, K sends")
        await terminal.type("k")
        await terminal.shows(LATENCY)
        screen = await terminal.shows(rf"You +{SAID}\n Assistant +{re.escape(ANSWERED)}")
        answer = re.search(r"Assistant +(.*?) *\n", screen)
        assert answer is not None
        seconds = 0.04 * len(answer[1])  # nobody speaks 25 characters in a second
        await terminal.until(lambda _: len(read_wav(saved)) / 2 > seconds * WIRE_RATE)
        await terminal.type("q")
        left = await terminal.shows("ended with 0")
        assert re.search(rf"\d  You +{SAID}\n", left)
        assert re.search(rf"\d  Assistant +{re.escape(ANSWERED)}", left)
    sound = np.frombuffer(read_wav(saved), dtype="<i2")
    assert np.abs(sound.astype(int)).max() > 1000


async def test_a_long_answer_is_interrupted_by_key_and_by_speech() -> None:
    async with running_server() as server, app(server, "--wav-in", SPEECH) as terminal:
        await terminal.shows("● connected")
        await terminal.type("/", "tell me a long story", "Enter")
        await terminal.shows("from sending to first audio")
        await terminal.type("Escape")
        # Where the mark stands depends on how much of it was heard: also within the first words.
        await terminal.shows(r"\[interrupted after")
        await terminal.shows(r"Assistant +.*Once")
        await terminal.type("/", "tell me a long story", "Enter", "Tab")
        await terminal.shows(r"Assistant +.*Once", 2)
        await terminal.type("v")
        await terminal.shows(r"\[interrupted", 2)
        await terminal.shows(ANSWERED)
        await terminal.shows(LATENCY)


async def test_a_lost_server_is_regained() -> None:
    async with running_server() as server, app(server, "--wav-in", SPEECH) as terminal:
        await terminal.shows(r"● connected · ")
        await terminal.type("i")
        first = re.search(r"sess_\w+", await terminal.shows(r"sess_\w+"))
        await terminal.type("i")
        await terminal.until(lambda screen: "sess_" not in screen)
        await server.kill()
        await terminal.shows(r"○ offline, next try in \d+ s")
        await terminal.shows("Error +(Cannot connect to|ws://)")
        await terminal.type("k")
        await terminal.shows("Not sent: there is no connection. R tries to connect now.")
        await server.start()
        await terminal.type("r")
        await terminal.shows("Connected again. The server knows nothing")
        await terminal.type("i")
        screen = await terminal.shows(r"sess_\w+")
        assert first is not None
        assert first[0] not in screen
        await terminal.type("i")
        await terminal.type("v")
        await terminal.shows(rf"You +{SAID}")
        await terminal.shows(LATENCY)
