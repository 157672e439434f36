"""Keeps a model's thoughts from being spoken.

Reasoning models think aloud before they answer: `<think>The user wants…</think>Hello!`. Most
servers put the thoughts into a field of their own; those that do not leave the tags in the text.
"""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ThoughtFilter:
    """Drops thoughts at the beginning of a streamed answer; later tags are part of the answer."""

    def __init__(self) -> None:
        self._held = ""
        self._tag: str | None = OPEN
        """The tag to look for next; None: all further text is answer."""

    def push(self, text: str) -> str:
        """Take a delta of the text and return what is certainly answer."""
        self._held += text
        if self._tag == OPEN:
            start = self._held.lstrip()
            if start.startswith(OPEN):
                self._tag = CLOSE
            elif not OPEN.startswith(start):
                self._tag = None
        if self._tag == CLOSE:
            _, closed, rest = self._held.partition(CLOSE)
            rest = rest.lstrip()
            # White space between the thoughts and the answer is dropped.
            if closed and rest:
                self._held, self._tag = rest, None
        return self.flush() if self._tag is None else ""

    def flush(self) -> str:
        """Return the answer held back so far, at the end of the stream; thoughts are dropped."""
        held, self._held = self._held, ""
        return held if self._tag != CLOSE else ""
