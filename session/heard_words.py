"""Which words of a clause were heard by a point in its audio (§A.8).

Voices tell seldom when they say which word. So a clause is laid over its sound: what is silent says
nothing, longer pauses stand where the text has marks or at least between two words, and between
them each word takes time by the sounds that it is made of. A number is as long as its words.

Nothing here is computed before an answer is cut, and the cost is bounded by `LONGEST_MS`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_MS = 120_000
"""Longest sound of a clause that is looked at; of a longer one, letters count alone."""
FRAME_MS = 10

_QUIET_DB = -32.0
"""Below the clause's loud parts: silence, or the closure of a "t"."""
_CLOSURE_FRAMES = 7
"""Silence up to this belongs to the word around it: consonants close the mouth."""
_PAUSE_FRAMES = 11
"""Silence from here on parts two words."""
_ENDING_FRAMES = 8
"""Silence that shows that the voice has come to an end."""
_SOUNDS_PER_S, _FASTEST_SOUNDS_PER_S = 15.0, 20.0
_MOST_PAIRS = 40_000
"""Pauses times words that are matched at most."""

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that write no spaces: each sign is a word."""
WORD = re.compile(rf"[{_WIDE}][^\w\s]*|[^\s{_WIDE}]+")
"""What is heard as one: a word with its marks, or a sign."""
_PART = re.compile(rf"\d{{1,3}}(?:[,.'’]\d{{3}})+(?!\d)|\d+|[^\W\d_]+|[{_WIDE}]|\W|_")
_DECIMAL = re.compile(r"\d[.,]\d(?!\d\d(?!\d))")
_POINT = 4.0
"""The word for the mark within such a number, in letters as below."""
_WIDE_SOUNDS = 3.2
_PER_WORD = 0.6
"""What each word takes beside its letters."""
_SENTENCE_END, _CLAUSE_END = ".!?…。！？", ",;:—–，、；："
_SIGNS = {"%": 5.5, "$": 5.5, "€": 4.0, "£": 4.5, "&": 3.0, "@": 2.0, "+": 4.0, "=": 5.0, "°": 5.0}
"""How long the words are that are said for a sign."""
_SMALL = (
    *(5.0, 3.5, 3.5, 4.0, 4.0, 4.5, 4.5, 5.5, 3.5, 4.5),
    *(4.0, 6.0, 5.5, 6.5, 7.0, 6.0, 7.0, 8.5, 6.0, 6.5),
)
"""How long zero … nineteen are. Names of numbers are said faster than other words of as many
letters, so this is what two voices of the embedded stack take for them, in letters of other words;
in other languages the numbers are about as long."""
_TENS = (0.0, 4.0, 5.0, 5.0, 5.0, 5.0, 5.5, 6.5, 4.0, 5.0)
_GROUPS = ((10**9, 4.5), (10**6, 4.0), (1000, 5.0), (100, 5.0))
_YEARS = (range(1100, 2000), range(2010, 2100))
"""What is said in two halves."""


@dataclass(frozen=True, slots=True)
class _Word:
    end: int
    """Where it ends in the text."""
    sounds: float
    """How long it is, in letters."""
    stop: int
    """2: a sentence ends behind it, 1: there is another mark, 0: neither."""


def heard_length(text: str, sound: NDArray[np.int16] | None, rate: int, share: float) -> int:
    """Return how many characters of a clause were heard: `heard_part` without its second value."""
    return heard_part(text, sound, rate, share)[0]


def heard_part(
    text: str, sound: NDArray[np.int16] | None, rate: int, share: float
) -> tuple[int, float]:
    """Return how many characters of a clause were heard, whole words, and where they end.

    Args:
        text: The clause.
        sound: Its samples, as far as they were made; None: they are gone.
        rate: Samples per second.
        share: How much of the sound was heard, from 0 to 1.

    Returns:
        The characters, and the share of the sound that says them: `share` also holds what was
        heard of the next word.
    """
    words = _words(text)
    if not words or share <= 0:
        return 0, 0.0
    if sound is None or not len(sound) or len(sound) > LONGEST_MS * rate / 1000:
        times, whole = _evenly(words, 0, len(words), 0.0, 1.0), 1.0
    else:
        voiced = _voiced(sound, rate)
        times, whole = _times(words, voiced), float(len(voiced))
    count = int(np.searchsorted(np.asarray(times), share * whole + 1e-6, side="right"))
    return (words[count - 1].end, min(share, times[count - 1] / whole)) if count else (0, 0.0)


def made_length(text: str, sound: NDArray[np.int16] | None, rate: int, pace: float) -> int:
    """Return how many characters of a clause were made that its voice may not have finished.

    Args:
        text: The clause.
        sound: As in `heard_length`.
        rate: Samples per second.
        pace: How fast the voice speaks; 1.0 is usual.
    """
    if sound is None or len(sound) > LONGEST_MS * rate / 1000:
        return len(text)
    voiced = _voiced(sound, rate) if len(sound) else np.zeros(0, bool)
    if len(voiced) and not voiced[-_ENDING_FRAMES:].any():
        # Voices end a clause with silence.
        return len(text)
    seconds = float(voiced.sum()) * FRAME_MS / 1000 * pace
    words = _words(text)
    if sum(word.sounds for word in words) <= seconds * _FASTEST_SOUNDS_PER_S:
        return len(text)
    made = seconds * _SOUNDS_PER_S
    count = int(np.searchsorted(np.cumsum([word.sounds for word in words]), made, side="right"))
    return len(text) if count == len(words) else words[count - 1].end if count else 0


def is_wide(sign: str) -> bool:
    """Return whether a sign is of a script without spaces, where each sign is a word."""
    return re.match(f"[{_WIDE}]", sign) is not None


def spoken_length(word: str) -> float:
    """Return how long a word is when it is said, in letters; a mark alone has none."""
    return sum(map(_sounds, _PART.findall(word))) + _POINT * len(_DECIMAL.findall(word))


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    for found in WORD.finditer(text):
        said = found[0]
        length = spoken_length(said)
        tail = said.rstrip("\"'”’)]}»」』）*_")
        stop = 2 if tail.endswith(tuple(_SENTENCE_END)) else 0
        stop = stop or int(tail.endswith(tuple(_CLAUSE_END)) or said in ("-", "–", "—"))
        if not length and words:
            # A mark that stands alone belongs to the word before it.
            last = words[-1]
            words[-1] = _Word(found.end(), last.sounds, max(last.stop, stop))
        else:
            words.append(_Word(found.end(), length + _PER_WORD, stop))
    return words


def _sounds(part: str) -> float:
    if part[0].isdecimal():
        grouped = not part.isdecimal()
        return _number("".join(filter(str.isdecimal, part)), year=not grouped)
    if not part.isalpha():
        return _SIGNS.get(part, 0)
    if is_wide(part):
        return _WIDE_SOUNDS * len(part)
    if part.isupper() and 2 <= len(part) <= 5:
        # Letters that are spelt.
        return 2.6 * len(part)
    return float(len(part))


def _number(figures: str, *, year: bool) -> float:
    """Return the letters of a number in words."""
    value = int(figures)
    if len(figures) > 12 or (len(figures) > 1 and figures[0] == "0"):
        return sum(_SMALL[int(figure)] for figure in figures)
    if year and value % 100 and any(value in years for years in _YEARS):
        return _counted(value // 100) + _counted(value % 100)
    return _counted(value)


def _counted(value: int) -> float:
    if value < 20:
        return _SMALL[value]
    if value < 100:
        return _TENS[value // 10] + (_SMALL[value % 10] if value % 10 else 0.0)
    for size, name in _GROUPS:
        if value >= size:
            rest = value % size
            return _counted(value // size) + name + (_counted(rest) if rest else 0.0)
    return 0.0


def _voiced(sound: NDArray[np.int16], rate: int) -> NDArray[np.bool_]:
    """Return for each frame whether something is said in it."""
    size = rate * FRAME_MS // 1000
    count = max(1, len(sound) // size)
    padded = np.zeros(count * size, np.float32)
    padded[: min(len(sound), count * size)] = sound[: count * size]
    power = (padded.reshape(count, size) ** 2).mean(axis=1)
    loud = float(np.percentile(power, 95))
    voiced: NDArray[np.bool_] = power > max(loud * 10 ** (_QUIET_DB / 10), 1e-3)
    if not voiced.any():
        return np.ones(count, bool)
    for start, end in _runs(~voiced):
        if end - start <= _CLOSURE_FRAMES and start > 0 and end < count:
            voiced[start:end] = True
    return voiced


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where the flags are set: starts, and the ends behind them."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _times(words: Sequence[_Word], voiced: NDArray[np.bool_]) -> list[float]:
    """Return where each word ends, in frames."""
    said = np.concatenate([[0.0], np.cumsum(voiced)])
    total = float(said[-1])
    inner = [
        (start, end)
        for start, end in _runs(~voiced)
        if end - start >= _PAUSE_FRAMES and start > 0 and end < len(voiced)
    ]
    if len(inner) * len(words) > _MOST_PAIRS:
        inner = []
    anchors = _matched(words, [(float(said[start]), end - start) for start, end in inner], total)
    places: list[float] = []
    first, from_said = 0, 0.0
    for last, upto in [*anchors, (len(words), total)]:
        places += _evenly(words, first, last, from_said, upto)
        first, from_said = last, upto
    # Back from what was said to the clause's own time.
    return [float(np.searchsorted(said, place - 1e-6)) for place in places]


def _evenly(words: Sequence[_Word], first: int, last: int, start: float, end: float) -> list[float]:
    """Return where the words from `first` to before `last` end between two points."""
    lengths = np.cumsum([word.sounds for word in words[first:last]])
    if not len(lengths):
        return []
    return [start + (end - start) * float(length / lengths[-1]) for length in lengths]


def _matched(
    words: Sequence[_Word], pauses: Sequence[tuple[float, int]], total: float
) -> list[tuple[int, float]]:
    """Match pauses with ends of words, in order; a pause within a word matches none.

    Args:
        words: The words of the clause.
        pauses: Where they are, in frames that are said, and how many frames they last.
        total: Frames that are said.

    Returns:
        For each pause that is matched: how many words are before it, and where it is.
    """
    if not pauses or len(words) < 2:
        return []
    ends = np.asarray(_evenly(words, 0, len(words), 0.0, total))[:-1]
    stops = np.asarray([word.stop for word in words[:-1]])
    step = total / len(words)
    # cost[k]: the cheapest match of all pauses so far whose last match is word k; -1: none yet.
    best = np.zeros(len(ends) + 1)
    best[1:] = np.inf
    came: list[NDArray[np.intp]] = []
    for place, frames in pauses:
        away = np.abs(ends - place) / step
        likely = np.where(stops > 0, 1.6, 0.0)
        match = away - likely + np.where(stops == 0, 0.9 if frames > 14 else 0.5, 0.0)
        # The cheapest way to any word before k.
        running = np.minimum.accumulate(best)
        at = np.maximum.accumulate(np.where(best <= running, np.arange(len(best)), 0))
        skipped = best + 1.2
        matched = np.concatenate([[np.inf], running[:-1] + match])
        came.append(np.where(matched < skipped, np.concatenate([[0], at[:-1]]), -1))
        best = np.minimum(matched, skipped)
    k = int(np.argmin(best))
    found: list[tuple[int, float]] = []
    for (place, _), back in zip(reversed(pauses), reversed(came), strict=True):
        if back[k] >= 0:
            found.append((k, place))
            k = int(back[k])
    return found[::-1]
