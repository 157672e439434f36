"""Holds windows back from end-pointing while it is open whether their voice is the server's own.

What is the server's own counts as unvoiced. What turns out to be somebody's is passed on as it was,
so that speech begins where it began, only later. In the middle of speech nothing is held back: what
is not known to be an echo is what it seems.
"""

from __future__ import annotations

from collections import deque

from turn_detection.echo_guard import EchoGuard, Voice
from turn_detection.silero import Window

PAUSE_WINDOWS = 30
"""An echo that comes back after a second is told anew."""


class EchoHold:
    """The windows of one session between their scores and end-pointing."""

    def __init__(self, guard: EchoGuard) -> None:
        """Ask `guard` about them."""
        self.guard = guard
        self._held: list[tuple[int, float]] = []
        self._passed: deque[tuple[int, float]] = deque()
        self._last_echo: int | None = None

    def take(
        self, index: int, window: Window, probability: float, *, voiced: bool, speaking: bool
    ) -> bool:
        """Take a window behind those before.

        Args:
            index: Counted from the first of the session.
            window: The sound.
            probability: Of speech.
            voiced: Whether that counts as a voice.
            speaking: Whether speech is in progress.

        Returns:
            Whether an echo begins with it.
        """
        if not self.guard.listens(index):
            self._release()
            self._passed.append((index, probability))
            return False
        voice = self.guard.hear(index, window, voiced=voiced)
        if voice is Voice.UNSURE and not speaking:
            self._held.append((index, probability))
            return False
        if voice is not Voice.OURS:
            self._release()
            self._passed.append((index, probability))
            return False
        self._passed += [(held, 0.0) for held, _ in self._held]
        self._held.clear()
        self._passed.append((index, 0.0))
        if not voiced:
            return False
        before, self._last_echo = self._last_echo, index
        return before is None or index - before > PAUSE_WINDOWS

    def next(self) -> tuple[int, float] | None:
        """Return the next window to decide on, and its probability of speech."""
        return self._passed.popleft() if self._passed else None

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
