"""Tells a file from a microphone, by how fast a client appends (§A.2).

In audio that comes much faster than it was spoken, who speaks later interrupts no answer to what
came before: nobody has heard that answer. A microphone brings a second each second, and behind a
stall of the network all at once what was spoken meanwhile. That is no file: the user speaks now.
"""

from __future__ import annotations

LEAD_S = 3.0
"""Audio ahead of real time that makes a file."""
STALL_S = 10.0
"""Longest pause that counts as a stall, which the client may make up for."""
OVER_S = 0.5
"""Pause after which a file is over; audio at real time ends it after twice as long."""

_FAST = 2.0
"""A file comes more than so many times as fast as real time."""
_LEAK = 0.25
"""Share of the time by which a lead shrinks at real time: clocks differ."""


class FilePace:
    """The pace of one client. It reads no clock: every call is given the time."""

    def __init__(self, now: float) -> None:
        """Start with nothing appended.

        Args:
            now: The time in seconds, of any monotonic clock.
        """
        self._at = now
        self._lead_s = 0.0
        """Audio that came before its time; negative: what a stall has left the client to bring."""
        self._fresh_s = 0.0
        """Audio of the last moments that came faster than `_FAST`, up to what ends a file."""
        self._in_file = False

    def take(self, audio_s: float, now: float) -> bool:
        """Count audio that is about to be heard.

        Args:
            audio_s: Its length in seconds.
            now: The time in seconds.

        Returns:
            Whether it belongs to a file.
        """
        paused_s, self._at = now - self._at, now
        self._fresh_s = max(0.0, self._fresh_s - _FAST * paused_s)
        if paused_s > STALL_S:
            self._lead_s = 0.0
        elif self._lead_s > 0:
            self._lead_s -= (1 + _LEAK) * paused_s
        else:
            self._lead_s -= paused_s
        self._lead_s = max(-STALL_S, self._lead_s)
        if paused_s >= OVER_S or (self._in_file and not self._fresh_s):
            self._in_file = False
            # What comes now may answer what the server has said meanwhile.
            self._lead_s = min(0.0, self._lead_s)
        if audio_s > LEAD_S:
            # No microphone sends so much in one piece, whatever was before.
            self._lead_s = max(0.0, self._lead_s)
        self._lead_s += audio_s
        self._fresh_s = min(_FAST * OVER_S, self._fresh_s + audio_s)
        if self._lead_s > LEAD_S and self._fresh_s == _FAST * OVER_S:
            self._in_file = True
        return self._in_file
