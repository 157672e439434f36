"""Where the words of a text are in its phonemes, for voices that time their phonemes.

A reader of text hands over a clause's phonemes without telling which are of which word: it joins
"of the", reads "$99" as two words, and says "a" otherwise than by itself. So each word is also read
alone, and what comes of that, one after the other, is laid over the phonemes of the clause with the
fewest changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from providers.tts.word_places import WordTime, word_places

_OTHER, _MISSING = 5, 3
"""What it costs if a phoneme is another one, or is not there."""
_MOST_PAIRS = 4_000_000
"""Phonemes times phonemes that are compared: some four minutes of speech."""
_BETWEEN = "; "
"""A mark that readers keep, and behind which they begin anew."""
_NOT_WITHIN = str.maketrans(dict.fromkeys(";；"))


class WordsInPhonemes:
    """The words of one clause, while its phonemes are spoken piece by piece."""

    def __init__(self, text: str, phonemes: str, read: Callable[[str], str]) -> None:
        """Find the words.

        Args:
            text: The clause.
            phonemes: What is spoken of it; spaces do not count.
            read: What made the phonemes of the text.
        """
        words = [word for word in word_places(text) if any(map(str.isalnum, word.text))]
        read_alone = read(_BETWEEN.join(word.text.translate(_NOT_WITHIN) for word in words))
        alone = [_said(word) for word in read_alone.split(_BETWEEN.strip())]
        whole = _said(phonemes)
        self._words: list[tuple[int, int]] = []
        """For each word: how many phonemes and how many characters are before it."""
        if len(alone) == len(words) and whole and len("".join(alone)) * len(whole) <= _MOST_PAIRS:
            starts = word_starts(alone, whole)
            self._words = [(start, word.before) for start, word in zip(starts, words, strict=True)]
        self._done = 0

    def spoken(self, starts_ms: Sequence[float]) -> list[WordTime]:
        """Return the words that begin within the phonemes that are spoken next.

        Args:
            starts_ms: When each phoneme begins, spaces left out.
        """
        first, self._done = self._done, self._done + len(starts_ms)
        return [
            (before, starts_ms[start - first])
            for start, before in self._words
            if first <= start < self._done
        ]


def word_starts(alone: Sequence[str], whole: str) -> list[int]:
    """Return for each word how many phonemes of the whole are before it.

    Args:
        alone: The phonemes of each word, read alone.
        whole: The phonemes of all words, read together; at least one.
    """
    joined = "".join(alone)
    places = _laid_over(joined, whole)
    starts, before = [], 0
    for word in alone:
        starts.append(min(places[before], len(whole) - 1))
        before += len(word)
    return starts


def _said(phonemes: str) -> str:
    return "".join(phonemes.split())


def _laid_over(given: str, whole: str) -> list[int]:
    """Return for each sign of `given` how many of the whole are before it, and for its end."""
    costs = _costs(given, whole)
    places = [len(whole)] * (len(given) + 1)
    row, column = len(given), len(whole)
    while row:
        cost = costs[row, column]
        other = _OTHER * (column == 0 or given[row - 1] != whole[column - 1])
        if column and cost == costs[row - 1, column - 1] + other:
            row, column = row - 1, column - 1
            places[row] = column
        elif cost == costs[row - 1, column] + _MISSING:
            row -= 1
            places[row] = column
        else:
            column -= 1
    return places


def _costs(given: str, whole: str) -> NDArray[np.int32]:
    """Return the least cost of making the first signs of one of the first of the other."""
    signs = np.array([ord(sign) for sign in whole])
    gaps = np.arange(len(whole) + 1, dtype=np.int32) * _MISSING
    costs = np.empty((len(given) + 1, len(whole) + 1), np.int32)
    costs[0] = gaps
    for row, sign in enumerate(given, start=1):
        last = costs[row - 1]
        cost = last + _MISSING
        cost[1:] = np.minimum(cost[1:], last[:-1] + np.where(signs == ord(sign), 0, _OTHER))
        # Whatever is left out of the whole costs the same, so the cheapest beginning decides.
        costs[row] = np.minimum.accumulate(cost - gaps) + gaps
    return costs
