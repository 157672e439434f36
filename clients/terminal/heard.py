"""Estimates which words of an answer were heard, when it is interrupted.

No event of the protocol says which words a sound speaks, and a server sends both ahead of the
loudspeaker, the words often far ahead of their sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import east_asian_width

from settings.columns import pieces

PACE = 15.0
"""Letters, spaces among them, that a voice speaks in a second: of English at an ordinary pace."""
WIDE = 3.5
"""Letters that a Chinese or Japanese character, or a Korean syllable, takes as long as."""


@dataclass(slots=True)
class Said:
    """An item of an answer: what of it has arrived."""

    words: str = ""
    spoken: bool = False
    """Whether the words are those of sound; else they are read."""
    sound_ms: float = 0.0
    complete: bool = False
    """Whether all its sound has arrived."""

    def heard(self, ms: float) -> int:
        """Return how many characters of the words were heard, or read.

        Whole words count. The words share the time of all the sound evenly; while sound is still to
        come, nobody knows of how many words, so that they are taken to be no faster than `PACE`.

        Args:
            ms: Milliseconds of the sound that were heard.
        """
        if not self.spoken:
            return len(self.words)
        pace = _letters(self.words) / self.sound_ms if self.sound_ms else 0.0
        left = ms * (pace if self.complete else min(pace, PACE / 1000))
        heard = 0
        for piece in pieces(self.words):
            if _letters(piece.rstrip()) > left + 1e-6:
                break
            left -= _letters(piece)
            heard += len(piece)
        return heard


def _letters(text: str) -> float:
    """Return how long a text takes to say, in letters."""
    return sum(WIDE if east_asian_width(character) == "W" else 1.0 for character in text)
