"""What a message waits for before it is sent: all that the other side had said before it.

By kind and count, not by time: the second answer that is done, so much audio, such a text. What is
given up on is not waited for again, nor what cannot come any more because its response is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from recordings.ids import Ids
from recordings.pairing import AT_WILL, Lane, Pairing, is_piece, lane, text_of
from recordings.timeline import Message, Side


class Waiting:
    """What has come of one side, and what a message of the other still waits for."""

    def __init__(self, messages: Sequence[Message], side: Side, ids: Ids, *, amounts: bool) -> None:
        """Begin with nothing that has come.

        Args:
            messages: The recorded ones, of both sides, in order.
            side: The side that is waited for.
            ids: Learns which id is which.
            amounts: Whether as much text and audio has to come as had come before; otherwise the
                beginning of each part does.
        """
        awaited = [(at, one) for at, one in enumerate(messages) if one.side == side]
        self.pairing = Pairing((one for _at, one in awaited), ids)
        self._outstanding: dict[Message, int] = {}
        """Message → its place among those of both sides."""
        self._amounts: dict[Message, float] = {}
        """Piece → how much of its part there is with it, in characters or ms."""
        self._of_lane: dict[Lane, list[Message]] = {}
        self._came: dict[Lane, float] = {}
        self._places: list[tuple[int, float, float]] = []
        """Of what has come: its place, when it had come in the recording, and when now."""
        told: dict[Lane, float] = {}
        for at, one in awaited:
            if not is_piece(one):
                if one.type not in AT_WILL:
                    self._outstanding[one] = at
                continue
            part = lane(one)
            if part in told and not amounts:
                continue
            told[part] = self._amounts[one] = told.get(part, 0.0) + _amount(one)
            if not amounts:
                self._amounts[one] = 0.0
            self._of_lane.setdefault(part, []).append(one)
            self._outstanding[one] = at

    def came(self, met: Message) -> None:
        """Take a message that has come."""
        if is_piece(met):
            part = self.pairing.lane(met)
            self.pairing.take(met)
            came = self._came[part] = self._came.get(part, 0.0) + _amount(met)
            pieces = self._of_lane.get(part, [])
            while pieces and self._amounts[pieces[0]] <= came + 0.5:
                self._settle(pieces.pop(0), met.ms)
            return
        found = self.pairing.take(met)
        if found is None:
            return
        self._settle(found, met.ms)
        self._close(found)

    @property
    def complete(self) -> bool:
        """Whether nothing is to come any more."""
        return not self._outstanding

    def lacking(self, before: int) -> list[Message]:
        """Return what has not come of that which had come before a place in the recording."""
        lacking: list[Message] = []
        for one, at in self._outstanding.items():
            if at >= before:
                break
            lacking.append(one)
        return lacking

    def give_up(self, messages: Sequence[Message]) -> None:
        """Wait for these no longer."""
        for one in messages:
            self._outstanding.pop(one, None)

    def anchor(self, before: int) -> tuple[float, float]:
        """Return when the last one before a place had come: in the recording, and now."""
        known = [place for place in self._places if place[0] < before]
        if not known:
            return 0.0, 0.0
        _at, recorded, now = max(known)
        return recorded, now

    def _settle(self, recorded: Message, now_ms: float) -> None:
        at = self._outstanding.pop(recorded, None)
        if at is not None:
            self._places.append((at, recorded.ms, now_ms))

    def _close(self, recorded: Message) -> None:
        """Wait no longer for pieces of what is complete, nor for events of an answer that is."""
        event = recorded.event or {}
        if recorded.type == "response.done":
            response_id = (event.get("response") or {}).get("id")
            gone = [
                one
                for one in self._outstanding
                if (one.event or {}).get("response_id") == response_id
            ]
            self.give_up(gone)
        elif recorded.type.endswith((".done", ".completed")):
            kind = recorded.type.rpartition(".")[0] + ".delta"
            self.give_up(self._of_lane.pop(lane_of(kind, recorded), []))


def lane_of(kind: str, message: Message) -> Lane:
    """Return the lane of the deltas that an event completes."""
    return (kind, *lane(message)[1:])


def _amount(piece: Message) -> float:
    return piece.audio_ms if piece.carries_audio else float(len(text_of(piece)))
