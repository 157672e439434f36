"""A response that is generated before it is known whether anybody will want it.

At a short pause the turn is probably over. Its answer is begun at once and kept back; when the
turn is confirmed it goes to the client as if it had been asked for then, and otherwise nobody ever
hears of it. It is used only if the request it was made for is, to the letter, the real one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from session.ports import (
    MAX_DELTA_BYTES,
    ClientRoom,
    FinishReason,
    PipelineSignals,
    ProviderError,
    ResponseRequest,
    TokenUsage,
)

MAX_HELD_BYTES = 2 * 1024 * 1024
"""Some 40 s of speech: what is begun early waits when there is more."""

_Report = Callable[[PipelineSignals, str], None]


@dataclass(slots=True)
class _Audio:
    """A report of audio, which grows while it is kept: fewer and longer deltas cost less."""

    pcm: bytes

    def __call__(self, signals: PipelineSignals, response_id: str) -> None:
        """Report it."""
        signals.audio(response_id, self.pcm)


class HeldResponse:
    """Keeps what a response's pipeline reports (`generation.PipelineSignals`) until its release.

    Until then it stands for the client's room as well (`generation.ClientRoom`).
    """

    def __init__(
        self,
        request: ResponseRequest,
        client: ClientRoom,
        on_failure: Callable[[ProviderError], None],
    ) -> None:
        """Keep back the response to `request`.

        Args:
            request: What is generated.
            client: How far behind the client is, which counts from the release on.
            on_failure: Told of a failure that nobody else will hear of: a response that is wanted
                after it is generated anew.
        """
        self._request = request
        self._client = client
        self._on_failure = on_failure
        self._kept: deque[_Report] = deque()
        self._bytes = 0
        """Of words and audio that are kept."""
        self._left = asyncio.Event()
        """Set when nothing is kept any more."""
        self._failed = False
        self._released: tuple[PipelineSignals, str] | None = None

    def answers(self, request: ResponseRequest) -> bool:
        """Return whether this is what `request` asks for; a failed one is worth another try."""
        own = replace(self._request, response_id=request.response_id)
        return own == request and not self._failed

    async def release(self, signals: PipelineSignals, response_id: str) -> None:
        """Report all that has been made, and from now on what is made, as `response_id`.

        One thing after the other: the first is on its way, and others had their turn, before the
        last is written.
        """
        while self._kept:
            self._kept.popleft()(signals, response_id)
            await asyncio.sleep(0)
        self._released = signals, response_id
        self._left.set()

    @property
    def has_room(self) -> bool:
        """Whether more may be made."""
        if self._released is not None:
            return self._client.has_room
        return self._bytes <= MAX_HELD_BYTES

    async def room(self) -> None:
        """Wait until there is room."""
        if not self.has_room:
            await self._left.wait()
        if self._released is not None:
            await self._client.room()

    def text(self, _response_id: str, delta: str) -> None:
        """The model wrote `delta`."""
        self._bytes += len(delta)
        self._report(lambda signals, response_id: signals.text(response_id, delta))

    def tool_call(
        self, _response_id: str, index: int, call_id: str, name: str, arguments: str
    ) -> None:
        """The model continued a tool call."""
        self._bytes += len(arguments)
        self._report(
            lambda signals, response_id: signals.tool_call(
                response_id, index, call_id, name, arguments
            )
        )

    def speaking(self, _response_id: str, text: str) -> None:
        """The audio that follows speaks `text`."""
        self._report(lambda signals, response_id: signals.speaking(response_id, text))

    def audio(self, _response_id: str, pcm: bytes) -> None:
        """The voice made audio."""
        self._bytes += len(pcm)
        last = self._kept[-1] if self._kept else None
        if isinstance(last, _Audio) and len(last.pcm) + len(pcm) <= MAX_DELTA_BYTES:
            last.pcm += pcm
        else:
            self._report(_Audio(pcm))

    def finished(self, _response_id: str, reason: FinishReason, usage: TokenUsage | None) -> None:
        """All of it has been made."""
        self._report(lambda signals, response_id: signals.finished(response_id, reason, usage))

    def failed(self, _response_id: str, error: ProviderError) -> None:
        """A stage failed."""
        self._failed = True
        if self._released is None:
            self._on_failure(error)
        self._report(lambda signals, response_id: signals.failed(response_id, error))

    def _report(self, report: _Report) -> None:
        if self._released is None:
            self._kept.append(report)
        else:
            report(*self._released)
