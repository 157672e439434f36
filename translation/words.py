"""Words of a transcript, with their places, so that text can be cut between them and put together.

Scripts without spaces, such as Chinese, have a word per character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category, east_asian_width

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
"""Letters of scripts without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_SIGNS = r"[^\w\s]*"
# Not begun within white space: behind the last word each place of it would be read to the end.
_WORD = re.compile(rf"(?<!\s)(\s*+)({_SIGNS}(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+){_SIGNS}|\S)")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was written, with the punctuation that sticks to it."""

    text: str
    spaced: bool
    """Whether there is a space before it."""

    @property
    def form(self) -> str:
        """The bare word: what stays the same when a recogniser rewrites case and punctuation."""
        return "".join(sign for sign in self.text.casefold() if sign.isalnum())

    @property
    def weight(self) -> float:
        """How much it says, in words of a language with spaces."""
        return 0.5 if re.search(f"[{_UNSPACED}]", self.text) else 1.0


def words_of(text: str) -> list[Word]:
    """Return the words of a text, in order; together they are the text, but for its margins.

    A sign that stands alone belongs to the word before it.
    """
    words: list[Word] = []
    for found in _WORD.finditer(text):
        word = Word(found[2], bool(found[1]))
        if words and not word.form:
            before = words[-1]
            words[-1] = Word(f"{before.text}{' ' if word.spaced else ''}{word.text}", before.spaced)
        else:
            words.append(word)
    return words


def joined(words: Sequence[Word]) -> str:
    """Return the text that words make, without a space before the first."""
    return "".join(
        f" {word.text}" if word.spaced and place else word.text for place, word in enumerate(words)
    )


def space_between(before: str, after: str) -> str:
    """Return what belongs between two pieces of text that were made apart: a space, or nothing.

    Args:
        before: The end of the first; empty: there is none.
        after: The second.
    """
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    if category(after[0]) in ("Po", "Pe", "Pf") and after[0] not in "¿¡":
        return ""
    wide = east_asian_width(before[-1]) in "WF" or east_asian_width(after[0]) in "WF"
    return "" if wide else " "
