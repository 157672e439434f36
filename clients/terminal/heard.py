"""Estimates which words of an answer were heard, when it is interrupted.

No event of the protocol says which words a sound speaks, and a server sends both ahead of the
loudspeaker, the words often far ahead of their sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import east_asian_width

from settings.columns import pieces

PACE = 17.0
"""Letters, spaces among them, in a second of English; voices speak 15 to 20 if left alone."""
WIDE = 3.5
"""Letters that a Chinese or Japanese character, or a Korean syllable, takes as long as."""
TELLING_MS = 1000
"""Milliseconds of sound from which a voice's pace can be told; shorter ones are half silence."""


@dataclass(slots=True)
class Said:
    """An item of an answer: what of it has arrived."""

    words: str = ""
    spoken: bool = False
    """Whether the words are those of sound; else they are read."""
    sound_ms: float = 0.0
    complete: bool = False
    """Whether all its sound has arrived."""

    @property
    def pace(self) -> float | None:
        """Letters that the voice speaks in a second; None: that cannot be told yet."""
        if not (self.complete and self.words and self.sound_ms >= TELLING_MS):
            return None
        return _letters(self.words) / self.sound_ms * 1000

    def heard(self, ms: float, pace: float = PACE) -> int:
        """Return how many characters of the words were heard, or read.

        Whole words count. The words share the time of all the sound evenly; while sound is still to
        come, nobody knows of how many words, so that they are taken to be no faster than `pace`.

        Args:
            ms: Milliseconds of the sound that were heard.
            pace: Letters that such a voice speaks in a second.
        """
        if not self.spoken:
            return len(self.words)
        per_ms = _letters(self.words) / self.sound_ms if self.sound_ms else 0.0
        left = ms * (per_ms if self.complete else min(per_ms, pace / 1000))
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
