"""Maps offsets in the sent audio to this machine's clock.

The server reports the end of speech as an offset in ms into the audio it received. To measure an
answer's latency, that offset must be mapped to local time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

REMEMBERED_MS = 60_000
"""Milliseconds of audio to remember: a server reports the end of speech within about a second."""


class SpeechClock:
    """Remembers when the audio of one session was sent."""

    def __init__(self) -> None:
        """Start at the beginning of a session's audio."""
        self._sent_ms = 0.0
        self._blocks: deque[tuple[float, float]] = deque()  # offset of the end, when sent

    def sent(self, ms: float, at: float) -> None:
        """Note that a block of `ms` milliseconds has just been spoken, at `at` seconds."""
        self._sent_ms += ms
        self._blocks.append((self._sent_ms, at))
        while self._blocks[0][0] < self._sent_ms - REMEMBERED_MS:
            self._blocks.popleft()

    def when(self, offset_ms: float) -> float | None:
        """Return when the audio at an offset was spoken, in seconds; None if unknown.

        Blocks arrive when they are complete, so a moment inside one lies before its arrival.
        """
        found = bisect_left(self._blocks, (offset_ms, 0.0))
        if found == len(self._blocks):
            return None
        end_ms, at = self._blocks[found]
        return at - (end_ms - offset_ms) / 1000
