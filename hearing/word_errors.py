"""How much of what was said was heard: the judge of recognisers and voices.

Both texts are first written alike, so that only what was heard counts and not how it is spelt:
case, punctuation, numbers and common contractions are no errors. Where a script has no spaces,
each character counts as a word. Rates are then those of the field: the fewest words to replace, to
put in and to leave out, over the words that were said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ENOUGH = 0.8
"""Share of the words that must be right for a sentence to count as understood."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]"  # a script without spaces
    r"|[0-9]+"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_CONTRACTIONS = {
    "what's": "what is",
    "it's": "it is",
    "that's": "that is",
    "there's": "there is",
    "let's": "let us",
    "i'm": "i am",
    "won't": "will not",
    "can't": "can not",
    "cannot": "can not",
    "okay": "ok",
}
_ENDINGS = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have"}
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * tens for tens, word in enumerate(_TENS.split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_CHINESE_DIGITS = str.maketrans("零〇一二两三四五六七八九", "001223456789")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What became of the words of a text, or of several."""

    said: int = 0
    """Words that were said."""
    right: int = 0
    """Those of them that were heard."""
    errors: int = 0
    """Words that were replaced, left out or put in."""

    @property
    def rate(self) -> float:
        """Errors per word that was said; 0 is perfect, and more than 1 is possible."""
        return self.errors / self.said if self.said else float(self.errors > 0)

    @property
    def understood(self) -> bool:
        """Whether enough of it was heard."""
        return self.right >= ENOUGH * self.said and self.rate <= 1 - ENOUGH

    def __add__(self, other: WordErrors) -> WordErrors:
        """Return the figures of both together."""
        return WordErrors(
            self.said + other.said, self.right + other.right, self.errors + other.errors
        )

    def __str__(self) -> str:
        return f"{self.right} of {self.said} words right"


def compare(said: str, heard: str) -> WordErrors:
    """Judge what was heard of a text."""
    expected, found = words(said), words(heard)
    distance, right = _alignment(expected, found)
    return WordErrors(len(expected), right, distance)


def words(text: str) -> list[str]:
    """Return the words of a text as they sound, however it is written.

    What says a number is one word, its digits: recognisers write `seven thirty` as `7:30`, and
    `four seven one` as `471`.
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'").translate(_CHINESE_DIGITS)
    found: list[str] = []
    number: list[_Number] = []
    written = _WORD.findall(_THOUSANDS.sub("", plain))
    for word in (part for whole in written for part in _spelt(whole)):
        if not _counts(word, number):
            found += _digits(number)
            number = []
            found.append(word)
    return found + _digits(number)


@dataclass(slots=True)
class _Number:
    """A number of a run of them, as far as it has been said."""

    value: int
    room: int
    """What may be added to it is less than this; 1: nothing."""
    written: str = ""
    """Its digits, if it is written in digits."""


def _counts(word: str, run: list[_Number]) -> bool:
    """Add a word to a run of numbers; returns whether it belongs there."""
    if word.isdecimal():
        run.append(_Number(int(word), 1, word))
    elif word in _VALUES:
        value = _VALUES[word]
        if run and 0 < value < run[-1].room:
            run[-1].value += value
            run[-1].room = 10 if value >= 20 else 1
        else:
            run.append(_Number(value, 10 if value >= 20 else 1))
    elif word in _SCALES and run and not run[-1].written:
        _scale(run, _SCALES[word])
    else:
        # Within a number, and of no account: `one hundred and five`, `two point five`.
        return word in ("and", "point") and bool(run) and (word == "point" or run[-1].room > 10)
    return True


def _scale(run: list[_Number], size: int) -> None:
    last = run[-1]
    # Only what was said since the next larger scale is multiplied: `two million three thousand`.
    larger = 1000 if size == 100 else 1000 * size
    whole, rest = divmod(last.value, larger)
    last.value = whole * larger + rest * size
    last.room = size


def _digits(run: list[_Number]) -> list[str]:
    return ["".join(number.written or str(number.value) for number in run)] if run else []


def _spelt(word: str) -> Iterator[str]:
    if word in _CONTRACTIONS:
        yield from _CONTRACTIONS[word].split()
        return
    ending = next((end for end in _ENDINGS if word.endswith(end)), None)
    yield word.removesuffix(ending or "").replace("'", "")
    if ending is not None:
        yield _ENDINGS[ending]


def _alignment(said: Sequence[str], heard: Sequence[str]) -> tuple[int, int]:
    """Return the fewest errors that lead from one to the other, and the most words kept by them."""
    # Of a prefix of what was heard: (errors, minus the words kept), so that the least is the best.
    row = [(at, 0) for at in range(len(heard) + 1)]
    for count, word in enumerate(said, start=1):
        above, row = row, [(count, 0)]
        for at, other in enumerate(heard, start=1):
            errors, kept = above[at - 1]
            same = (errors, kept - 1) if word == other else (errors + 1, kept)
            left_out = (above[at][0] + 1, above[at][1])
            put_in = (row[at - 1][0] + 1, row[at - 1][1])
            row.append(min(same, left_out, put_in))
    errors, kept = row[-1]
    return errors, -kept
