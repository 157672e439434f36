"""How wide a text is on a terminal, where a Chinese character takes two columns."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

_WIDE = ("W", "F")


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
