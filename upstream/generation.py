"""One response that an upstream makes: a bounded inbox, time-outs, and the reports.

The connection's reader puts what the service makes into the inbox, and waits while that is full:
a client that reads slowly slows the service, and nothing piles up. The session gets text as it
comes and audio at the pace that it wants (§C.2, `speed`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from answering.whole_characters import WholeCharacters
from audio.time_stretch import TimeStretch
from flow.watchdog import Patience, Watchdog
from providers.base import Provider
from providers.links.failures import LinkFailure, lost
from session.ports import MAX_DELTA_BYTES, ClientRoom, ResponseRequest, TokenUsage
from session.reports import (
    AudioMade,
    OutputMade,
    ResponseFailed,
    ResponseFinished,
    ResponseReport,
    TextMade,
    TokensCounted,
    ToolCallMade,
)
from upstream.failures import told

MAX_WAITING_BYTES = 1024 * 1024
"""Output that waits for the client, some 20 s of speech, beyond which nothing more is read."""

Made = TextMade | ToolCallMade | AudioMade | OutputMade | ResponseFinished
"""What a service makes: audio is 16-bit mono PCM at 24 kHz, at the service's own pace."""


class _Inbox:
    """What waits to be reported; whoever fills it waits while it is full."""

    def __init__(self) -> None:
        self._waiting: deque[Made] = deque()
        self._bytes = 0
        self._moved = asyncio.Event()
        self._closed = False

    async def put(self, piece: Made) -> None:
        while self._bytes > MAX_WAITING_BYTES and not self._closed:
            await self._next_move()
        if self._closed:
            return
        self._waiting.append(piece)
        self._bytes += _size(piece)
        self._moved.set()

    async def get(self) -> Made | None:
        """Return what comes next; None: nothing will."""
        while not self._waiting:
            if self._closed:
                return None
            await self._next_move()
        piece = self._waiting.popleft()
        self._bytes -= _size(piece)
        self._moved.set()
        return piece

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._moved.set()

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()


def _size(piece: Made) -> int:
    match piece:
        case AudioMade(pcm=pcm):
            return len(pcm)
        case TextMade(delta=text) | ToolCallMade(arguments=text):
            return len(text)
        case _:
            return 0


class UpstreamGeneration:
    """One response in the making (`service.Generation`)."""

    def __init__(
        self,
        request: ResponseRequest,
        report: Callable[[ResponseReport], None],
        room: ClientRoom,
        provider: Provider,
        patience: Patience,
        ask: Callable[[UpstreamGeneration], Awaitable[None]],
        give_up: Callable[[UpstreamGeneration, bool], None],
    ) -> None:
        """Prepare.

        Args:
            request: What to generate.
            report: Takes the reports.
            room: The client's back-pressure.
            provider: Named in errors.
            patience: How long the service may be silent.
            ask: Asks the service; raises `LinkFailure`.
            give_up: Told once when nothing more of it is wanted, and whether that is because the
                service was silent.
        """
        self.request = request
        self._report = report
        self._room = room
        self._provider = provider
        self._patience = patience
        self._ask = ask
        self._give_up = give_up
        self._inbox = _Inbox()
        self._watch = Watchdog(self._silent)
        self._stretch = TimeStretch(request.speed)
        self._whole = False
        """Whether all of its output was reported."""
        self._characters = WholeCharacters()
        self._task: asyncio.Task[None] | None = None
        self.over = False
        """Whether nothing more is reported."""

    async def start(self) -> None:
        """Start generating, in the background."""
        self._watch.expect(self._patience.first_s)
        self._task = asyncio.create_task(self._run(), name=f"response {self.request.response_id}")

    async def stop(self) -> None:
        """Stop generating."""
        self._end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def take(self, piece: Made) -> None:
        """Take what the service made; waits while the client is behind."""
        if not self.over:
            self.alive()
            if isinstance(piece, OutputMade):
                # How long the count is waited for is not a matter of patience.
                self._watch.retire()
            await self._inbox.put(piece)

    def alive(self) -> None:
        """Note a sign of life of the service without anything to report."""
        if not self.over:
            self._watch.expect(self._patience.next_s)

    def fail(
        self, failure: LinkFailure, *, silent: bool = False, usage: TokenUsage | None = None
    ) -> None:
        """Report that the service failed; what waits is not reported any more.

        Args:
            failure: Why.
            silent: Whether it said nothing for too long.
            usage: What it has cost all the same, if the service told.
        """
        if not self.over:
            self._end(silent=silent)
            if usage is not None:
                self._report(TokensCounted(self.request.response_id, usage, so_far=True))
            reason = told(self._provider, failure)
            self._report(ResponseFailed(self.request.response_id, reason))

    async def _run(self) -> None:
        try:
            await self._ask(self)
        except LinkFailure as failure:
            self.fail(failure)
            return
        while not self.over:
            piece = await self._inbox.get()
            if piece is None:
                return
            if not self._room.has_room:
                with self._watch.held():
                    await self._room.room()
                if self.over:
                    return
            self._pass_on(piece)
            # A service that is far ahead would otherwise keep the event loop for itself.
            await asyncio.sleep(0)

    def _pass_on(self, piece: Made) -> None:
        match piece:
            case TextMade(delta=delta):
                self._report(replace(piece, delta=self._characters.push(delta)))
            case AudioMade(pcm=pcm):
                self._sound(self._stretch.push(pcm))
            case OutputMade():
                self._flush()
                self._report(piece)
            case ResponseFinished():
                self._flush()
                self.over = True
                self._watch.retire()
                self._report(piece)
            case _:
                self._report(piece)

    def _flush(self) -> None:
        if not self._whole:
            self._whole = True
            self._sound(self._stretch.flush())

    def _sound(self, pcm: bytes) -> None:
        if not self.request.spoken:
            return
        for start in range(0, len(pcm), MAX_DELTA_BYTES):
            piece = pcm[start : start + MAX_DELTA_BYTES]
            self._report(AudioMade(self.request.response_id, piece))

    def _silent(self, limit_s: float) -> None:
        self.fail(lost(f"the service has been silent for {limit_s:g} s"), silent=True)

    def _end(self, *, silent: bool = False) -> None:
        ended, self.over = self.over, True
        self._watch.retire()
        self._inbox.close()
        if not ended:
            self._give_up(self, silent)
