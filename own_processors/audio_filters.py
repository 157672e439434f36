"""Lets Pipecat's audio filters stand where processors do.

A filter (`BaseAudioFilter`: RNNoise, Koala, Krisp and others) hears one stream from its beginning
to its end. So each recognition of a turn has one of its own, and each answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import FilterControlFrame, Frame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from flow.steps import Breather
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)

STEP = SAMPLE_RATE // 10 * BYTES_PER_SAMPLE
"""Bytes that are filtered at once: other sessions wait for so long."""


@dataclass(slots=True)
class _Stream:
    """A turn on its way through its filter."""

    filter: BaseAudioFilter
    taken: int = 0
    """Bytes that have gone in."""
    made: bytearray = field(default_factory=bytearray)
    """What has come out; a filter may hold some back."""


class FilteredAudio(FrameProcessor):
    """Hands the audio that passes to filters of one class."""

    def __init__(self, make: Callable[[], BaseAudioFilter]) -> None:
        """Prepare for any number of turns, or for one answer.

        Args:
            make: Builds a filter.
        """
        super().__init__()
        self._make = make
        self._turns: dict[str, _Stream] = {}
        self._answer: BaseAudioFilter | None = None
        self._breather = Breather()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Filter audio; pass every other frame on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TurnStartedFrame):
            self._turns[frame.recognition_id] = await self._begin()
        elif isinstance(frame, TurnAudioFrame):
            before = await self._turn(frame.recognition_id)
            had = len(before.made)
            await self._hear(before, frame.audio)
            frame.audio = bytes(before.made[had:])
        elif isinstance(frame, TurnCommittedFrame):
            turn = await self._turn(frame.recognition_id)
            # The turn's other frames have carried a prefix of it.
            await self._hear(turn, frame.audio[turn.taken :])
            frame.audio = bytes(turn.made)
            await self._end(frame.recognition_id)
        elif isinstance(frame, TurnDiscardedFrame):
            await self._end(frame.recognition_id)
        elif isinstance(frame, OutputAudioRawFrame):
            if self._answer is None:
                self._answer = self._make()
                await self._answer.start(frame.sample_rate)
            frame.audio = await self._answer.filter(frame.audio)
        elif isinstance(frame, FilterControlFrame):
            for filter_ in self._filters():
                await filter_.process_frame(frame)
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Stop all filters."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        for filter_ in self._filters():
            await filter_.stop()
        self._turns.clear()
        self._answer = None

    def _filters(self) -> list[BaseAudioFilter]:
        answer = [] if self._answer is None else [self._answer]
        return [*(turn.filter for turn in self._turns.values()), *answer]

    async def _begin(self) -> _Stream:
        stream = _Stream(self._make())
        await stream.filter.start(SAMPLE_RATE)
        return stream

    async def _turn(self, id_: str) -> _Stream:
        """Return a turn's stream; a commit may be its first frame."""
        if id_ not in self._turns:
            self._turns[id_] = await self._begin()
        return self._turns[id_]

    async def _end(self, id_: str) -> None:
        turn = self._turns.pop(id_, None)
        if turn is not None:
            await turn.filter.stop()

    async def _hear(self, turn: _Stream, audio: bytes) -> None:
        for start in range(0, len(audio), STEP):
            turn.made += await turn.filter.filter(audio[start : start + STEP])
            await self._breather.breathe()
        turn.taken += len(audio)
