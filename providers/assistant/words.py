"""Words and numbers of an utterance, for rules that must bear the errors of speech recognition.

Recognisers write no punctuation, no capitals and numbers as words; people who type do the
opposite. Both forms become the same sequence of words here, each with its place in the text, so
that a rule can match on words and still quote the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_TOKEN = re.compile(
    r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"  # 1,000
    r"|[0-9]+(?:\.[0-9]+)?"
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*"
    r"|[+*/×÷−]|(?<![^\W\d_])-"  # a hyphen inside a word is no minus
)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
# What recognisers write for sounds that are not speech.
_NOISE = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\+\+\w+\+\+")


def vocabulary(words: str) -> frozenset[str]:
    """Return the set of the words in `words`."""
    return frozenset(words.split())


_FILLERS = vocabulary("uh um uhm hmm hm mm mhm er erm ah eh huh")
_CONTRACTIONS: Mapping[str, str] = {
    "whats": "what is",
    "hows": "how is",
    "whos": "who is",
    "im": "i am",
    "todays": "today",
    "dont": "do not",
}
_UNIT_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS: Mapping[str, int] = {word: value for value, word in enumerate(_UNIT_WORDS.split())}
_TENS: Mapping[str, int] = {word: 10 * n for n, word in enumerate(_TENS_WORDS.split(), start=2)}
_SCALES: Mapping[str, int] = {"thousand": 10**3, "million": 10**6}
SOUND_ALIKES: Mapping[str, int] = {"to": 2, "too": 2, "for": 4, "fore": 4, "won": 1, "ate": 8}
"""Words a recogniser writes for a number where only the context tells."""
_MINUS = frozenset({"minus", "negative", "-", "−"})
_MAX_DIGITS = 15
_ZH_DIGITS: Mapping[str, int] = {digit: at for at, digit in enumerate("零一二三四五六七八九")} | {
    "两": 2,
    "兩": 2,
    "〇": 0,
}


@dataclass(frozen=True, slots=True)
class Word:
    """One word in lower case without accents, and where it stands in the text."""

    norm: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    """A number that was said, and the words that say it: `first` up to but not `last`."""

    value: int | float
    first: int
    last: int


class Utterance:
    """A text as its words, to ask which of them it contains."""

    def __init__(self, text: str) -> None:
        """Split `text`."""
        self.text = text
        self.tokens: tuple[Word, ...] = tuple(_tokens(text))
        """Words and arithmetic signs."""
        self.words: tuple[str, ...] = tuple(t.norm for t in self.tokens if t.norm[0].isalnum())
        self._joined = f" {' '.join(self.words)} "

    def __len__(self) -> int:
        return len(self.words)

    def has(self, *phrases: str) -> bool:
        """Return whether one of `phrases` was said, as consecutive words."""
        return any(f" {phrase} " in self._joined for phrase in phrases)

    def says(self, *words: str) -> bool:
        """Return whether every one of `words` was said, in any order."""
        return all(word in self.words for word in words)

    def only(self, allowed: str) -> bool:
        """Return whether nothing was said beyond the words in `allowed`."""
        return set(self.words) <= vocabulary(allowed)

    @property
    def intelligible(self) -> bool:
        """Whether it contains a meaningful word."""
        spoken = Utterance(_NOISE.sub(" ", self.text)) if _NOISE.search(self.text) else self
        return not set(spoken.words) <= _FILLERS


def text_of(content: Any) -> str:
    """Return the text of a message's `content`: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return " ".join(part for part in parts if isinstance(part, str) and part)


def is_chinese(text: str) -> bool:
    """Return whether `text` contains Han characters."""
    return _HAN.search(text) is not None


def name_words(name: str) -> list[str]:
    """Split an identifier into words: `get_weather` and `getWeather` → get, weather."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ")
    return [token.norm for token in _tokens(spaced)]


def title(text: str) -> str:
    """Return `text` with capitals, as recognisers leave them out of names."""
    if text != text.lower():
        return text
    return " ".join(word[:1].upper() + word[1:] for word in text.split())


def unquote(text: str) -> str:
    """Return `text` without the quotation marks around it, if there is one pair."""
    text = text.strip()
    pairs = {'"': '"', "“": "”", "'": "'", "‘": "’", "«": "»", "「": "」", "『": "』"}
    closer = pairs.get(text[:1])
    if closer is None:
        return text
    end = text.rfind(closer)
    if end <= 1:
        return text
    inner, after = text[1:end], text[end + 1 :].strip(" .!?。！？")
    if closer in "'’":
        # An apostrophe looks like a quotation mark: only those at the edge of a word are one.
        alone = not after and re.search(r"(?<!\w)['‘’]|['‘’](?!\w)", inner) is None
    else:
        alone = text[0] not in inner and closer not in inner
    return inner if alone else text


def numbers(tokens: Sequence[Word]) -> list[Number]:
    """Return the numbers in `tokens`, written in digits or in words, in their order."""
    found: list[Number] = []
    place = 0
    while place < len(tokens):
        after_number = bool(found) and found[-1].last == place
        signed = tokens[place].norm in _MINUS and not after_number
        parsed = _number_at(tokens, place + signed)
        if parsed is None:
            place += 1
            continue
        value, end = parsed
        found.append(Number(-value if signed else value, place, end))
        place = end
    return found


def chinese_numbers(text: str) -> list[int]:
    """Return the numbers up to 199 in `text`, in digits or in Chinese numerals."""
    found = re.findall(r"[0-9]{1,15}|[零〇一二两兩三四五六七八九十百]+", text)
    return [int(part) if part.isascii() else _chinese_number(part) for part in found]


def _tokens(text: str) -> Iterator[Word]:
    for match in _TOKEN.finditer(text):
        decomposed = unicodedata.normalize("NFD", match.group().lower())
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
        plain = plain.replace("'", "").replace("’", "")
        for norm in _CONTRACTIONS.get(plain, plain).split():
            yield Word(norm, match.start(), match.end())


def _number_at(tokens: Sequence[Word], place: int) -> tuple[int | float, int] | None:
    """Parse the number that starts at `place`; return it and the place after it."""
    if place >= len(tokens):
        return None
    word = tokens[place].norm
    if word[0] in "0123456789":
        digits = word.replace(",", "")
        if len(digits) > _MAX_DIGITS:
            return None
        value: int | float = float(digits) if "." in digits else int(digits)
        scale = {**_SCALES, "hundred": 100}.get(_norm(tokens, place + 1) or "")
        return (value, place + 1) if scale is None else (value * scale, place + 2)
    parsed = _spelled_at(tokens, place)
    if parsed is None:
        return None
    whole, end = parsed
    decimals = ""
    if _norm(tokens, end) == "point":
        while (digit := _UNITS.get(_norm(tokens, end + 1 + len(decimals)) or "", 10)) <= 9:
            decimals += str(digit)
    if not 0 < len(decimals) <= _MAX_DIGITS:
        return parsed
    return float(f"{whole}.{decimals}"), end + 1 + len(decimals)


def _spelled_at(tokens: Sequence[Word], place: int) -> tuple[int, int] | None:
    """Parse number words, as far as they make one number: in "two twenty" they make two."""
    start, total, current = place, 0, 0
    last: Literal["", "unit", "tens", "hundred", "scale"] = ""
    limit = 10**9
    while (word := _norm(tokens, place)) is not None:
        following = _norm(tokens, place + 1)
        if word in _UNITS:
            value = _UNITS[word]
            joins = last in ("", "hundred", "scale") or (last == "tens" and 1 <= value <= 9)
            if not joins or (value == 0 and last):
                break
            current, last = current + value, "unit"
        elif word in _TENS and last in ("", "hundred", "scale"):
            current, last = current + _TENS[word], "tens"
        elif word == "hundred" and last in ("unit", "tens") and current < 100:
            current, last = current * 100, "hundred"
        elif word in _SCALES and last in ("unit", "tens", "hundred") and _SCALES[word] < limit:
            limit = _SCALES[word]
            total, current, last = total + current * limit, 0, "scale"
        elif word == "a" and not last and following in ("hundred", "thousand", "million"):
            current, last = 1, "unit"
        elif word == "and" and last in ("hundred", "scale"):
            if following not in _UNITS and following not in _TENS:
                break
        else:
            break
        place += 1
    return (total + current, place) if place > start else None


def _norm(tokens: Sequence[Word], place: int) -> str | None:
    return tokens[place].norm if place < len(tokens) else None


def _chinese_number(numeral: str) -> int:
    total, digit = 0, 0
    for char in numeral:
        if char == "百":
            total, digit = total + (digit or 1) * 100, 0
        elif char == "十":
            total, digit = total + (digit or 1) * 10, 0
        else:
            digit = _ZH_DIGITS[char]
    return total + digit
