"""A response that is generated before it is known whether anybody will want it.

At a short pause the turn is probably over. Its answer is begun at once and kept back; when the
turn is confirmed it goes to the client as if it had been asked for then, and otherwise nobody ever
hears of it. It is used only if the request it was made for is, to the letter, the real one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from session.ports import MAX_DELTA_BYTES, ClientRoom, FailureReason, ResponseRequest
from session.reports import AudioMade, ResponseFailed, ResponseReport, TextMade, ToolCallMade

MAX_HELD_BYTES = 2 * 1024 * 1024
"""Some 40 s of speech: what is begun early waits when there is more."""

Take = Callable[[ResponseReport], None]


class HeldResponse:
    """Keeps what a response's pipeline reports until its release.

    Until then it stands for the client's room as well (`session.ports.ClientRoom`).
    """

    def __init__(
        self,
        request: ResponseRequest,
        client: ClientRoom,
        on_failure: Callable[[FailureReason], None],
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
        self._kept: deque[ResponseReport] = deque()
        self._bytes = 0
        """Of words and audio that are kept."""
        self._left = asyncio.Event()
        """Set when nothing is kept any more."""
        self._failed = False
        self._released: tuple[Take, str] | None = None

    def answers(self, request: ResponseRequest) -> bool:
        """Return whether this is what `request` asks for; a failed one is worth another try."""
        own = replace(self._request, response_id=request.response_id)
        return own == request and not self._failed

    async def release(self, take: Take, response_id: str) -> None:
        """Report all that has been made, and from now on what is made, as `response_id`.

        One thing after the other: the first is on its way, and others had their turn, before the
        last is written.
        """
        while self._kept:
            take(replace(self._kept.popleft(), response_id=response_id))
            await asyncio.sleep(0)
        self._released = take, response_id
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

    def report(self, report: ResponseReport) -> None:
        """Keep a report, or pass it on."""
        if isinstance(report, ResponseFailed):
            self._failed = True
            if self._released is None:
                self._on_failure(report.error)
        if self._released is None:
            self._keep(report)
        else:
            take, response_id = self._released
            take(replace(report, response_id=response_id))

    def _keep(self, report: ResponseReport) -> None:
        match report:
            case TextMade(delta=delta):
                self._bytes += len(delta)
            case ToolCallMade(arguments=arguments):
                self._bytes += len(arguments)
            case AudioMade(pcm=pcm):
                self._bytes += len(pcm)
                last = self._kept[-1] if self._kept else None
                # Fewer and longer deltas cost less.
                if isinstance(last, AudioMade) and len(last.pcm) + len(pcm) <= MAX_DELTA_BYTES:
                    self._kept[-1] = AudioMade(last.response_id, last.pcm + pcm)
                    return
        self._kept.append(report)
