"""One audio filter for each turn and each answer, which hears all of it once, in order."""

from __future__ import annotations

from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import FilterControlFrame, Frame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from own_processors.audio_filters import FilteredAudio
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.running_pipeline import RunningPipeline


class Reversing(BaseAudioFilter):
    """Holds two bytes back, as filters with frames of their own do, and notes its life."""

    made: list[Reversing]

    def __init__(self) -> None:
        self.life: list[str] = []
        self.heard = b""
        self.made.append(self)

    async def start(self, sample_rate: int) -> None:
        self.life.append(f"started at {sample_rate}")

    async def stop(self) -> None:
        self.life.append("stopped")

    async def process_frame(self, frame: FilterControlFrame) -> None:
        self.life.append("told")

    async def filter(self, audio: bytes) -> bytes:
        before = max(len(self.heard) - 2, 0)
        self.heard += audio
        ready = self.heard[before : max(len(self.heard) - 2, 0)]
        return bytes(255 - value for value in ready)


class Behind(FrameProcessor):
    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.frames: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        await self.push_frame(frame, direction)

    def audio(self, kind: type[Frame]) -> list[bytes]:
        return [frame.audio for frame in self.frames if isinstance(frame, kind)]  # type: ignore[attr-defined]


async def passed(*frames: Frame) -> Behind:
    Reversing.made = []
    behind = Behind()
    pipeline = RunningPipeline(Pipeline([FilteredAudio(Reversing), behind]), "filtered")
    for frame in frames:
        await pipeline.push(frame)
    await pipeline.stop()
    return behind


async def test_a_turn_is_heard_once_and_comes_out_as_a_whole():
    behind = await passed(
        TurnStartedFrame("a"),
        TurnAudioFrame("a", b"\x01\x02\x03\x04"),
        TurnAudioFrame("a", b"\x05\x06"),
        TurnCommittedFrame("a", b"\x01\x02\x03\x04\x05\x06\x07\x08"),
    )
    (filter_,) = Reversing.made
    assert filter_.heard == b"\x01\x02\x03\x04\x05\x06\x07\x08"
    assert filter_.life == ["started at 16000", "stopped"]
    assert behind.audio(TurnAudioFrame) == [b"\xfe\xfd", b"\xfc\xfb"]
    assert behind.audio(TurnCommittedFrame) == [b"\xfe\xfd\xfc\xfb\xfa\xf9"]


async def test_turns_at_the_same_time_have_filters_of_their_own():
    behind = await passed(
        TurnStartedFrame("a"),
        TurnStartedFrame("b"),
        TurnAudioFrame("a", b"\x01\x01\x01\x01"),
        TurnAudioFrame("b", b"\x02\x02\x02\x02"),
        TurnDiscardedFrame("a"),
        TurnCommittedFrame("b", b"\x02" * 6),
        TurnCommittedFrame("c", b"\x03" * 6),
    )
    assert [one.heard for one in Reversing.made] == [b"\x01" * 4, b"\x02" * 6, b"\x03" * 6]
    assert all(one.life == ["started at 16000", "stopped"] for one in Reversing.made)
    assert behind.audio(TurnCommittedFrame) == [b"\xfd" * 4, b"\xfc" * 4]


async def test_an_answer_is_one_stream_at_its_own_rate():
    behind = await passed(
        TTSAudioRawFrame(b"\x01" * 4, 8000, 1), TTSAudioRawFrame(b"\x02" * 4, 8000, 1)
    )
    (filter_,) = Reversing.made
    assert filter_.life == ["started at 8000", "stopped"]
    assert behind.audio(TTSAudioRawFrame) == [b"\xfe\xfe", b"\xfe\xfe\xfd\xfd"]
