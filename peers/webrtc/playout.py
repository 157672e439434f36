"""The queue of audio to a client, as its loudspeaker takes it: 20 ms every 20 ms; pure.

Only here is known what has been played: positions are absolute in each item and stay right when
more of the item follows later, when a barge-in drops the queue, and when frames hold the end of one
item and the beginning of the next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from peers.webrtc.opus import FRAME_BYTES, RATE

HIGH_WATER_S = 60
"""Seconds of audio in the queue above which there is no room."""
_BYTES_PER_MS = 2 * RATE // 1000
_REMEMBERED = 64
"""Items whose position is kept, in case more of them follows."""


@dataclass(frozen=True, slots=True)
class Started:
    """The first frame of a response leaves."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Drained:
    """All audio of a response that was queued has been played."""

    response_id: str


@dataclass(slots=True)
class _Piece:
    response_id: str
    item_id: str
    pcm: bytes
    at: int = 0
    """Bytes that have been played."""


@dataclass(slots=True)
class _Open:
    """A response whose end has not been played."""

    items: dict[str, None] = field(default_factory=dict)
    pieces: int = 0
    """How many of its pieces are in the queue."""


class Playout:
    """The queue of one client."""

    def __init__(self) -> None:
        self._queue: deque[_Piece] = deque()
        self._queued = 0
        """Bytes in the queue."""
        self._played: dict[str, int] = {}
        """Item → bytes of it that have been played, oldest first."""
        self._open: dict[str, _Open] = {}
        """Responses whose end has not been played."""
        self._started: deque[str] = deque(maxlen=_REMEMBERED)
        """Responses that have begun."""
        self._reports: list[Started | Drained] = []

    @property
    def queued_ms(self) -> float:
        """Milliseconds that wait to be played."""
        return self._queued / _BYTES_PER_MS

    @property
    def has_room(self) -> bool:
        """Whether less than a minute is queued."""
        return self._queued <= HIGH_WATER_S * 1000 * _BYTES_PER_MS

    @property
    def has_frame(self) -> bool:
        """Whether a whole frame is queued."""
        return self._queued >= FRAME_BYTES

    def put(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Queue audio of an item, 24 kHz 16-bit mono."""
        if not pcm:
            return
        self._queue.append(_Piece(response_id, item_id, pcm))
        self._queued += len(pcm)
        response = self._open.setdefault(response_id, _Open())
        response.items[item_id] = None
        response.pieces += 1
        if item_id not in self._played:
            self._played[item_id] = 0
            if len(self._played) > _REMEMBERED:
                self._forget()

    def next_frame(self) -> bytes | None:
        """Return the next 20 ms, filled up with silence where the queue ends; None: it is empty.

        Of a response whose last audio was in the frame before, `reports` has that it is drained.
        """
        if self._open:
            self._report_drained()
        if not self._queue:
            return None
        parts: list[bytes] = []
        wanted = FRAME_BYTES
        while wanted and self._queue:
            piece = self._queue[0]
            if piece.response_id not in self._started:
                # The end of the one before is in this frame, and was heard before.
                self._report_drained()
                self._started.append(piece.response_id)
                self._reports.append(Started(piece.response_id))
            part = piece.pcm[piece.at : piece.at + wanted]
            parts.append(part)
            piece.at += len(part)
            wanted -= len(part)
            self._queued -= len(part)
            self._played[piece.item_id] += len(part)
            if piece.at == len(piece.pcm):
                self._queue.popleft()
                self._open[piece.response_id].pieces -= 1
        return b"".join(parts) if not wanted else b"".join(parts) + bytes(wanted)

    def silence(self) -> None:
        """Drop what is queued; nothing is reported about it any more."""
        self._queue.clear()
        self._queued = 0
        self._open.clear()
        self._reports.clear()

    def played(self) -> dict[str, float]:
        """Return item → ms played, of all items of responses whose end has not been played."""
        return {
            item_id: self._played[item_id] / _BYTES_PER_MS
            for response in self._open.values()
            for item_id in response.items
        }

    def reports(self) -> list[Started | Drained]:
        """Return what has begun and ended since the last call."""
        if not self._reports:
            return []
        reports, self._reports = self._reports, []
        return reports

    def _report_drained(self) -> None:
        for response_id in [one for one, response in self._open.items() if not response.pieces]:
            del self._open[response_id]
            self._reports.append(Drained(response_id))

    def _forget(self) -> None:
        """Forget the oldest item that is not playing."""
        playing = {item_id for response in self._open.values() for item_id in response.items}
        for item_id in self._played:
            if item_id not in playing:
                del self._played[item_id]
                return
