"""How long the user has been silent since the last answer, in audio written (§B.12)."""

from __future__ import annotations

from session.input_buffer import InputTurns


class UserSilence:
    """Counts the silence that `idle_timeout_ms` is about; an `AnswerListener` of the responses."""

    def __init__(self, turns: InputTurns) -> None:
        """Count by what is written into `turns`."""
        self._turns = turns
        self._from_ms: int | None = None

    @property
    def from_ms(self) -> int | None:
        """Where it begins, in milliseconds of audio written; None while it does not count."""
        return self._from_ms

    def answer_opened(self) -> None:
        """An answer begins: the user's silence does not count."""
        self._from_ms = None

    def answer_finished(self, audio_ms: float) -> None:
        """An answer ended; the silence begins when the client has played it."""
        self._from_ms = int(self._turns.written_ms + audio_ms)

    def broken(self) -> None:
        """The user speaks, or a turn was committed."""
        self._from_ms = None
