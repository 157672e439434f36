"""Splits text into runs of one script, to choose the language in which each is read.

A synthesiser that is handed Chinese with an English voice spells "Chinese letter, Chinese letter".
So text is cut where its script changes, and each piece goes to a voice that can read it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """A script other than Latin, which most voices cannot read."""

    name: str
    language: str
    """Language in which it is read, unless the chosen voice's own language uses the script."""
    others: frozenset[str]
    """Further languages that use it; their voices read it themselves."""

    def readable_in(self, language: str) -> bool:
        """Whether a voice of `language` (an espeak language code) reads this script."""
        return language == self.language or language in self.others


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text in one script; None is Latin, or any script without an entry here."""

    text: str
    script: Script | None


def _script(name: str, language: str, *others: str) -> Script:
    return Script(name, language, frozenset(others))


# espeak's Japanese and Hakka voices read kana and Latin but no Han, hence they are not listed.
_HAN = _script("Han", "cmn", "yue")
_KANA = _script("kana", "ja")
_HANGUL = _script("Hangul", "ko")
_CYRILLIC = _script(
    "Cyrillic",
    "ru",
    *("uk", "be", "bg", "mk", "sr", "bs", "kk", "ky", "tt", "ba", "cv", "nog", "uz", "kaa"),
)
_ARABIC = _script("Arabic", "ar", "fa", "ur", "ug", "sd")
_GREEK = _script("Greek", "el", "grc")

_BLOCKS: tuple[tuple[int, int, Script], ...] = (
    (0x0370, 0x03FF, _GREEK),
    (0x0400, 0x052F, _CYRILLIC),
    (0x0530, 0x058F, _script("Armenian", "hy", "hyw")),
    (0x0590, 0x05FF, _script("Hebrew", "he")),
    (0x0600, 0x06FF, _ARABIC),
    (0x0750, 0x077F, _ARABIC),
    (0x08A0, 0x08FF, _ARABIC),
    (0x0900, 0x097F, _script("Devanagari", "hi", "mr", "ne", "kok")),
    (0x0980, 0x09FF, _script("Bengali", "bn", "as", "bpy")),
    (0x0A00, 0x0A7F, _script("Gurmukhi", "pa")),
    (0x0A80, 0x0AFF, _script("Gujarati", "gu")),
    (0x0B00, 0x0B7F, _script("Odia", "or")),
    (0x0B80, 0x0BFF, _script("Tamil", "ta")),
    (0x0C00, 0x0C7F, _script("Telugu", "te")),
    (0x0C80, 0x0CFF, _script("Kannada", "kn")),
    (0x0D00, 0x0D7F, _script("Malayalam", "ml")),
    (0x0D80, 0x0DFF, _script("Sinhala", "si")),
    (0x0E00, 0x0E7F, _script("Thai", "th")),
    (0x1000, 0x109F, _script("Myanmar", "my", "shn")),
    (0x10A0, 0x10FF, _script("Georgian", "ka")),
    (0x1100, 0x11FF, _HANGUL),
    (0x1200, 0x139F, _script("Ethiopic", "am", "ti")),
    (0x1F00, 0x1FFF, _GREEK),
    (0x3005, 0x3007, _HAN),
    (0x3041, 0x30FF, _KANA),
    (0x3130, 0x318F, _HANGUL),
    (0x31F0, 0x31FF, _KANA),
    (0x3400, 0x4DBF, _HAN),
    (0x4E00, 0x9FFF, _HAN),
    (0xAC00, 0xD7FF, _HANGUL),
    (0xF900, 0xFAFF, _HAN),
    (0xFB1D, 0xFB4F, _script("Hebrew", "he")),
    (0xFB50, 0xFDFF, _ARABIC),
    (0xFE70, 0xFEFC, _ARABIC),
    (0xFF66, 0xFF9F, _KANA),
    (0x20000, 0x323AF, _HAN),
)
_STARTS = tuple(first for first, _, _ in _BLOCKS)


def script_of(char: str) -> Script | None:
    """Return the script of `char`; None for Latin, digits, punctuation and the unknown."""
    code = ord(char)
    if code < _STARTS[0]:
        return None
    first, last, script = _BLOCKS[bisect_right(_STARTS, code) - 1]
    return script if first <= code <= last else None


def split_runs(text: str) -> list[Run]:
    """Cut `text` where its script changes.

    Characters of no script (digits, punctuation, spaces) join the run before them, or, at the
    beginning, the one after; so "3 kilos" in the middle of Chinese is read in Chinese.
    """
    runs: list[Run] = []
    start = 0
    current: Script | None = None
    seen_letter = False
    for index, char in enumerate(text):
        script = script_of(char)
        if script is None and not char.isalpha():
            continue
        if seen_letter and script is not current:
            runs.append(Run(text[start:index], current))
            start = index
        current = script
        seen_letter = True
    if start < len(text):
        runs.append(Run(text[start:], current))
    return runs


def script_languages() -> frozenset[str]:
    """Return the languages in which scripts are read, as espeak's codes."""
    return frozenset(script.language for _, _, script in _BLOCKS)
