"""Smart Turn v3: judges from the sound of a pause whether the turn is over (§C.4).

The model comes with Pipecat and is loaded once per process. One judgement takes about 90 ms of CPU,
so it runs in a thread of its own, which never uses more than a core, and rests for as long as it
had to wait for one. Where many pauses are asked about at once, a late answer is worth nothing: the
next question judged is the one that is due first of those that were not taken back and can still
be answered in time. The pause rule does without.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from audio.pcm import SAMPLE_RATE

CONTEXT_MS = 8000
"""Audio that the model takes: the last 8 s of a turn."""
PATIENCE_S = 0.4
"""Seconds after which an answer is too late: three judgements of others may come before it."""
HOPEFUL = 0.75
"""Share of them that a judgement is believed to take at most, so that one is always tried."""
MOST_WAITING = 32
"""Questions that may wait; of more, those that are due last are not answered."""

Sound = Callable[[], bytes]
"""Returns the last 8 s of a turn, up to the pause: 16-bit PCM at 16 kHz. It runs in the thread."""


class Question:
    """A question about a pause, to be answered in time or not at all."""

    def __init__(self, sound: Sound, due: float, answer: asyncio.Future[float | None]) -> None:
        """Ask.

        Args:
            sound: What is judged.
            due: Time of the event loop, in seconds, after which nobody waits for the answer.
            answer: Gets the probability (0–1) that the turn is over; None: there is none in time.
        """
        self.sound = sound
        self.due = due
        self._answer = answer

    @property
    def open(self) -> bool:
        """Whether it is neither answered nor taken back."""
        return not self._answer.done()

    def answer(self, completeness: float | None) -> None:
        """Answer it, unless that is done."""
        if self.open:
            self._answer.set_result(completeness)

    def fail(self, error: BaseException) -> None:
        """Raise the judge's error where the answer is awaited."""
        if self.open:
            self._answer.set_exception(error)

    def take_back(self) -> None:
        """Speech went on: nobody needs the answer."""
        self.answer(None)

    async def answered(self) -> float | None:
        """Return the answer, at the latest when it is due; None: it did not come in time."""
        loop = asyncio.get_running_loop()
        timer = loop.call_at(self.due, self.take_back)
        try:
            return await self._answer
        finally:
            timer.cancel()


class SmartTurnQueue:
    """Questions of all sessions, judged one after the other in a thread."""

    def __init__(self, judge: Callable[[bytes], float]) -> None:
        """Start without questions.

        Args:
            judge: Returns the probability (0–1) that a turn is over; it runs in the thread.
        """
        self._judge = judge
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="smart-turn")
        self._waiting: list[Question] = []
        self._judged: Question | None = None
        """The question that the thread has."""
        self._takes_s = 0.0
        """Seconds that the last judgement took."""
        self._rest: asyncio.TimerHandle | None = None
        """Until it fires no other is begun."""

    def ask(self, sound: Sound) -> Question:
        """Ask about a pause; a session takes its older question back before."""
        loop = asyncio.get_running_loop()
        question = Question(sound, loop.time() + PATIENCE_S, loop.create_future())
        self._waiting = [waits for waits in self._waiting if waits.open]
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(question)
            self._next()
        else:
            question.answer(None)
        return question

    def close(self) -> None:
        """End the thread."""
        if self._rest is not None:
            self._rest.cancel()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> None:
        """Give the thread the question that is due first, if it is free."""
        if self._judged is not None or self._rest is not None:
            return
        loop = asyncio.get_running_loop()
        while self._waiting:
            # Every question has the same patience, so the first one is due first.
            question = self._waiting.pop(0)
            needed_s = min(self._takes_s, HOPEFUL * PATIENCE_S)
            if question.open and loop.time() + needed_s < question.due:
                self._judged = question
                verdict = loop.run_in_executor(self._thread, self._listen, question.sound)
                verdict.add_done_callback(functools.partial(self._done, question, loop.time()))
                return
            question.answer(None)

    def _listen(self, sound: Sound) -> tuple[float, float]:
        """Return the judgement, and the seconds of CPU that it took."""
        begun = time.thread_time()
        return self._judge(sound()), time.thread_time() - begun

    def _done(
        self, question: Question, begun: float, verdict: asyncio.Future[tuple[float, float]]
    ) -> None:
        self._judged = None
        loop = asyncio.get_running_loop()
        self._takes_s = loop.time() - begun
        if verdict.cancelled():
            question.answer(None)
            return
        error = verdict.exception()
        if error is None:
            completeness, used_s = verdict.result()
            question.answer(completeness)
            # Who has to wait for a core leaves it to the conversations for as long.
            self._rest = loop.call_later(self._takes_s - used_s, self._rested)
        else:
            question.fail(error)
            self._next()

    def _rested(self) -> None:
        self._rest = None
        self._next()


@functools.cache
def _shared_analyzer() -> LocalSmartTurnAnalyzerV3:
    """Return the process's copy of the model; the first call loads it."""
    return LocalSmartTurnAnalyzerV3(sample_rate=SAMPLE_RATE)


class SmartTurnModel:
    """The turn model, shared by all sessions of the process."""

    def __init__(self) -> None:
        self._analyzer = _shared_analyzer()

    def completeness(self, pcm: bytes) -> float:
        """Return the probability (0–1) that the turn is over; takes about 90 ms.

        Args:
            pcm: The last 8 s of the turn, up to the pause that is judged; 16-bit PCM at 16 kHz.
        """
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        verdict: dict[str, Any] = self._analyzer._predict_endpoint(samples)
        return float(verdict["probability"])
