"""Notices when a provider has fallen silent, whatever its library does about time-outs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config import LLMConfig, STTConfig, TTSConfig

MARGIN_S = 1.0
"""A library that keeps time itself knows better what it waited for, so it may speak first."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stage may be silent, in seconds."""

    first_s: float
    """Before its first result: the provider's library may have to try again."""
    next_s: float
    """Between two pieces of a result."""

    @classmethod
    def of(cls, config: STTConfig | LLMConfig | TTSConfig) -> Patience:
        """Read a stage's settings."""
        first = config.connect_timeout_s + config.timeout_s * (1 + config.retries)
        return cls(first + MARGIN_S, config.timeout_s + MARGIN_S)


class Watchdog:
    """A timer that every sign of life sets back."""

    def __init__(self, on_silence: Callable[[float], None]) -> None:
        """Start at rest.

        Args:
            on_silence: Called once, with the seconds of silence.
        """
        self._on_silence: Callable[[float], None] | None = on_silence
        """None: retired."""
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        """When silence has lasted too long; None: nothing is expected."""
        self._limit_s = 0.0
        self._holds = 0

    @property
    def waiting(self) -> bool:
        """Whether a sign of life is due."""
        return self._due is not None

    def expect(self, limit_s: float) -> None:
        """Expect the next sign of life within `limit_s` from now."""
        if self._on_silence is None:
            return
        loop = asyncio.get_running_loop()
        self._limit_s = limit_s
        self._due = loop.time() + limit_s
        # A timer that is early is set anew when it rings: signs of life are many, silence is rare.
        if self._timer is None or self._timer.when() > self._due:
            self._set_timer(self._due)

    def rest(self) -> None:
        """Expect nothing."""
        self._due = None

    def retire(self) -> None:
        """Expect nothing ever again: signs of life that come late must not set the timer anew."""
        self.rest()
        self._on_silence = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be patient while somebody else keeps the stage waiting."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if self.waiting:
                self.expect(self._limit_s)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._rang)

    def _rang(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._holds:
            self.expect(self._limit_s)
        elif asyncio.get_running_loop().time() < self._due:
            self._set_timer(self._due)
        elif self._on_silence is not None:
            self._due = None
            self._on_silence(self._limit_s)
