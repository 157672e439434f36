"""Whisper's tokens: from numbers to words and back, by the files that come with a model.

Its vocabulary spells bytes by printable signs, as GPT-2's does, so a token may be a part of a
character. Words are cut into tokens by a list of merges, the most frequent first.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

START, END = "<|startoftranscript|>", "<|endoftext|>"
NO_TIMESTAMPS, TRANSCRIBE, PREVIOUS = "<|notimestamps|>", "<|transcribe|>", "<|startofprev|>"
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
"""GPT-2's words, but for letters that Python's `re` and Unicode's tables count differently."""

Tokens = list[int]


@dataclass(frozen=True, slots=True)
class _Merges:
    """How words are cut."""

    ranks: dict[tuple[str, str], int]
    tokens: dict[str, int]


class Vocabulary:
    """The tokens of one model."""

    def __init__(self, tokens: Sequence[str], tokenizer: Callable[[], bytes]) -> None:
        """Read the vocabulary.

        Args:
            tokens: Every token, at its number.
            tokenizer: Reads `tokenizer.json`, which is needed only to `encode`.

        Raises:
            ValueError: It is no vocabulary of Whisper.
        """
        self._tokens = tokens
        self._ids = {token: number for number, token in enumerate(tokens)}
        for needed in (START, END, NO_TIMESTAMPS):
            if needed not in self._ids:
                raise ValueError(f"the vocabulary has no {needed}")
        self._end = self._ids[END]
        self._read_tokenizer = tokenizer
        self._merges: _Merges | None = None
        self.languages = frozenset(
            found[1] for token in tokens if (found := _LANGUAGE.fullmatch(token))
        )
        """Codes of the languages for which it has a token."""

    def __getitem__(self, control: str) -> int:
        """Return the number of a control token."""
        return self._ids[control]

    def words(self, tokens: Iterable[int]) -> Tokens:
        """Return the tokens that stand for text: no marks, no timestamps."""
        # Control tokens are numbered behind those of text, the first is the end.
        return [token for token in tokens if token < self._end]

    def spelled(self, token: int) -> bytes:
        """Return the bytes of a token of text: UTF-8, perhaps a part of a character."""
        return bytes(_bytes()[sign] for sign in self._tokens[token])

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens; what is no UTF-8 becomes U+FFFD."""
        return b"".join(map(self.spelled, self.words(tokens))).decode(errors="replace")

    def encode(self, text: str) -> Tokens:
        """Return the tokens of a text.

        Raises:
            OSError: The file of the tokenizer cannot be read.
            ValueError: It is not understood.
        """
        if self._merges is None:
            self._merges = _read_merges(self._read_tokenizer())
        merges = self._merges
        return [token for word in _WORDS.findall(text) for token in _cut(word, merges)]


def read_vocabulary(name: str, data: bytes) -> list[str]:
    """Return the tokens in a model's `vocabulary.txt` or `vocabulary.json`, by their numbers.

    Raises:
        ValueError: The file is damaged.
    """
    if name.endswith(".json"):
        tokens: list[str] = json.loads(data)
        return tokens
    return data.decode().removesuffix("\n").split("\n")


def _read_merges(tokenizer: bytes) -> _Merges:
    try:
        model = json.loads(tokenizer)["model"]
        pairs = (rule.split(" ") if isinstance(rule, str) else rule for rule in model["merges"])
        ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
        return _Merges(ranks, model["vocab"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"tokenizer.json is none of Whisper's: {error!r}") from error


def _cut(word: str, merges: _Merges) -> Iterator[int]:
    parts = [_signs()[byte] for byte in word.encode()]
    last = len(merges.ranks)
    while len(parts) > 1:
        ranks = [merges.ranks.get(pair, last) for pair in itertools.pairwise(parts)]
        best = min(ranks)
        if best == last:
            break
        at = ranks.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return (merges.tokens[part] for part in parts if part in merges.tokens)


@cache
def _signs() -> list[str]:
    """Return the sign of each byte: itself if it is printable, else one behind all bytes."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = iter(range(0x100, 0x200))
    return [chr(byte) if byte in shown else chr(next(hidden)) for byte in range(0x100)]


@cache
def _bytes() -> dict[str, int]:
    return {sign: byte for byte, sign in enumerate(_signs())}
