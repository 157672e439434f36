"""Remembers that the user has just made a sound without words: laughed, coughed, put on music.

Such sounds come in rows, and at its beginning a laugh is like any voice. So for a while behind one,
a voice is no turn before it says a word, or goes on for long (`session/contested_turns.py`). It is
understood as it is spoken, so its answer comes no later.
"""

from __future__ import annotations

from session.input_buffer import InputBuffer

LASTS_MS = 20_000
"""Audio behind a turn without words in which another one is likely."""


class RecentNoise:
    """When the user last made such a sound, in audio written."""

    def __init__(self, buffer: InputBuffer) -> None:
        """Measure by the audio written into `buffer`."""
        self._buffer = buffer
        self._until_ms = 0.0

    @property
    def lasts(self) -> bool:
        """Whether there was such a sound a short time ago, and no word since."""
        return self._buffer.written_ms < self._until_ms

    def heard(self) -> None:
        """Note a turn without words."""
        self._until_ms = self._buffer.written_ms + LASTS_MS

    def over(self) -> None:
        """Note words."""
        self._until_ms = 0.0
