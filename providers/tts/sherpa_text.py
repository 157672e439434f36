"""Makes a text readable for a voice of sherpa-onnx, which knows the words of its lexicons alone.

Version 2 of the library looks words up and skips the others, after printing them. A name that is
skipped is worse than one that is spelled, and what users say belongs in no log: so what the
lexicons lack is spelled, written out, or left out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from providers.tts.english_numbers import written_out

_CJK = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_PIECES = re.compile(
    rf"[A-Za-z]+(?:['’][A-Za-z]+)*|[0-9]+|[{_CJK}]|[^\W\d_]|\s+|[^\w\s]", re.UNICODE
)
_MARKS = frozenset(",.!?;:'\"()-—…，。！？；：、“”‘’（）《》「」%$/+=@&")
"""What is no word and may stay: marks that make pauses, and what rules read as words."""
_ENDINGS = ("'s", "s'", "s")


class Lexicon:
    """The words that a voice can say."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Read the words of lexicons: the first column of each line."""
        self._words: set[str] = set()
        for file in files:
            with file.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    word, _, _ = line.partition(" ")
                    self._words.add(word.lower())
        # Chinese words are phrases of characters; the voice finds the longest that it knows.
        self._words.update(*(word for word in self._words if _HAS_CJK.search(word)))

    def readable(self, text: str) -> str:
        """Return `text` with nothing in it that the voice would skip; empty: it says nothing."""
        if not _HAS_CJK.search(text):
            # Where there is Chinese, the voice's own rules read numbers, in Chinese.
            text = written_out(text)
        pieces = [self._piece(piece) for piece in _PIECES.findall(text.replace("’", "'"))]
        readable = " ".join("".join(pieces).split())
        return readable if any(letter.isalnum() for letter in readable) else ""

    def _piece(self, piece: str) -> str:
        if piece.isspace() or piece in _MARKS or piece.isdecimal():
            return piece
        word = piece.lower()
        if word in self._words:
            return piece
        if not piece[0].isascii() or not piece[0].isalpha():
            return " "
        stem = next((word.removesuffix(end) for end in _ENDINGS if word.endswith(end)), word)
        if len(stem) > 2 and stem in self._words:
            return piece[: len(stem)]
        return f" {' '.join(letter for letter in piece if letter.lower() in self._words)} "
