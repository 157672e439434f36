"""How wide a text is on a terminal, where a Chinese character takes two columns."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

_WIDE = ("W", "F")
_NOT_FIRST = "，。、；：！？…—～·）》〉」』】〕｝”’％,.;:!?)]}%"
"""Characters that begin no row: they belong to what is before them."""
_NOT_LAST = "（《〈「『【〔｛“‘([{"
"""Characters that end no row: they belong to what follows."""


def columns(text: str) -> int:
    """Return the columns that a text takes."""
    return sum(
        2 if east_asian_width(character) in _WIDE else 1
        for character in text
        if not combining(character)
    )


def padded(text: str, width: int) -> str:
    """Return a text with spaces after it, so that what follows begins `width` columns on."""
    return text + " " * (width - columns(text))


def wrapped(text: str, width: int) -> list[str]:
    """Return the rows of a text, broken between words, and at wide characters, which need no space.

    Args:
        text: What is to be read.
        width: The columns of a row, at least 2. A word that is longer is broken.
    """
    return [row for line in text.splitlines() or [""] for row in _rows(line, width)]


def _rows(line: str, width: int) -> list[str]:
    rows = [""]
    for piece in pieces(line):
        if rows[-1] and columns((rows[-1] + piece).rstrip()) > width:
            rows.append("")
        while columns(piece.rstrip()) > width:
            fits = max(n for n in range(1, width + 1) if columns(piece[:n]) <= width)
            rows[-1:] = [piece[:fits], ""]
            piece = piece[fits:]
        rows[-1] += piece
    return [row.rstrip() for row in rows]


def pieces(line: str) -> list[str]:
    """Return the words of a line, and its wide characters, each with the spaces that follow it.

    A punctuation mark goes with its word. Nothing of the line is lost.
    """
    found: list[str] = []
    for character in line:
        if found and not _breaks(found[-1][-1], character):
            found[-1] += character
        else:
            found.append(character)
    return found


def _breaks(before: str, after: str) -> bool:
    if after.isspace() or combining(after):
        return False
    if before.isspace():
        return True
    wide = east_asian_width(before) in _WIDE or east_asian_width(after) in _WIDE
    return wide and before not in _NOT_LAST and after not in _NOT_FIRST
