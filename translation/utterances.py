"""From the transcripts of utterances to clauses and captions, in the order of speech (§B.14).

Recognitions may overtake each other; what was said later waits here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from translation.clauses import ClauseCutter
from translation.stable_words import StableWords
from translation.words import Word, joined, space_between


@dataclass(frozen=True, slots=True)
class Caption:
    """More of what was said, as text to be put behind what there is."""

    delta: str
    end_ms: float
    """How far the audio goes that it tells of, in ms since the session began."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause to translate."""

    id: str
    text: str
    end_ms: float
    """Where its last word ends, in ms of audio since the session began; of one that was cut out
    of speech that went on, where the audio ended then."""


Heard = Caption | Clause


@dataclass(slots=True)
class _Utterance:
    words: StableWords = field(default_factory=StableWords)
    cutter: ClauseCutter = field(default_factory=ClauseCutter)
    end_ms: float | None = None
    """Where its last word ends; None: it goes on."""
    heard: list[tuple[list[Word], list[list[Word]], float]] = field(default_factory=list)
    """New words, the clauses that they complete, and the end of both: not yet told."""
    over: bool = False
    """Whether its last transcript has come."""


class Utterances:
    """The utterances that are not translated yet, oldest first."""

    def __init__(self, new_clause_id: Iterable[str]) -> None:
        """Start with none.

        Args:
            new_clause_id: Yields the ids of clauses.
        """
        self._ids = iter(new_clause_id)
        self._open: dict[str, _Utterance] = {}
        self._told = ""
        """The end of the captions."""

    @property
    def pending(self) -> bool:
        """Whether a transcript is due."""
        return bool(self._open)

    def begin(self, id_: str) -> None:
        """Expect the transcripts of an utterance that has begun."""
        self._open[id_] = _Utterance()

    def ended(self, id_: str, end_ms: float) -> None:
        """Note where the last word of an utterance ends."""
        self._open[id_].end_ms = end_ms

    def so_far(self, id_: str, text: str, now_ms: float) -> list[Heard]:
        """Take an interim transcript, of audio up to `now_ms`."""
        known = self._open.get(id_)
        if known is None or known.over:
            return []
        words = known.words.so_far(text)
        end_ms = now_ms if known.end_ms is None else known.end_ms
        known.heard.append((words, known.cutter.push(words), end_ms))
        return self._tell()

    def understood(self, id_: str, text: str) -> list[Heard]:
        """Take the transcript of an utterance that has ended."""
        known = self._open.get(id_)
        if known is None or known.end_ms is None:
            return []
        return self._over(known, known.words.final(text), known.end_ms)

    def failed(self, id_: str) -> list[Heard]:
        """Take the failure of a recognition: what was heard of it before is all there is."""
        known = self._open.get(id_)
        return [] if known is None else self._over(known, [], known.end_ms or 0.0)

    def _over(self, known: _Utterance, words: list[Word], end_ms: float) -> list[Heard]:
        known.heard.append((words, known.cutter.finish(words), end_ms))
        known.over = True
        return self._tell()

    def _tell(self) -> list[Heard]:
        """Return what may be told: that of the oldest utterance, and of those behind it if over."""
        told: list[Heard] = []
        for id_, known in list(self._open.items()):
            for words, clauses, end_ms in known.heard:
                if words:
                    told.append(Caption(self._delta(words), end_ms))
                told += [Clause(next(self._ids), joined(clause), end_ms) for clause in clauses]
            known.heard.clear()
            if not known.over:
                break
            del self._open[id_]
        return told

    def _delta(self, words: list[Word]) -> str:
        text = joined(words)
        # Within a text a space is where it was written; between two, where the script has spaces.
        delta = space_between(self._told, text) + text
        self._told = text[-1:]
        return delta
