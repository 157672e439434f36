"""Writes out numbers in English, for voices that know words and no figures."""

from __future__ import annotations

import re

_SMALL = (  # noqa: SIM905
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = ("", "", *"twenty thirty forty fifty sixty seventy eighty ninety".split())  # noqa: SIM905
_GROUPS = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_LARGEST = 10**12
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_NUMBER = re.compile(
    r"(?P<currency>[$€£¥])?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?"
    r"(?P<ordinal>st|nd|rd|th)?(?P<percent>\s?%)?(?P<clock>:[0-5]\d(?!\d))?"
)
_YEARS = range(1100, 2000)
"""Numbers that are read in pairs of figures: 1984 is nineteen eighty-four."""


def written_out(text: str) -> str:
    """Return an English text with its numbers in words."""
    return _NUMBER.sub(_words, text)


def _words(found: re.Match[str]) -> str:
    figures, part = found["whole"].replace(",", ""), found["part"]
    said = _whole(figures, plain="," not in found["whole"] and not found["currency"])
    if part:
        said += f" point {' '.join(_SMALL[int(figure)] for figure in part)}"
    if found["ordinal"]:
        said = _ordinal(said)
    if found["clock"]:
        minutes = int(found["clock"][1:])
        said += " o'clock" if not minutes else f"{' oh' if minutes < 10 else ''} {_count(minutes)}"
    if found["percent"]:
        said += " percent"
    if found["currency"]:
        said += f" {_CURRENCIES[found['currency']]}"
    # A figure may stand beside a letter: 5G, x2.
    before, behind = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return f"{' ' if before.isalnum() else ''}{said}{' ' if behind.isalnum() else ''}"


def _whole(figures: str, *, plain: bool) -> str:
    number = int(figures)
    if number >= _LARGEST or (len(figures) > 1 and figures[0] == "0"):
        return " ".join(_SMALL[int(figure)] for figure in figures)
    if plain and number in _YEARS and number % 100:
        pair = number % 100
        return f"{_count(number // 100)} {'oh ' if pair < 10 else ''}{_count(pair)}"
    return _count(number)


def _count(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return f"{_TENS[tens]} {_SMALL[ones]}" if ones else _TENS[tens]
    size, name = next(group for group in _GROUPS if number >= group[0])
    many, rest = divmod(number, size)
    return f"{_count(many)} {name}" + (f" {_count(rest)}" if rest else "")


def _ordinal(said: str) -> str:
    before, space, last = said.rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last.removesuffix('y')}ieth" if last.endswith("y") else f"{last}th"
    return f"{before}{space}{last}"
