"""Time-outs of providers, independent of those of their libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config import LLMConfig, STTConfig, TTSConfig

MARGIN_S = 1.0
"""Added to every limit, so that a library's own time-out, with its better message, comes first."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stage may be silent, in seconds."""

    first_s: float
    """Before its first result, with retries by the provider's library."""
    next_s: float
    """Between two pieces of a result."""

    @classmethod
    def of(cls, config: STTConfig | LLMConfig | TTSConfig) -> Patience:
        """Return the limits from a stage's settings."""
        first = config.connect_timeout_s + config.timeout_s * (1 + config.retries)
        return cls(first + MARGIN_S, config.timeout_s + MARGIN_S)


class Watchdog:
    """A time-out that every sign of life of a stage restarts."""

    def __init__(self, on_silence: Callable[[float], None]) -> None:
        """Start without a time-out.

        Args:
            on_silence: Called when a time-out expires, with its length in seconds.
        """
        self._on_silence: Callable[[float], None] | None = on_silence
        """None: retired."""
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        """When the time-out expires, in the loop's time; None: none runs."""
        self._limit_s = 0.0
        self._holds = 0

    @property
    def waiting(self) -> bool:
        """Whether a time-out runs."""
        return self._due is not None

    def expect(self, limit_s: float) -> None:
        """Restart the time-out: the next sign of life is due within `limit_s` seconds."""
        if self._on_silence is None:
            return
        loop = asyncio.get_running_loop()
        self._limit_s = limit_s
        self._due = loop.time() + limit_s
        # A timer that is too early is set again when it fires: cheaper than at every sign of life.
        if self._timer is None or self._timer.when() > self._due:
            self._set_timer(self._due)

    def rest(self) -> None:
        """End the time-out; `expect` starts it again."""
        self._due = None

    def retire(self) -> None:
        """End the time-out for good: `expect` has no effect any more."""
        self.rest()
        self._on_silence = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Suspend the time-out within the block, while the stage waits for something else."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def hold(self) -> None:
        """Suspend the time-out until `release`, which has to come as often."""
        self._holds += 1

    def release(self) -> None:
        """Go on with a time-out that was suspended, from its beginning."""
        self._holds -= 1
        if self.waiting:
            self.expect(self._limit_s)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        if self._due is None or self._holds:
            # `release` begins anew.
            return
        if asyncio.get_running_loop().time() < self._due:
            self._set_timer(self._due)
        elif self._on_silence is not None:
            self._due = None
            self._on_silence(self._limit_s)
