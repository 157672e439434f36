"""The voice of one response, spoken by an engine that runs in this process.

Pipecat's own services for such engines load a model for each instance, synthesise on asyncio's
own threads and report a failure as a mere sentence; here the model and the threads are shared.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from pipecat.frames.frames import Frame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService

from providers.engine_pool import EnginePool

Speak = Callable[[str], Iterable[bytes]]
"""Turns a text into pieces of 16-bit mono PCM, each as soon as it is made; blocks meanwhile."""


class LocalTTSService(TTSService):
    """Speaks by a function that blocks, on the threads of a pool."""

    def __init__(self, pool: EnginePool, speak: Speak, sample_rate: int, voice: str) -> None:
        """Speak with one voice.

        Args:
            pool: Where `speak` runs.
            speak: The engine, set to the voice.
            sample_rate: Hz of what it makes.
            voice: Its name.
        """
        super().__init__(
            sample_rate=sample_rate,
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=30,
            max_consecutive_zero_audio_contexts=0,
            settings=TTSSettings(model=None, voice=voice, language=None),
        )
        self._pool = pool
        self._speak = speak
        self._rate = sample_rate

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one clause; failures are raised and fail the response."""
        async with aclosing(self._pool.stream(lambda: self._speak(text))) as pieces:
            async for pcm in pieces:
                yield TTSAudioRawFrame(pcm, self._rate, 1, context_id=context_id)

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Queue the frames of `generator`, and stop the engine at once if that is interrupted."""
        async with aclosing(generator):
            await super().tts_process_generator(context_id, generator)
        # Also when nothing was said: the base class would wait for audio until its timeout.
        self._is_yielding_frames_synchronously = True

    async def _record_context_audio_outcome(self, context_id: str, received_audio: bool) -> None:
        """Do not report silence: here it means that the text has nothing to pronounce."""
