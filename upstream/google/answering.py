"""The answers that one connection makes, one after the other: what comes, and what it cost.

The service ends its turn when it thinks that the sound has been played, and tells only then what it
has counted, and whether it kept something back. So an answer is over in two steps: all of it is
made (`OutputMade`), and then it is known how it ended (`ResponseFinished`). Whoever begins the next
answer before that has an estimate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pybase64
from pipecat.utils.errors import ErrorCategory

from audio.pcm import duration_ms
from providers.links.failures import LinkFailure
from providers.links.link import Event
from session.ports import FinishReason, TokenUsage
from session.reports import AudioMade, OutputMade, ResponseFinished, TextMade
from upstream.generation import UpstreamGeneration
from upstream.google import wire
from upstream.google.conversation import Called, Entry, Said

GRACE_S = 0.5
"""How long more of an answer may come behind its end: words are in no order with the sound."""
LATE_S = 2.0
"""How much later than the end of the sound the end of the service's turn may come."""

FAULTS = ("MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED")
_GOOD = ("TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT")


@dataclass(slots=True)
class Answer:
    """An answer, from its request until it is known what it cost."""

    asked: UpstreamGeneration
    text: str = ""
    half: bytes = b""
    """Half a sample, whose rest comes with the next audio."""
    played_at: float = 0.0
    """When its sound has been played, if that began as soon as it came, by the loop's clock."""
    usage: TokenUsage | None = None
    counted: bool = False
    """Whether `usage` is that of all of it."""
    called: bool = False
    """Whether it called functions."""

    @property
    def id(self) -> str:
        """The `resp_…` id."""
        return self.asked.request.response_id

    @property
    def reason(self) -> FinishReason:
        """Why it ended: that it is cut short is told by its length alone."""
        if self.called:
            return "tool_calls"
        limit = self.asked.request.max_output_tokens
        if limit is None or self.usage is None:
            return "stop"
        media = self.usage.media
        made = self.usage.output_tokens + (media.audio_out if media else 0)
        return "length" if made >= limit else "stop"


class Answering:
    """The answers of one connection."""

    def __init__(
        self, learn: Callable[[Entry], None], rested: Callable[[], Awaitable[None]]
    ) -> None:
        """Start with none.

        Args:
            learn: Told what the service has said: it is a part of its conversation.
            rested: Told when an answer is over.
        """
        self._learn = learn
        self._rested = rested
        self.current: Answer | None = None
        """The answer in the making."""
        self._uncounted: Answer | None = None
        """The last one, all of which has been made, until it is known what it cost."""
        self.tail = False
        """Whether the service has not ended its turn yet, though all of it has come."""
        self._grace: asyncio.TimerHandle | None = None
        self._wait: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def left_s(self) -> float:
        """How long the sound of the answer in the making goes on, in seconds."""
        return 0.0 if self.current is None else _left_s(self.current)

    @property
    def idle(self) -> bool:
        """Whether none is in the making, and nothing more is to be known of the last."""
        return self.current is None and self._uncounted is None

    async def begin(self, asked: UpstreamGeneration) -> None:
        """Make this response next."""
        self.current = Answer(asked)
        await self._end_uncounted()

    def forget(self, asked: UpstreamGeneration) -> None:
        """Nobody wants to know any more what a response cost."""
        if self._uncounted is not None and self._uncounted.asked is asked:
            self._taken()
            self._soon(self._rested)

    def interrupted(self) -> None:
        """The user speaks into the end of the sound: the service ends its turn at once."""
        if self._uncounted is not None:
            self._await_count(GRACE_S)

    # --- what comes -----------------------------------------------------------------------------

    def alive(self) -> None:
        """Note a sign of life of the service."""
        if self.current is not None:
            self.current.asked.alive()

    async def count(self, told: Event, *, last: bool) -> None:
        """Take what the service has counted.

        Args:
            told: Its `usageMetadata`.
            last: Whether it came with the last of an answer.
        """
        if self._uncounted is not None:
            self._uncounted.usage = wire.usage_of(told)
            # Behind calls the service does not end its turn; that of words may tell more.
            if self._uncounted.called:
                await self._end_uncounted()
        # In the tail it counts an answer of which nobody wants to know any more.
        elif self.current is not None and not self._of_before:
            self.current.usage = wire.usage_of(told)
            self.current.counted = last or self.tail

    async def sound(self, data: Event) -> None:
        """Take audio."""
        answer = self.current
        kind = str(data.get("mimeType") or "")
        if answer is None or not kind.startswith("audio/pcm"):
            return
        rate = kind.partition("rate=")[2]
        if rate and rate != str(wire.SPEAKS_RATE):
            raise ValueError(f"audio at {rate} Hz")
        pcm = answer.half + _decoded(data["data"])
        whole = len(pcm) & ~1
        answer.half = pcm[whole:]
        now = asyncio.get_running_loop().time()
        answer.played_at = max(answer.played_at, now) + duration_ms(pcm[:whole]) / 1000
        await answer.asked.take(AudioMade(answer.id, pcm[:whole]))

    async def text(self, text: str) -> None:
        """Take words that it says."""
        answer = self.current
        if answer is not None:
            answer.text += text
            await answer.asked.take(TextMade(answer.id, text))

    def goes_on(self) -> None:
        """The model speaks: what it says is not of the turn before."""
        if self.current is not None:
            self.tail = False
            self._stop_grace()

    def all_came(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """All of an answer has come; `work` is done in a moment, unless the turn ends before."""
        self.tail = True
        if self._grace is None and self._uncounted is None:
            loop = asyncio.get_running_loop()
            self._grace = loop.call_later(GRACE_S, self._grace_over, work)

    async def made(self, calls: Sequence[Called] = ()) -> None:
        """Report an answer as made, and wait for what it cost, if that is not known yet."""
        self._stop_grace()
        answer, self.current = self.current, None
        if answer is None:
            return
        self._remember(answer, calls)
        answer.called = bool(calls)
        if answer.counted and calls:
            await self._finish(answer, answer.reason)
            return
        self._uncounted = answer
        self._await_count(GRACE_S if calls else _left_s(answer) + LATE_S)
        await answer.asked.take(OutputMade(answer.id))

    async def turn_over(self, reason: str | None) -> bool:
        """Take the end of the service's turn.

        Returns:
            Whether another answer than that of the turn is in the making.
        """
        before, self.tail = self._of_before, False
        self._stop_grace()
        if before or self._uncounted is not None:
            answer = self._taken()
        else:
            answer, self.current = self.current, None
            if answer is not None:
                self._remember(answer)
        if answer is not None and reason in FAULTS:
            why = LinkFailure(ErrorCategory.SERVER, f"the model ended for {reason}")
            answer.asked.fail(why, usage=answer.usage)
            await self._rested()
        elif answer is not None:
            good = reason is None or reason in _GOOD
            await self._finish(answer, answer.reason if good else "content_filter")
        return self.current is not None

    async def lost(self, failure: LinkFailure) -> bool:
        """Take the end of the connection.

        Returns:
            Whether an answer was cut short.
        """
        if self._grace is not None:
            await self.made()
        await self._end_uncounted()
        answer, self.current = self.current, None
        if answer is not None:
            answer.asked.fail(failure, usage=answer.usage)
        return answer is not None

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._stop_grace()
        self._taken()

    # --- the end of one -------------------------------------------------------------------------

    @property
    def _of_before(self) -> bool:
        """Whether the turn that the service will end is not that of the answer in the making."""
        return self.tail and self._grace is None

    def _remember(self, answer: Answer, calls: Sequence[Called] = ()) -> None:
        if answer.text.strip():
            self._learn(Said("model", answer.text))
        for call in calls:
            self._learn(call)

    def _await_count(self, limit_s: float) -> None:
        if self._wait is not None:
            self._wait.cancel()
        loop = asyncio.get_running_loop()
        self._wait = loop.call_later(limit_s, self._soon, self._end_uncounted)

    async def _end_uncounted(self) -> None:
        answer = self._taken()
        if answer is not None:
            await self._finish(answer, answer.reason)

    def _taken(self) -> Answer | None:
        answer, self._uncounted = self._uncounted, None
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        return answer

    async def _finish(self, answer: Answer, reason: FinishReason) -> None:
        await answer.asked.take(ResponseFinished(answer.id, reason, answer.usage))
        await self._rested()

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _grace_over(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        due = self._grace

        async def unless_over() -> None:
            # The turn may end, or the model go on, in this very moment.
            if self._grace is due:
                await work()

        self._soon(unless_over)

    def _soon(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _left_s(answer: Answer) -> float:
    return max(0.0, answer.played_at - asyncio.get_running_loop().time())


def _decoded(data: Any) -> bytes:
    """Decode base64 of either alphabet: Google writes and reads both."""
    text = str(data).replace("-", "+").replace("_", "/")
    return pybase64.b64decode(text + "=" * (-len(text) % 4), validate=True)
