"""Releases of keys: taken out of a terminal's input, whatever the pieces it comes in."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key
from textual.message import Message

from tests.support.places import ROOT

if sys.platform == "win32":
    pytest.skip("Windows reports no releases", allow_module_level=True)

import pty

from clients.terminal.key_releases import KeyReleased, KeyReleasesReported, ReleaseFilter


def read(*pieces: str) -> list[str]:
    """Names of what the app gets to know, in order."""
    told: list[str] = []
    releases, parser = ReleaseFilter(), XTermParser()
    for piece in pieces:
        for part in releases.feed(piece):
            messages = [part] if isinstance(part, Message) else list(parser.feed(part))
            for message in messages:
                if isinstance(message, KeyReleased):
                    told.append(f"released {message.character}")
                elif isinstance(message, KeyReleasesReported):
                    told.append("reported")
                elif isinstance(message, Key):
                    told.append(message.key)
    return told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("\x1b[107;;107u", ["k"]),
        ("\x1b[107;1:1;107u", ["k"]),
        ("\x1b[107;1:3u", ["released k"]),
        ("\x1b[32;;32u\x1b[32;1:2;32u\x1b[32;1:3u", ["space", "space", "released  "]),
        ("\x1b[107;2:1;75u\x1b[107;2:3u", ["K", "released k"]),
        ("\x1b[13u\x1b[13;1:3u", ["enter", "released \r"]),
        ("\x1b[1;1:1A\x1b[1;1:3A", ["up"]),
        ("\x1b[5;1:1~\x1b[5;1:3~", ["pageup"]),
        ("\x1b[113;5:1u\x1b[113;5:3u", ["ctrl+q", "released q"]),
        ("\x1b[57441;2u\x1b[57441;1:3u", ["left_shift", "released \ue061"]),
        ("\x1b[?27u", ["reported"]),
        ("\x1b[?25u", []),
        ("qä\x1b[107;1:3u/", ["q", "ä", "released k", "slash"]),
        ("\x1b[I\x1b[200~pasted\x1b[201~x", ["x"]),
    ],
)
def test_releases_are_taken_out(typed: str, told: list[str]) -> None:
    assert read(typed) == told
    for cut in range(3, len(typed)):
        # The first two characters of a sequence, ESC [, are also a key: Alt+[.
        if typed[cut - 2 : cut] != "\x1b[" and typed[cut - 1] != "\x1b":
            assert read(typed[:cut], typed[cut:]) == told


class Terminal:
    """A terminal that speaks the kitty keyboard protocol, with the app in it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.screen = ""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the app has closed its end
            asyncio.get_running_loop().remove_reader(self._master)
            return
        self.screen += data.decode(errors="replace")
        self._news.set()

    async def until(self, text: str) -> None:
        """Wait for something to be written, then forget what was."""
        async with asyncio.timeout(60):
            while text not in self.screen:
                self._news.clear()
                await self._news.wait()
        self.screen = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())


async def test_space_is_held_in_a_real_terminal(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    app = await asyncio.create_subprocess_exec(
        *(sys.executable, "push_to_talk_app.py", "--url", "ws://127.0.0.1:9"),
        *("--wav-in", "tests/data/flite-slt_s01.wav", "--wav-out", str(tmp_path / "out.wav")),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-kitty", "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    )
    os.close(slave)
    terminal = Terminal(master)
    try:
        await terminal.until("\x1b[=2;2u\x1b[?u")
        assert "Hold" not in terminal.screen
        terminal.type("\x1b[?27u")
        await terminal.until("Hold")
        terminal.type("\x1b[32;;32u\x1b[32;1:3u")
        await terminal.until("Not sent: there is no connection.")
        terminal.type("\x1b[113;;113u\x1b[113;1:3u")
        assert await asyncio.wait_for(app.wait(), 60) == 0
        assert "Traceback" not in terminal.screen
    finally:
        if app.returncode is None:
            app.kill()
            await app.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
