"""The translation as it is spoken: clause behind clause, none over another (§B.14).

Its audio has a time of its own, which runs beside that of the source: a clause begins where its
last word ended, or where the clause before it ends, if that is later. How much later tells how far
the voice is behind the speaker; then it speaks a little faster, and what does not help waits.
Nothing of it is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE, duration_ms
from audio.time_stretch import TimeStretch
from translation.utterances import Clause
from translation.words import space_between

STEP_MS = 200
"""What `elapsed_ms` advances by; no audio delta is longer."""
STEP_BYTES = WIRE_RATE * STEP_MS // 1000 * BYTES_PER_SAMPLE
RELAXED_MS, PRESSED_MS = 1000, 4000
"""How far behind the voice begins to hurry, and where it hurries as much as it may."""


def elapsed(ms: float) -> int:
    """Return an offset as `elapsed_ms` shows it."""
    return int(ms) // STEP_MS * STEP_MS


def pace(behind_ms: float, most: float) -> float:
    """Return how fast to speak who is so far behind; 1.0 is the voice's own pace.

    Args:
        behind_ms: How much later a clause begins than its last word ended, in ms.
        most: The fastest pace.
    """
    share = (behind_ms - RELAXED_MS) / (PRESSED_MS - RELAXED_MS)
    return 1.0 + (most - 1.0) * min(max(share, 0.0), 1.0)


@dataclass(slots=True)
class _Current:
    """The clause that is being spoken."""

    clause: Clause
    start_ms: float
    text: str = ""
    stretch: TimeStretch | None = None
    """None: there is no audio of it yet."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio of the translation."""

    clause_id: str
    pcm: bytes
    elapsed_ms: int


class Speaking:
    """The clauses that are to be spoken, and the one that is."""

    def __init__(self, max_speed: float) -> None:
        """Start with none.

        Args:
            max_speed: How fast the voice may speak to catch up; 1.0: it never hurries.
        """
        self._max_speed = max_speed
        self._waiting: deque[Clause] = deque()
        self._current: _Current | None = None
        self._end_ms = 0.0
        """Where the audio ends that was made so far."""
        self._told = ""
        """The end of the text so far."""

    @property
    def waiting(self) -> int:
        """Number of clauses that nobody has begun to translate."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether all clauses have been spoken."""
        return self._current is None and not self._waiting

    def add(self, clause: Clause) -> None:
        """Take a clause, to be spoken behind those before it."""
        self._waiting.append(clause)

    def next(self) -> Clause | None:
        """Begin the next clause; None: there is none, or one is being spoken."""
        if self._current is not None or not self._waiting:
            return None
        clause = self._waiting.popleft()
        self._current = _Current(clause, max(clause.end_ms, self._end_ms))
        return clause

    def text(self, clause_id: str, delta: str) -> tuple[str, int] | None:
        """Take a text delta of the model; return what to send, and its `elapsed_ms`."""
        current = self._of(clause_id)
        if current is None:
            return None
        if not current.text:
            delta = delta.lstrip()
            if not delta:
                return None
            delta = space_between(self._told, delta) + delta
        current.text += delta
        self._told = delta[-1:] or self._told
        return (delta, elapsed(current.start_ms)) if delta else None

    def is_empty(self, clause_id: str) -> bool:
        """Return whether nothing has been written of the clause that is being spoken."""
        current = self._of(clause_id)
        return current is not None and not current.text.strip()

    def sound(self, clause_id: str, pcm: bytes) -> Iterator[Sound]:
        """Take audio of the voice; yield what to send."""
        current = self._of(clause_id)
        if current is None:
            return
        if current.stretch is None:
            current.stretch = TimeStretch(
                pace(current.start_ms - current.clause.end_ms, self._max_speed)
            )
            self._end_ms = current.start_ms
        yield from self._cut(clause_id, current.stretch.push(pcm))

    def end(self, clause_id: str) -> Iterator[Sound]:
        """Yield the rest of a clause's audio: the voice has finished."""
        current = self._of(clause_id)
        if current is not None and current.stretch is not None:
            yield from self._cut(clause_id, current.stretch.flush())

    def over(self, clause_id: str) -> tuple[Clause, str] | None:
        """Take leave of the clause; return it and its translation. None: it is another one."""
        current = self._of(clause_id)
        if current is None:
            return None
        self._current = None
        return current.clause, current.text

    def _of(self, clause_id: str) -> _Current | None:
        current = self._current
        return current if current is not None and current.clause.id == clause_id else None

    def _cut(self, clause_id: str, pcm: bytes) -> Iterator[Sound]:
        for start in range(0, len(pcm), STEP_BYTES):
            piece = pcm[start : start + STEP_BYTES]
            yield Sound(clause_id, piece, elapsed(self._end_ms))
            self._end_ms += duration_ms(piece)
