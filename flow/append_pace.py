"""How fast a client may append audio: a bucket of seconds, filled by real time.

A microphone writes one second per second and never notices. A file comes all at once: as much of
it as the bucket holds is taken as fast as it can be worked through, and the rest at a pace that
leaves other sessions their share of the machine. Nothing is refused; the client's own network
stack slows it, because nobody reads its socket meanwhile.
"""

from __future__ import annotations


class AppendPace:
    """The bucket of one session. It reads no clock; the time comes with every call."""

    def __init__(self, burst_s: float, speed: float, now: float) -> None:
        """Start with a full bucket.

        Args:
            burst_s: What the bucket holds, in seconds of audio.
            speed: Seconds of audio that are added to it per second.
            now: The time in seconds, of any clock that goes on steadily.
        """
        self._burst_s = burst_s
        self._speed = speed
        self._left_s = burst_s
        self._at = now

    def take(self, audio_s: float, now: float) -> float:
        """Take audio that has been appended.

        Returns:
            Seconds to wait before more is read; usually 0.
        """
        self._left_s = min(self._burst_s, self._left_s + (now - self._at) * self._speed) - audio_s
        self._at = now
        return max(0.0, -self._left_s / self._speed)
