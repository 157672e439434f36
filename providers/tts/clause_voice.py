"""The base of voices that make all audio of a clause in one go: only `speak` is missing.

Pipecat also serves voices whose audio comes later, by another way. So it waits for some until a
time-out where a clause had none, leaves a generator that is interrupted to the garbage collector,
and reports silence as a failure of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar

from pipecat.frames.frames import ErrorFrame, Frame, TTSAudioRawFrame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.errors import ErrorCategory

from audio.pcm import WIRE_RATE
from providers.base import StageFailure

NEVER_S = 24 * 3600.0
"""Longer than any response lasts: nothing is to end by the clock."""


class VoiceFailure(Exception):
    """A service did not speak, or not to the end."""

    category: ErrorCategory
    refused: bool = False
    """Whether another attempt would fail in the same way."""


class PromptEnd(TTSService):
    """A clause is over when `run_tts` is. A base to put before the class of a service."""

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Queue the frames of `generator`, and close it at once if that is interrupted."""
        async with aclosing(generator):
            await super().tts_process_generator(context_id, generator)
        # Also when nothing was said.
        self._is_yielding_frames_synchronously = True


class ClauseVoice(PromptEnd):
    """The voice of one response. A base to build on, or to put before the class of a service."""

    retries: int = 0
    """How often a clause is begun again after a `VoiceFailure` before any sound."""
    failures: ClassVar[tuple[type[Exception], ...]] = (StageFailure, VoiceFailure)
    """What `speak` may raise that `explain` can explain; other errors are reported as they are."""

    def __init__(self, voice: str, *, sample_rate: int = WIRE_RATE, **service: Any) -> None:
        """Speak with one voice.

        Args:
            voice: Its name, as the service or engine calls it.
            sample_rate: Hz of the PCM that `speak` makes.
            **service: Further arguments of the service's class that comes next in line.
        """
        service.setdefault("settings", TTSSettings(model=None, voice=voice, language=None))
        super().__init__(
            sample_rate=sample_rate,
            # Silence is watched by whoever knows when audio is due, and reported there.
            stop_frame_timeout_s=NEVER_S,
            max_consecutive_zero_audio_contexts=0,
            **service,
        )
        # Not arguments, as some services of Pipecat give them themselves.
        self._push_start_frame = self._push_stop_frames = True
        self._voice = voice
        self._rate = sample_rate

    @abstractmethod
    def speak(self, text: str) -> AsyncGenerator[bytes, None]:
        """Speak one clause.

        Args:
            text: The clause.

        Yields:
            16-bit mono PCM at `sample_rate`, as it is made.

        Raises:
            VoiceFailure: It failed in a way that another attempt may mend.
        """

    def explain(self, error: Exception) -> ErrorFrame:
        """Return what fails the response, for one of `failures`."""
        if isinstance(error, VoiceFailure):
            reason = f"{error} ({self._voice})"
            return ErrorFrame(reason, exception=error, category=error.category)
        return ErrorFrame(str(error), exception=error)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one clause."""
        try:
            async with aclosing(self._attempts(text)) as stream:
                async for pcm in stream:
                    yield TTSAudioRawFrame(pcm, self._rate, 1, context_id=context_id)
        except self.failures as error:
            # The response has failed: its other clauses need not be asked for.
            await self.set_usable(False)
            yield self.explain(error)

    async def _attempts(self, text: str) -> AsyncGenerator[bytes, None]:
        for left in range(self.retries, -1, -1):
            heard = False
            try:
                async with aclosing(self.speak(text)) as stream:
                    async for pcm in stream:
                        heard = True
                        yield pcm
                return
            except VoiceFailure as error:
                if heard or error.refused or not left:
                    raise

    async def _record_context_audio_outcome(self, context_id: str, received_audio: bool) -> None:
        """Do not report silence: `speak` has done so, or there was nothing to pronounce."""
