"""Limits how fast a client may append audio: a token bucket of seconds, filled by real time.

A microphone, at one second per second, is never slowed. A file comes all at once: as much as the
bucket holds is taken at full speed, the rest at a pace that leaves other sessions their share of
the machine. Nothing is refused; the client is slowed because its socket is not read meanwhile.
"""

from __future__ import annotations


class AppendPace:
    """The bucket of one session. It reads no clock: every call is given the time."""

    def __init__(self, burst_s: float, speed: float, now: float) -> None:
        """Start with a full bucket.

        Args:
            burst_s: Capacity of the bucket, in seconds of audio.
            speed: Seconds of audio that are added to it per second.
            now: The time in seconds, of any monotonic clock.
        """
        self._burst_s = burst_s
        self._speed = speed
        self._left_s = burst_s
        self._at = now

    def take(self, audio_s: float, now: float) -> float:
        """Count appended audio.

        Args:
            audio_s: Its length in seconds.
            now: The time in seconds.

        Returns:
            Seconds to wait before more is read; usually 0.
        """
        self._left_s = min(self._burst_s, self._left_s + (now - self._at) * self._speed) - audio_s
        self._at = now
        return max(0.0, -self._left_s / self._speed)
