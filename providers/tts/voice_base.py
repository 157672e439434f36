"""The base of voices whose `speak` yields all audio of a clause; subclasses add only that.

Pipecat also supports voices whose audio arrives later, by another path. So after a clause without
audio it waits for a time-out and reports silence as a failure, and it leaves interrupted generators
to the garbage collector.
"""

from __future__ import annotations

import asyncio
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
from providers.frames import WordTimesFrame

GAP_S = 2.0
"""Seconds that a service's audio may pause in the middle of a clause: one that has begun to speak
goes on, unless it or the network is lost."""
NEVER_S = 24 * 3600.0
"""Longer than any response, in seconds: turns Pipecat's time-outs off."""


class VoiceFailure(Exception):
    """A service sent no audio for a clause, or not all of it."""

    category: ErrorCategory
    refused: bool = False
    """Whether a retry would fail in the same way."""


class VoiceGap(VoiceFailure):
    """A service fell silent in the middle of a clause."""

    category = ErrorCategory.CONNECTIVITY


class PromptEnd(TTSService):
    """A mixin to put before a service's class: a clause ends when `run_tts` returns."""

    async def tts_process_generator(
        self, context_id: str, generator: AsyncGenerator[Frame | None, None]
    ) -> None:
        """Queue the frames of `generator`, and close it at once if that is interrupted."""
        async with aclosing(generator):
            await super().tts_process_generator(context_id, generator)
        # Also when there was no audio.
        self._is_yielding_frames_synchronously = True


class ClauseVoice(PromptEnd):
    """The voice of one response: a base class, or a mixin to put before a service's class."""

    retries: int = 0
    """Retries of a clause after a `VoiceFailure` before its first audio."""
    gap_s: float | None = None
    """Seconds that `speak` may pause behind its first audio; None: it watches that itself."""
    failures: ClassVar[tuple[type[Exception], ...]] = (StageFailure, VoiceFailure)
    """Exceptions of `speak` that `explain` handles; others are reported as they are."""

    def __init__(self, voice: str, *, sample_rate: int = WIRE_RATE, **service: Any) -> None:
        """Speak with one voice.

        Args:
            voice: Its name, as the service or engine calls it.
            sample_rate: Hz of the PCM that `speak` makes.
            **service: Further arguments of the service's class.
        """
        service.setdefault("settings", TTSSettings(model=None, voice=voice, language=None))
        super().__init__(
            sample_rate=sample_rate,
            # No time-out of Pipecat's: subclasses know when audio is due, and report silence.
            stop_frame_timeout_s=NEVER_S,
            max_consecutive_zero_audio_contexts=0,
            **service,
        )
        # Not passed as arguments, because some of Pipecat's services set them themselves.
        self._push_start_frame = self._push_stop_frames = True
        self._voice = voice
        self._rate = sample_rate

    @abstractmethod
    def speak(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        """Speak one clause.

        Args:
            text: The clause.

        Yields:
            16-bit mono PCM at `sample_rate`, as it is made; and when its words are spoken, where
            that is known, before or soon behind the PCM that speaks them.

        Raises:
            VoiceFailure: It failed in a way that a retry may cure.
        """

    def explain(self, error: Exception) -> ErrorFrame:
        """Return the error frame for one of `failures`; it fails the response."""
        if isinstance(error, VoiceFailure):
            reason = f"{error} ({self._voice})"
            return ErrorFrame(reason, exception=error, category=error.category)
        return ErrorFrame(str(error), exception=error)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Speak one clause."""
        failures: tuple[type[Exception], ...] = (VoiceGap, *self.failures)
        try:
            async with aclosing(self._attempts(text)) as stream:
                async for made in stream:
                    if isinstance(made, WordTimesFrame):
                        yield made
                    else:
                        yield TTSAudioRawFrame(made, self._rate, 1, context_id=context_id)
        except failures as error:
            # The response has failed: skip its further clauses.
            await self.set_usable(False)
            gap = isinstance(error, VoiceGap)
            yield ClauseVoice.explain(self, error) if gap else self.explain(error)

    async def _attempts(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        for left in range(self.retries, -1, -1):
            heard = False
            early: list[WordTimesFrame] = []
            try:
                # The limit costs something with each piece, and engines in this process have none.
                voice = self.speak(text) if self.gap_s is None else self._steady(text)
                async with aclosing(voice) as stream:
                    async for made in stream:
                        # Times that come before any audio may be those of an attempt that fails.
                        if isinstance(made, WordTimesFrame) and not heard:
                            early.append(made)
                            continue
                        heard = True
                        while early:
                            yield early.pop(0)
                        yield made
                return
            except VoiceFailure as error:
                if heard or error.refused or not left:
                    raise

    async def _steady(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        """Speak one clause, with no longer pauses than `gap_s`.

        Raises:
            VoiceGap: There was one.
        """
        limit_s = None
        async with aclosing(self.speak(text)) as stream:
            while True:
                try:
                    async with asyncio.timeout(limit_s) as limit:
                        made = await anext(stream, None)
                except TimeoutError:
                    if not limit.expired():
                        raise
                    told = f"nothing came for {limit_s:g} s in the middle of a clause"
                    raise VoiceGap(f"{told} (tts.gap_timeout_s)") from None
                if made is None:
                    return
                if isinstance(made, bytes):
                    limit_s = self.gap_s
                yield made

    async def _record_context_audio_outcome(self, context_id: str, received_audio: bool) -> None:
        """Do not report silence: `speak` has, or there was nothing to pronounce."""
