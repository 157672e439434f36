"""What was said, by whom, when, and how much of it was heard: the conversation without a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from clients.terminal.view import Who
from settings.localisation import _

_TALK: tuple[Who, ...] = ("you", "assistant", "tool")


@dataclass(slots=True)
class Entry:
    """One turn, tool call or message."""

    who: Who
    at: datetime
    """When it began, in the user's time zone."""
    text: str = ""
    interrupted: bool = False
    heard_ms: int | None = None
    """Milliseconds of an interrupted answer that were heard; None: it has no sound."""
    heard: int = 0
    """Characters of an interrupted answer's text that were heard."""

    def __str__(self) -> str:
        """Return the text, with a mark where it was interrupted, and in it what was not heard."""
        if not self.interrupted:
            return self.text
        if not self.unheard_text:
            return self.heard_text + self.mark
        if self.heard_ms is None:
            mark = _("[interrupted, not heard: {text}]")
        else:
            mark = _("[interrupted after {seconds} s, not heard: {text}]")
        return self.heard_text + mark.format(seconds=self._seconds, text=self.unheard_text)

    @property
    def heard_text(self) -> str:
        """The text up to where it was interrupted, and a space before what follows."""
        heard = self.text[: self.heard].rstrip()
        return heard and heard + " "

    @property
    def mark(self) -> str:
        """Say that it was interrupted, and when."""
        if self.heard_ms is None:
            return _("[interrupted]")
        return _("[interrupted after {seconds} s]").format(seconds=self._seconds)

    @property
    def unheard_text(self) -> str:
        """The text after the interruption."""
        return self.text[self.heard :].strip()

    @property
    def _seconds(self) -> str:
        return f"{(self.heard_ms or 0) / 1000:.1f}"


class Transcript:
    """The entries of a conversation, by key, in the order in which they began."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        """Begin an empty one; `now` tells the time, by default that of this machine."""
        self._now = now or (lambda: datetime.now().astimezone())
        self._entries: dict[str, Entry] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Is called when something was added or has changed."""

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries of this moment, on any thread."""
        return iter(list(self._entries.values()))

    @property
    def begun(self) -> bool:
        """Whether anybody has said something."""
        return any(entry.who in _TALK for entry in self)

    def write(self, key: str, who: Who, text: str, append: bool) -> Entry:
        """Add, replace or lengthen the entry of a key, and return it."""
        entry = self._entries.setdefault(key, Entry(who, self._now()))
        entry.who, entry.text = who, entry.text + text if append else text
        self.on_change()
        return entry

    def interrupt(self, key: str, heard_ms: int | None, heard: int) -> Entry | None:
        """Mark an entry as interrupted; None if an answer is so before its first word.

        Args:
            key: The entry's key.
            heard_ms: Milliseconds of its sound that were heard; None: it has no sound.
            heard: Characters of its text that were heard.
        """
        entry = self._entries.get(key)
        if entry is not None:
            entry.interrupted, entry.heard_ms, entry.heard = True, heard_ms, heard
            self.on_change()
        return entry
