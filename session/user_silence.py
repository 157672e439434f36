"""Measures the user's silence since the last response, in audio written (§B.12)."""

from __future__ import annotations

from session.input_buffer import InputBuffer


class UserSilence:
    """The silence that `idle_timeout_ms` limits; an `AnswerListener` of the responses."""

    def __init__(self, buffer: InputBuffer) -> None:
        """Measure by the audio written into `buffer`."""
        self._buffer = buffer
        self._from_ms: int | None = None

    @property
    def from_ms(self) -> int | None:
        """Where the silence begins, in ms of audio written; None while none is measured."""
        return self._from_ms

    def answer_opened(self) -> None:
        """Stop measuring: a response began."""
        self._from_ms = None

    def answer_finished(self, audio_ms: float) -> None:
        """Start measuring at the end of the response's playback, `audio_ms` from now."""
        self._from_ms = int(self._buffer.written_ms + audio_ms)

    def broken(self) -> None:
        """Stop measuring: the user speaks, or a turn was committed."""
        self._from_ms = None
