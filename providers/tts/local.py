"""The voice of one response, spoken by an engine that runs in this process.

Pipecat's own services for such engines load a model for each instance, synthesise on asyncio's
own threads and report a failure as a mere sentence; here the model and the threads are shared.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable

from providers.in_process.engine_pool import EnginePool
from providers.tts.clause_voice import ClauseVoice

Speak = Callable[[str], Iterable[bytes]]
"""Turns a text into pieces of 16-bit mono PCM, each as soon as it is made; blocks meanwhile."""


class LocalTTSService(ClauseVoice):
    """Speaks by a function that blocks, on the threads of a pool."""

    def __init__(self, pool: EnginePool, speak: Speak, sample_rate: int, voice: str) -> None:
        """Speak with one voice.

        Args:
            pool: Where `speak` runs.
            speak: The engine, set to the voice.
            sample_rate: Hz of what it makes.
            voice: Its name.
        """
        super().__init__(voice, sample_rate=sample_rate)
        self._pool = pool
        self._speak = speak

    def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Speak one clause."""
        return self._pool.stream(lambda: self._speak(text))
