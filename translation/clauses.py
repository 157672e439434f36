"""Cuts the words of an utterance into clauses that can be translated one by one (§B.14).

A clause is cut behind punctuation, before a conjunction, or where it gets long: the sooner, the
sooner it is translated, but a translator needs enough of a sentence to know what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from translation.words import Word

_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’»)\]]*$")
_CLAUSE_END = re.compile(r"[,;:，、；：—–][\"'”’»)\]]*$")
_MAY_GO_ON = re.compile(
    r"(?:\d[.,:]|\b[A-Z]\.|\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Hr|Fr|Sr|Sra|vs)\.)$"
)
"""`3.` may become `3.5`, and `Dr.` is no end of a sentence."""

LEAST_BY_COMMA, LEAST_BY_CONJUNCTION, MOST = 4.0, 6.0, 14.0
"""Words that a clause must have before a comma or a conjunction ends it, and those that end it."""

_CONJUNCTIONS = frozenset(
    word
    for words in (
        "and but or because although though while whereas which when where if unless",
        "und aber oder denn weil obwohl während damit sodass sondern",
        "et mais ou parce puisque lorsque quand donc",
        "y pero porque aunque mientras cuando sino",
        "però perché mentre quando oppure quindi",
        "porque embora enquanto",
        "maar omdat hoewel terwijl zodat",
    )
    for word in words.split()
)
"""Words that begin a clause, in English, German, French, Spanish, Italian, Portuguese and Dutch.
Nobody says which language is spoken: they are such as other languages make little use of."""


class ClauseCutter:
    """The words of one utterance that belong to no clause yet."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: list[Word] = []

    def push(self, words: Iterable[Word]) -> list[list[Word]]:
        """Take words that will stay; return the clauses that are complete by them, in order."""
        clauses: list[list[Word]] = []
        for word in words:
            said = sum(known.weight for known in self._open)
            if said >= LEAST_BY_CONJUNCTION and word.form in _CONJUNCTIONS:
                clauses.append(self._rest())
                said = 0.0
            self._open.append(word)
            if _ends(word.text, said + word.weight):
                clauses.append(self._rest())
        return clauses

    def finish(self, words: Iterable[Word]) -> list[list[Word]]:
        """Take the last words of the utterance; return all that is left, as sentences.

        Nothing is gained by cutting a sentence that is complete: the model reads it at once, and
        speaks its beginning while it writes the rest.
        """
        sentences: list[list[Word]] = []
        for word in words:
            self._open.append(word)
            if _ends_sentence(word.text):
                sentences.append(self._rest())
        return [*sentences, self._rest()] if self._open else sentences

    def _rest(self) -> list[Word]:
        rest, self._open = self._open, []
        return rest


def _ends(text: str, said: float) -> bool:
    """Return whether a clause of so many words ends with a word."""
    if said >= MOST or _ends_sentence(text):
        return True
    return said >= LEAST_BY_COMMA and bool(_CLAUSE_END.search(text)) and not _goes_on(text)


def _ends_sentence(text: str) -> bool:
    return bool(_SENTENCE_END.search(text)) and not _goes_on(text)


def _goes_on(text: str) -> bool:
    return bool(_MAY_GO_ON.search(text))
