"""Speaks one text outside of any session: `TTSProvider.speak` as all providers have it.

A voice is built for responses, which drive it by frames. Here is a response's part of that for a
single text, so that whoever writes a provider writes no second way into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from pipecat.frames.frames import (
    AggregatedTextFrame,
    ErrorFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import TextType
from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator

from audio.pcm import WIRE_RATE, Resampler
from providers.base import ProviderFailure
from providers.errors import failure_reason
from providers.running_pipeline import RunningPipeline

if TYPE_CHECKING:
    from providers.base import TTSProvider

_Made = TTSAudioRawFrame | ErrorFrame | None
"""Audio, why there is no more of it, or None: all has been spoken."""


async def speak_text(provider: TTSProvider, text: str, voice: str) -> AsyncGenerator[bytes, None]:
    """Speak a text; see `TTSProvider.speak`.

    Args:
        provider: A voice that has been started.
        text: What to say.
        voice: As a client would choose it.
    """
    made: asyncio.Queue[_Made] = asyncio.Queue()
    service = provider.create(voice)

    async def failed(_processor: FrameProcessor, error: ErrorFrame) -> None:
        made.put_nowait(error)

    async def refused(_frame: Frame, error: ErrorFrame) -> None:
        made.put_nowait(error)

    # Told before the frame that ends the response could make it look complete.
    service.add_event_handler("on_error", failed)
    pipeline = RunningPipeline(Pipeline([service, _Mouth(made)]), "speech", refused)
    audio = _WireAudio()
    try:
        await pipeline.push(LLMFullResponseStartFrame())
        async for sentence in _sentences(text):
            await pipeline.push(AggregatedTextFrame(sentence, TextType.SENTENCE))
        await pipeline.push(LLMFullResponseEndFrame())
        while (item := await made.get()) is not None:
            if isinstance(item, ErrorFrame):
                reason = failure_reason("TTS", provider, item)
                raise ProviderFailure(reason) from item.exception
            if pcm := audio.push(item):
                yield pcm
        if rest := audio.flush():
            yield rest
    finally:
        await pipeline.stop()


async def _sentences(text: str) -> AsyncIterator[str]:
    """Cut a text, so that the first sentence is heard while the others are still being spoken."""
    cutter = SimpleTextAggregator()
    found = [piece.text async for piece in cutter.aggregate(text)]
    if rest := await cutter.flush():
        found.append(rest.text)
    for sentence in found:
        # Punctuation or an emoji alone cannot be spoken.
        if any(char.isalnum() for char in sentence):
            yield sentence


class _WireAudio:
    """Whole samples at 24 kHz of audio in pieces of any length, at whatever rate a voice has."""

    def __init__(self) -> None:
        self._rate: int = WIRE_RATE
        self._resampler = Resampler(WIRE_RATE, WIRE_RATE)
        self._half_sample = b""

    def push(self, frame: TTSAudioRawFrame) -> bytes:
        """Return what is ready after a frame."""
        before = b""
        if frame.sample_rate != self._rate:
            before = self._resampler.flush()
            self._rate = frame.sample_rate
            self._resampler = Resampler(self._rate, WIRE_RATE)
        audio = self._half_sample + frame.audio
        even = len(audio) & ~1
        self._half_sample = audio[even:]
        return before + self._resampler.push(audio[:even])

    def flush(self) -> bytes:
        """Return what the resampler still held."""
        return self._resampler.flush()


class _Mouth(FrameProcessor):
    """The end of the pipeline, which takes what the voice makes."""

    def __init__(self, made: asyncio.Queue[_Made]) -> None:
        super().__init__(enable_direct_mode=True)
        self._made = made

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take audio and the end of it, and pass on all other frames."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._made.put_nowait(frame)
        elif isinstance(frame, LLMFullResponseEndFrame):
            self._made.put_nowait(None)
        else:
            await self.push_frame(frame, direction)
