r"""Reports key releases, which Textual does not, so that a user can hold a key to talk.

A terminal with the kitty keyboard protocol reports releases if asked: `ESC [ 107 ; 1 : 3 u` is the
K that goes up (https://sw.kovidgoyal.net/kitty/keyboard-protocol/). Textual speaks the protocol
but does not ask, and its parser fails on such a report; so the driver here asks, takes the releases
out of the input, and leaves the rest to Textual.
"""

from __future__ import annotations

import os
import re
import selectors
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

_ASK = "\x1b[=2;2u\x1b[?u"
"""Add "report event types" to what Textual has asked for; then ask what is reported."""
_EVENT_TYPES = 0b10
_REPORT = re.compile(
    r"\x1b\[\?(?P<flags>\d+)u"
    r"|\x1b\[(?P<code>\d*);(?P<modifiers>\d*):(?P<kind>[123])"
    r"(?P<text>(?:;[\d:]*)?)(?P<end>[u~A-HPQRS])"
)
_UNFINISHED = re.compile(r"\x1b\[[\d;:?]+\Z")
_PRESS_KINDS = "12"
"""Pressed, and repeated while held."""


class KeyReleased(Message):
    """A key was released."""

    def __init__(self, character: str) -> None:
        """Name the key by the character on it, without modifiers."""
        super().__init__()
        self.character = character


class KeyReleasesReported(Message):
    """The terminal says that it reports releases."""


class ReleaseFilter:
    """Takes releases out of a terminal's input."""

    def __init__(self) -> None:
        """Start at the beginning of the input."""
        self._held_back = ""

    def feed(self, data: str) -> Iterator[str | Message]:
        """Yield the input for Textual, and messages for releases, in order.

        A report that is cut off at the end of `data` is held back until the next call.
        """
        data = self._held_back + data
        unfinished = _UNFINISHED.search(data)
        self._held_back = unfinished[0] if unfinished else ""
        data = data[: len(data) - len(self._held_back)]
        at = 0
        for report in _REPORT.finditer(data):
            if report.start() > at:
                yield data[at : report.start()]
            at = report.end()
            if report["flags"]:
                if int(report["flags"]) & _EVENT_TYPES:
                    yield KeyReleasesReported()
            elif report["kind"] in _PRESS_KINDS:
                code, modifiers, text = report["code"], report["modifiers"], report["text"]
                yield f"\x1b[{code};{modifiers}{text}{report['end']}"
            elif report["end"] == "u" and report["code"]:
                yield KeyReleased(chr(int(report["code"])))
        if at < len(data):
            yield data[at:]


class KeyReleaseDriver(LinuxDriver):
    """Textual's driver for Linux and macOS, with releases."""

    def start_application_mode(self) -> None:
        """Take over the terminal."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if not constants.DISABLE_KITTY_KEY:
            self.write(_ASK)
            self.flush()

    def run_input_thread(self) -> None:
        """Read the terminal until the app ends."""
        parser, releases = XTermParser(self._debug), ReleaseFilter()
        decode = getincrementaldecoder("utf-8")().decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    for part in releases.feed(decode(os.read(self.fileno, 4096))):
                        if isinstance(part, Message):
                            self.process_message(part)
                        else:
                            for message in parser.feed(part):
                                self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
