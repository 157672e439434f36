"""Holds windows back from end-pointing while it is open whether their voice is the server's own.

What is the server's own counts as unvoiced. What turns out to be somebody's is passed on as it was,
so that speech begins where it began, only later. In the middle of speech nothing is held back: what
is not known to be an echo is what it seems.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from turn_detection.echo_guard import EchoGuard, Voice
from turn_detection.level_control import SILENT_DB
from turn_detection.silero import Window

PAUSE_WINDOWS = 30
"""An echo that comes back after a second is told anew."""


class Scored(NamedTuple):
    """A scored window."""

    place: int
    """Counted from the first of the session."""
    probability: float
    """Of speech, 0–1."""
    level_db: float = SILENT_DB
    """In dBFS."""
    covered: bool = False
    """Whether there is a voice, but the server's own, which may cover somebody else's."""


class EchoHold:
    """The windows of one session between their scores and end-pointing."""

    def __init__(self, guard: EchoGuard) -> None:
        """Ask `guard` about them."""
        self.guard = guard
        self._held: list[Scored] = []
        self._passed: deque[Scored] = deque()
        self._last_echo: int | None = None

    def take(self, heard: Scored, window: Window, *, voiced: bool, speaking: bool) -> bool:
        """Take a window behind those before.

        Args:
            heard: Its score.
            window: Its sound.
            voiced: Whether that counts as a voice.
            speaking: Whether speech is in progress.

        Returns:
            Whether an echo begins with it.
        """
        index = heard.place
        if not self.guard.listens(index):
            self._release()
            self._passed.append(heard)
            return False
        voice = self.guard.hear(index, window, heard.level_db, voiced=voiced)
        if voice is Voice.UNSURE and not speaking:
            self._held.append(heard)
            return False
        if voice is not Voice.OURS:
            self._release()
            self._passed.append(heard)
            return False
        self._passed += [held._replace(probability=0.0) for held in self._held]
        self._held.clear()
        self._passed.append(heard._replace(probability=0.0, covered=voiced))
        if not voiced:
            return False
        before, self._last_echo = self._last_echo, index
        return before is None or index - before > PAUSE_WINDOWS

    def next(self) -> Scored | None:
        """Return the next window to decide on; one that is the server's own is unvoiced."""
        return self._passed.popleft() if self._passed else None

    def passes(self, place: int) -> bool:
        """Return whether a window needs no look at: nothing is held, and nothing can be heard."""
        return not (self._held or self._passed or self.guard.listens(place))

    @property
    def waiting(self) -> bool:
        """Whether there is such a window."""
        return bool(self._passed)

    def clear(self) -> None:
        """Drop what was not decided on."""
        self._held.clear()
        self._passed.clear()

    def _release(self) -> None:
        self._passed += self._held
        self._held.clear()
