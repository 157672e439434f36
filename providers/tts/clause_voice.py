"""The base of voices whose `run_tts` yields all audio of a clause, and ends when that is all.

Pipecat also serves voices whose audio comes later, by another way. So it waits for some until a
time-out where a clause had none, leaves a generator that is interrupted to the garbage collector,
and reports silence as a failure of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pipecat.frames.frames import Frame
from pipecat.services.tts_service import TTSService


class ClauseVoice(TTSService):
    """A base to put before a service's class, or to build one on."""

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Queue the frames of `generator`, and close it at once if that is interrupted."""
        async with aclosing(generator):
            await super().tts_process_generator(context_id, generator)
        # Also when nothing was said: the clause is over.
        self._is_yielding_frames_synchronously = True

    async def _record_context_audio_outcome(self, context_id: str, received_audio: bool) -> None:
        """Do not report silence: `run_tts` has done so, or there was nothing to pronounce."""
