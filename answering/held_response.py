"""Speculation: a response that is generated before its turn is known to be over.

At a short pause the turn is probably over. Its response is started at once and held back; when the
turn ends it is released to the client, otherwise it is discarded. It is used only if its request
equals the real one, but for the silence behind a turn that the model hears.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from audio.clip import Clip
from session.ports import MAX_DELTA_BYTES, ClientRoom, FailureReason, ResponseRequest
from session.reports import AudioMade, ResponseFailed, ResponseReport, TextMade, ToolCallMade

MAX_HELD_BYTES = 2 * 1024 * 1024
"""Most output that is held, about 40 s of speech; beyond it, the pipeline waits."""

Take = Callable[[ResponseReport], None]
Messages = list[dict[str, Any]]


class HeldResponse:
    """Holds the reports of a response's pipeline until its release.

    It is the pipeline's `session.ports.ClientRoom`: bounded by its own size before the release, by
    the client afterwards.
    """

    def __init__(
        self,
        request: ResponseRequest,
        client: ClientRoom,
        on_failure: Callable[[FailureReason], None],
    ) -> None:
        """Hold the response to `request`.

        Args:
            request: The request that is being generated.
            client: The client's back-pressure, from the release on.
            on_failure: Takes a failure before the release, which is not reported otherwise: the
                response is then generated anew.
        """
        self._request = request
        self._client = client
        self._on_failure = on_failure
        self._kept: deque[ResponseReport] = deque()
        self._bytes = 0
        """Size of the text and audio that were held."""
        self._left = asyncio.Event()
        """Set at the release."""
        self._failed = False
        self._released: tuple[Take, str] | None = None

    def answers(self, request: ResponseRequest) -> bool:
        """Return whether this is the response to `request`, and has not failed."""
        own, messages = self._request, request.messages
        same = replace(own, response_id=request.response_id, messages=messages) == request
        return same and _same_messages(own.messages, messages) and not self._failed

    async def release(self, take: Take, response_id: str) -> None:
        """Pass on all held reports, and from now on every new one, as those of `response_id`.

        It yields to the event loop after each, so that the first is sent before the last is taken.
        """
        while self._kept:
            take(replace(self._kept.popleft(), response_id=response_id))
            await asyncio.sleep(0)
        self._released = take, response_id
        self._left.set()

    @property
    def has_room(self) -> bool:
        """Whether more output may be made now."""
        if self._released is not None:
            return self._client.has_room
        return self._bytes <= MAX_HELD_BYTES

    async def room(self) -> None:
        """Wait until more output may be made."""
        if not self.has_room:
            await self._left.wait()
        if self._released is not None:
            await self._client.room()

    def report(self, report: ResponseReport) -> None:
        """Hold a report or, after the release, pass it on."""
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
                # Fewer, longer audio deltas are cheaper.
                if isinstance(last, AudioMade) and len(last.pcm) + len(pcm) <= MAX_DELTA_BYTES:
                    self._kept[-1] = AudioMade(last.response_id, last.pcm + pcm)
                    return
        self._kept.append(report)


def _same_messages(held: Messages, wanted: Messages) -> bool:
    """Return whether two conversations are the same, but for the silence behind a turn."""
    return len(held) == len(wanted) and all(map(_same_message, held, wanted))


def _same_message(held: dict[str, Any], wanted: dict[str, Any]) -> bool:
    one, other = held.get("content"), wanted.get("content")
    if not (isinstance(one, list) and isinstance(other, list)):
        return held == wanted
    rest = {**held, "content": None} == {**wanted, "content": None}
    return rest and len(one) == len(other) and all(map(_same_part, one, other))


def _same_part(held: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if "clip" not in held or "clip" not in wanted:
        return held == wanted
    heard: Clip = held["clip"]
    whole: Clip = wanted["clip"]
    # Had anybody spoken on, the response would have been dropped.
    same = (held["item_id"], replace(heard, audio=b"")) == (
        wanted["item_id"],
        replace(whole, audio=b""),
    )
    # At the pause, a little more may have been appended than the turn has: it ends on the grid.
    return same and (whole.audio.startswith(heard.audio) or heard.audio.startswith(whole.audio))
