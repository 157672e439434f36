"""Text whose characters may be cut in two, as by model servers written in JavaScript.

There a string is a row of 16-bit units, and an emoji is two of them; a piece of an answer may end
between. No text frame can carry half a character, and neither can the next request to a model.
"""

from __future__ import annotations


class WholeCharacters:
    """Holds half a character back until its other half comes."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        """Take a piece of text; return what is whole. A half that stays alone becomes U+FFFD."""
        text, self._half = self._half + text, ""
        if text.isascii():
            return text
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
