"""The voice of one response, spoken by an engine that runs in this process.

Pipecat's services for such engines load a model per instance, synthesise on asyncio's default
threads and report failures as text alone; here the model and a pool of threads are shared.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable

from providers.frames import WordTimesFrame
from providers.in_process.engine_pool import EnginePool
from providers.tts.voice_base import ClauseVoice

Speak = Callable[[str], Iterable[bytes | WordTimesFrame]]
"""Synthesises a text: yields chunks of 16-bit mono PCM as they are made, and blocks meanwhile; an
engine that times its words also yields when they are spoken."""


class LocalTTSService(ClauseVoice):
    """Speaks by a blocking function, on the threads of a pool."""

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

    def speak(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        """Speak one clause."""
        return self._pool.stream(lambda: self._speak(text))
