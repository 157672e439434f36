"""Where in a clause the words are whose times a voice tells.

Engines name a word by its place in the text, by its letters, or only by being the next of what they
say, and some read "$99" as two words. The session wants one measure: how many characters of the
clause are before a word, spaces not counted (`WordTimesFrame`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, takewhile
from typing import NamedTuple

from session.heard_words import WORD, is_wide, spoken_length

WordTime = tuple[int, float]
"""How many characters are before a word, spaces not counted, and its time in ms."""

_WINDOW = 32
"""Characters within which a word that is named is looked for: others may have been left out."""


class WordPlace(NamedTuple):
    """A word in a text."""

    text: str
    """The word, with its marks."""
    start: int
    """Characters before it."""
    before: int
    """The same, spaces not counted."""


def letters(text: str) -> int:
    """Return how many characters a text has, spaces not counted."""
    return sum(not char.isspace() for char in text)


def word_places(text: str) -> list[WordPlace]:
    """Return a text's words and signs, in order."""
    places: list[WordPlace] = []
    before = 0
    for found in WORD.finditer(text):
        places.append(WordPlace(found[0], found.start(), before))
        before += letters(found[0])
    return places


class WordsByPosition:
    """Finds the words of a text by characters within them, in order; each word once."""

    def __init__(self, text: str) -> None:
        """Begin before the first word."""
        self._places = word_places(text)
        self._at = -1

    def find(self, position: int) -> int | None:
        """Return how many characters are before the word around `position`.

        None: the word was found before, so this is a part of it that is said on its own.
        """
        at = self._at
        while at + 1 < len(self._places) and self._places[at + 1].start <= position:
            at += 1
        if at == self._at:
            return None
        self._at = at
        return self._places[at].before


class WordsByName:
    """Finds words of a text by their letters, in order."""

    def __init__(self, text: str) -> None:
        """Begin before the first word."""
        self._signs = [char.casefold() for char in text if not char.isspace()]
        self._starts: dict[int, int] = {}
        """Where the letters of a word begin → where the word does, with its marks."""
        for place in word_places(text):
            mark = sum(1 for _ in takewhile(lambda char: not char.isalnum(), place.text))
            if mark < len(place.text):
                self._starts[place.before + mark] = place.before
        self._next = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left that can be said."""
        return not any(map(_is_said, self._signs[self._next :]))

    def find(self, word: str) -> int | None:
        """Return how many characters are before the next `word`, spaces not counted.

        None: it is not there soon; or it is a part of the last, such as the "30" of "7:30".
        """
        wanted = [char.casefold() for char in word if not char.isspace()]
        while wanted and not _is_said(wanted[0]):
            del wanted[0]
        while wanted and not _is_said(wanted[-1]):
            del wanted[-1]
        if not wanted:
            return None
        last = min(self._next + _WINDOW, len(self._signs) - len(wanted))
        next_said = next(filter(self._is_said_at, range(self._next, len(self._signs))), None)
        for at in range(self._next, last + 1):
            end = at + len(wanted)
            whole = is_wide(wanted[-1]) or end == len(self._signs) or not self._is_said_at(end)
            begins = at == next_said or at in self._starts
            if begins and (whole or end in self._starts) and self._signs[at:end] == wanted:
                self._next = end
                return self._starts.get(at)
        return None

    def _is_said_at(self, at: int) -> bool:
        return _is_said(self._signs[at])


def _is_said(sign: str) -> bool:
    return sign[0].isalnum()


def paired(words: Sequence[str], spoken: Sequence[str]) -> list[int]:
    """Return for each word which of the words that are spoken is its first.

    Words that are alike are each other's; between those, "$99" and "99 dollars" are laid over one
    another by how long they take to say.

    Args:
        words: As they are written.
        spoken: As they are read out, which may be more or fewer; at least one.
    """
    pairs: list[int] = []
    matcher = SequenceMatcher(None, [*map(_key, words)], [*map(_key, spoken)], autojunk=False)
    for what, from_word, to_word, from_spoken, to_spoken in matcher.get_opcodes():
        if what == "equal":
            pairs += range(from_spoken, to_spoken)
        else:
            pairs += _laid(words[from_word:to_word], spoken[from_spoken:to_spoken], from_spoken)
    return [min(place, len(spoken) - 1) for place in pairs]


def laid(lengths: Iterable[float], spoken: Iterable[float]) -> list[int]:
    """Return for each word which of those that are spoken is its first, by lengths alone.

    Args:
        lengths: How long each word is.
        spoken: How long each word is that is read out, in any unit.
    """
    wanted, made = list(lengths), list(spoken)
    whole, total = sum(wanted) or 1.0, sum(made)
    starts = [0.0, *accumulate(made)][: len(made)]
    found = []
    for before in [0.0, *accumulate(wanted)][: len(wanted)]:
        place = before / whole * total
        found.append(min(range(len(starts)), key=lambda at: abs(starts[at] - place), default=0))
    return found


def _laid(words: Sequence[str], spoken: Sequence[str], first: int) -> list[int]:
    lengths = [spoken_length(word) or 0.1 for word in words]
    return [first + at for at in laid(lengths, [spoken_length(word) or 0.1 for word in spoken])]


def _key(word: str) -> str:
    return "".join(filter(str.isalnum, word)).casefold() or word


def shifted(words: Iterable[WordTime], before: int = 0, ms: float = 0.0) -> list[WordTime]:
    """Return words of a part as words of the whole: so many characters and ms are before it."""
    return [(place + before, at + ms) for place, at in words]
