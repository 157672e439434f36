"""Processors as people write them, good ones and bad ones, for tests that name them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np
from pipecat.audio.filters.base_audio_filter import BaseAudioFilter
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    EndWorkerFrame,
    ErrorFrame,
    FilterControlFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from config import TTSConfig
from providers.base import TTSProvider
from providers.frames import WordTimesFrame
from providers.tts.voice_base import ClauseVoice

NOT_A_PROCESSOR = 7


class Watcher(FrameProcessor):
    """Passes everything on, and remembers what it was; each place has a class of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Frame] = []
        type(self).made.append(self)

    made: list[Watcher]

    def __init_subclass__(cls) -> None:
        cls.made = []

    @classmethod
    def kinds(cls) -> list[str]:
        """Names of the frames that any of them has seen, once each, in order."""
        seen = (type(frame).__name__ for one in cls.made for frame in one.seen)
        return list(dict.fromkeys(seen))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.seen.append(frame)
        await self.push_frame(frame, direction)


def watcher() -> type[Watcher]:
    """Return a class of its own, which remembers no other test's frames."""
    return type("Watcher", (Watcher,), {})


class Doing(FrameProcessor):
    """Does something at the first frame of a kind that comes."""

    def __init__(self, kind: type[Frame], act: Callable[[Doing, Frame], Any]) -> None:
        super().__init__()
        self._kind = kind
        self._act: Callable[[Doing, Frame], Any] | None = act

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if self._act is not None and isinstance(frame, self._kind):
            act, self._act = self._act, None
            if await act(self, frame):
                return
        await self.push_frame(frame, direction)


async def raises(_self: Doing, frame: Frame) -> bool:
    raise RuntimeError(f"cannot take it: {getattr(frame, 'text', '')}")


async def exits(_self: Doing, _frame: Frame) -> bool:
    sys.exit("gone")


async def is_interrupted(_self: Doing, _frame: Frame) -> bool:
    raise KeyboardInterrupt("enough")


async def blocks(_self: Doing, _frame: Frame) -> bool:
    """Lets nobody else run for longer than the tests' limit."""
    time.sleep(0.4)  # noqa: ASYNC251
    return False


async def ends_the_pipeline(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(EndFrame())
    return True


async def cancels_the_pipeline(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(CancelFrame())
    return True


async def forgets_the_text(_self: Doing, frame: Any) -> bool:
    frame.text = None
    return False


async def forgets_the_bytes(_self: Doing, frame: Any) -> bool:
    frame.audio = np.frombuffer(frame.audio, np.int16)
    return False


async def pushes_an_error(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(ErrorFrame("this is wrong"))
    return True


async def reports_an_error(self: Doing, _frame: Frame) -> bool:
    await self.push_error("this is wrong")
    return False


async def hangs(_self: Doing, _frame: Frame) -> bool:
    await asyncio.Event().wait()
    return True


async def pushes_no_frame(self: Doing, _frame: Frame) -> bool:
    await self.push_frame("not a frame")  # type: ignore[arg-type]
    return False


async def pushes_nothing(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(None)  # type: ignore[arg-type]
    return False


async def interrupts(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(InterruptionFrame())
    return False


async def interrupts_upstream(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(InterruptionFrame(), FrameDirection.UPSTREAM)
    return False


async def interrupts_everybody(self: Doing, _frame: Frame) -> bool:
    await self.broadcast_interruption()
    return False


async def asks_for_the_end(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)
    return False


async def writes_words_for_messages(_self: Doing, frame: Any) -> bool:
    frame.context.set_messages("nonsense")
    return False


async def adds_an_object(_self: Doing, frame: Any) -> bool:
    frame.context.add_message({"role": "user", "content": object()})
    return False


async def halves_a_character(_self: Doing, frame: Any) -> bool:
    frame.text = f"half \ud800 {frame.text}"
    return False


async def changes_the_context_late(self: Doing, frame: Any) -> bool:
    await self.push_frame(frame)
    frame.context.set_messages("nonsense")
    return True


async def forgets_the_rate(_self: Doing, frame: Any) -> bool:
    frame.sample_rate = None
    return False


async def writes_khz_for_hz(_self: Doing, frame: Any) -> bool:
    frame.sample_rate = 24
    return False


async def pushes_audio_that_nothing_plays(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(OutputAudioRawFrame(bytes(4800), 24000, 1))
    return False


async def counts_scores_wrong(_self: Doing, frame: Any) -> bool:
    frame.metadata["logprobs"] = [6]
    return False


async def forgets_whose_it_is(_self: Doing, frame: Any) -> bool:
    frame.metadata = None
    return False


async def forgets_the_settings(_self: Doing, frame: Any) -> bool:
    frame.settings = None
    return False


async def counts_wrong(_self: Doing, frame: Any) -> bool:
    frame.usage = 5
    return False


async def speaks(self: Doing, _frame: Frame) -> bool:
    await self.push_frame(TTSSpeakFrame("Let me see."))
    return False


class Unsayable(Exception):
    """Cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("nothing to say")


async def raises_unsayable(_self: Doing, _frame: Frame) -> bool:
    raise Unsayable


async def raises_at_length(_self: Doing, _frame: Frame) -> bool:
    raise ValueError("one\ntwo \x1b[31m api_key=sk-of-somebody-else \ud800 " + "x" * 100_000)


async def catches_its_cancellation(_self: Doing, _frame: Frame) -> bool:
    """Waits for ever, whatever is asked of it."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def awaits_a_cancelled_task(_self: Doing, _frame: Frame) -> bool:
    task = asyncio.create_task(asyncio.sleep(0))
    task.cancel()
    await task
    return True


async def cancels_itself(_self: Doing, _frame: Frame) -> bool:
    """Does what time-outs from before Python 3.11 do, and does not take it back."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    return False


async def cancels_itself_at_last(_self: Doing, _frame: Frame) -> bool:
    """Asks for it as the last that it does."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return False


async def is_cancelled_by_its_time_out(_self: Doing, _frame: Frame) -> bool:
    """Has the loop cancel its task, as a time-out does; and goes on afterwards."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.sleep(0)
    return False


async def spoils_a_sample(_self: Doing, frame: Any) -> bool:
    frame.audio = frame.audio[:-1]
    return False


async def gives_up_generating(_self: Doing, _frame: Frame) -> bool:
    raise GeneratorExit


async def swallows(_self: Doing, _frame: Frame) -> bool:
    return True


async def thinks(_self: Doing, _frame: Frame) -> bool:
    """Takes longer than the stages around it may be silent."""
    await asyncio.sleep(1.6)
    return False


def doing(
    kind: type[Frame], act: Callable[[Doing, Frame], Any], name: str = "Broken"
) -> Callable[[], Doing]:
    """Return what makes a processor, of a class of this name, that does something once."""
    own: type[Doing] = type(name, (Doing,), {})

    def make() -> Doing:
        return own(kind, act)

    return make


class KeepsStart(FrameProcessor):
    """Passes on all but the frame with which everything begins."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, StartFrame):
            await self.push_frame(frame, direction)


class PushesByItself(FrameProcessor):
    """Has a `push_frame` of its own, which makes something else of a kind of frame."""

    def __init__(self, kind: type[Frame] = LLMTextFrame, pushed: Any = "oops") -> None:
        super().__init__()
        self._kind = kind
        self._pushed = pushed

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def push_frame(
        self, frame: Any, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        frame = self._pushed if isinstance(frame, self._kind) else frame
        await super().push_frame(frame, direction)


class Louder(FrameProcessor):
    """Doubles the answer's audio, sample by sample."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            frame.audio = (np.frombuffer(frame.audio, np.int16) * 2).astype("<i2").tobytes()
        await self.push_frame(frame, direction)


class Quiet(BaseAudioFilter):
    """An audio filter of Pipecat's kind: what it hears becomes silence."""

    async def start(self, sample_rate: int) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def process_frame(self, frame: FilterControlFrame) -> None:
        pass

    async def filter(self, audio: bytes) -> bytes:
        return bytes(len(audio))


class Corrected(FrameProcessor):
    """Writes a name as it is spelt, in what the user said."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            frame.text = frame.text.replace("there", "Theresa")
        await self.push_frame(frame, direction)


class Counting(FrameProcessor):
    """Numbers the clauses of the answer: what it remembers is of one answer."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            self._count += 1
            frame.text = f" {self._count}:{frame.text}"
        await self.push_frame(frame, direction)


class Talkative(FrameProcessor):
    """Says something before the model is asked, and something behind the answer."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(TTSSpeakFrame("Let me see."))
        if isinstance(frame, LLMFullResponseEndFrame):
            await self.push_frame(LLMTextFrame(" That is all."))
        await self.push_frame(frame, direction)


class SlowThenFast(ClauseVoice):
    """Takes a second for each word of a clause but the last, which it hurries; and says so."""

    async def speak(self, text: str) -> AsyncGenerator[bytes | WordTimesFrame, None]:
        words = text.split()
        before = [len("".join(words[:n])) for n in range(len(words))]
        yield WordTimesFrame([(count, 1000.0 * n) for n, count in enumerate(before)])
        for _word in words[:-1]:
            yield b"\x10\x10" * 24000
        yield b"\x10\x10" * 2400


class SlowThenFastVoices(TTSProvider):
    """That voice, as the settings name it."""

    label = "slow, then fast"

    def __init__(self, config: TTSConfig) -> None:
        pass

    def create(self, voice: str) -> SlowThenFast:
        return SlowThenFast(voice)


class Unbuildable(FrameProcessor):
    """Lacks something that it needs."""

    def __init__(self) -> None:
        super().__init__()
        raise RuntimeError("the dictionary is\nnot there")


class Exiting(FrameProcessor):
    """Ends the program where it should be built."""

    def __init__(self) -> None:
        super().__init__()
        sys.exit("gone")


class ExitsAtSetup(FrameProcessor):
    """Ends the program where it should be set up, and where it should be cleaned up."""

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        sys.exit("gone")

    async def cleanup(self) -> None:
        await super().cleanup()
        sys.exit("gone")


class EndsInATask(FrameProcessor):
    """Ends the program in a task of asyncio's, of which no guard knows."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMFullResponseEndFrame):
            task = asyncio.create_task(self._end())
            await asyncio.wait([task])
        await self.push_frame(frame, direction)

    async def _end(self) -> None:
        sys.exit("gone")


class HangsAtSetup(FrameProcessor):
    """Is never set up."""

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        await asyncio.Event().wait()


class Unprepared(FrameProcessor):
    """Cannot be set up."""

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        raise ConnectionError("the index cannot be reached")


def no_processor() -> str:
    return "no processor"
