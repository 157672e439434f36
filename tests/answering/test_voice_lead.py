"""What Pipecat must keep to for a voice to wait: all audio enters its queue by one method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.text.base_text_aggregator import TextType

from answering.voice_lead import MAX_UNHEARD_BYTES, VoiceLead, hold_back
from providers.running_pipeline import RunningPipeline

SECOND = bytes(48_000)
MADE = 5 * MAX_UNHEARD_BYTES // len(SECOND)
"""Seconds of the clause: far more than a voice may be ahead."""


class Voice(TTSService):
    """A service of Pipecat that knows nothing of the bound and makes a long clause at once."""

    def __init__(self) -> None:
        settings = TTSSettings(model=None, voice="x", language=None)
        super().__init__(sample_rate=24_000, settings=settings, push_start_frame=True)
        self.made = 0
        self.finished = asyncio.Event()

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Yield the audio, as services with HTTP do."""
        for _ in range(MADE):
            yield self.second(context_id)
        self.finished.set()

    def second(self, context_id: str) -> TTSAudioRawFrame:
        self.made += len(SECOND)
        return TTSAudioRawFrame(SECOND, 24_000, 1, context_id=context_id)


class LateVoice(Voice):
    """One whose audio comes by another way than `run_tts`, as from a WebSocket."""

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Ask for the audio."""
        self.create_task(self.receive(context_id))
        yield None

    async def receive(self, context_id: str) -> None:
        for _ in range(MADE):
            await self.append_to_audio_context(context_id, self.second(context_id))
        self.finished.set()


class SlowClient(FrameProcessor):
    """Takes no audio before it is told to."""

    def __init__(self, lead: VoiceLead) -> None:
        super().__init__(enable_direct_mode=True)
        self.reads = asyncio.Event()
        self.waits = asyncio.Event()
        self._lead = lead

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.waits.set()
            await self.reads.wait()
            self._lead.take(len(frame.audio))
        else:
            await self.push_frame(frame, direction)


@pytest.mark.parametrize("kind", [Voice, LateVoice])
async def test_a_voice_waits_for_a_client_and_goes_on_with_it(kind: type[Voice]) -> None:
    lead, voice = VoiceLead(), kind()
    client = SlowClient(lead)
    hold_back(voice, lead)
    pipeline = RunningPipeline(Pipeline([voice, client]), "test")
    try:
        async with asyncio.timeout(20):
            await pipeline.push(LLMFullResponseStartFrame())
            await pipeline.push(AggregatedTextFrame("A long clause.", TextType.SENTENCE))
            await pipeline.push(LLMFullResponseEndFrame())
            await client.waits.wait()
            made = -1
            while made != voice.made:
                made = voice.made
                for _ in range(100):
                    await asyncio.sleep(0)
            assert MAX_UNHEARD_BYTES < made <= MAX_UNHEARD_BYTES + 2 * len(SECOND)
            client.reads.set()
            await voice.finished.wait()
    finally:
        await pipeline.stop()
    assert voice.made == MADE * len(SECOND)
