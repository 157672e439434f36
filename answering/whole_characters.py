"""Joins surrogate pairs that a model server has split between two text deltas.

In JavaScript a string is a sequence of 16-bit units and an emoji is two of them, so a delta of such
a server may end between the two. Neither a text frame nor a later request to a model can carry a
lone surrogate.
"""

from __future__ import annotations


class WholeCharacters:
    """Holds a high surrogate back until the low one comes."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        """Take a text delta; return its whole characters. A lone surrogate becomes U+FFFD."""
        text, self._half = self._half + text, ""
        if text.isascii():
            return text
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
