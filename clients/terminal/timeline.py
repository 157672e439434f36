"""Where blocks of sound lie on a clock, although they arrive early, late and in bursts.

Blocks of one device follow each other without a gap, whatever the clock says when they arrive. But
a device stops and goes on, and no two devices count quite as fast.
"""

from __future__ import annotations

JUMP_S = 0.15
"""Seconds off the clock from which a block does not follow the one before: the device stopped."""
SLIP_S = 0.015
"""Seconds off the clock, on average, from which a stream is moved: its device counts otherwise."""
SMOOTHING = 0.01
"""Share of a new block in that average: blocks of 10 to 20 ms, hence one or two seconds."""


class Timeline:
    """Gives each block of a stream a position, in samples since `began`."""

    def __init__(self, rate: int, began: float = 0.0) -> None:
        """Begin.

        Args:
            rate: Sample rate in Hz.
            began: When position 0 is, in seconds of the clock that `place` is given.
        """
        self._rate, self._began = rate, began
        self._end: int | None = None
        self._off = 0.0

    @property
    def running(self) -> bool:
        """Whether there was a block, and none has been the last."""
        return self._end is not None

    def at(self, seconds: float) -> int:
        """Return the position of a moment."""
        return round((seconds - self._began) * self._rate)

    def place(self, samples: int, seconds: float) -> int:
        """Return the position of a block's first sample.

        Args:
            samples: Its length.
            seconds: When it begins, as far as is known.
        """
        due = self.at(seconds)
        start = due if self._end is None else self._end
        self._off += (due - start - self._off) * SMOOTHING
        if abs(due - start) > JUMP_S * self._rate:
            start, self._off = due, 0.0
        elif abs(self._off) > SLIP_S * self._rate:
            start, self._off = start + round(self._off), 0.0
        self._end = start + samples
        return start

    def break_off(self) -> None:
        """The stream stops: the next block lies where the clock says."""
        self._end, self._off = None, 0.0
