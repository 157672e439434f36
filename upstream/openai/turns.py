"""The turns that a Realtime service was given: what it calls them, and which transcripts will come.

The service names the item of a turn only after the turn was committed, in the order of the commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from providers.links.failures import LinkFailure
from providers.links.link import Event
from providers.links.realtime_link import RealtimeLink


@dataclass(slots=True, eq=False)
class Transcribing:
    """How the service was told to transcribe the turns from here on."""

    wanted: Event
    event_id: str
    """Of the event that told it so."""
    refusal: LinkFailure | None = None
    """Why it does not; None: nobody said that it does not."""


KEPT_ITEMS = 16
"""Turns that the service keeps the audio of; older ones are read by their transcripts."""


@dataclass(slots=True)
class OpenTurn:
    """The turn in the service's buffer."""

    recognition_id: str
    link: RealtimeLink
    """The connection that has its audio."""
    sent: int = 0
    """Bytes of it that are there."""


@dataclass(slots=True)
class CommittedTurn:
    """A committed turn."""

    recognition_id: str
    item_id: str
    link: RealtimeLink
    transcribing: Transcribing
    known: asyncio.Future[str | None]
    """The service's id of its item; None: it never got one."""
    due: asyncio.TimerHandle | None = None
    """When its transcript is given up; None: none is wanted any more."""
    text: str = ""
    """The transcript so far."""

    def settle(self) -> None:
        """Wait for no transcript any more."""
        if self.due is not None:
            self.due.cancel()
            self.due = None


class CommittedTurns:
    """The committed turns of one session."""

    def __init__(self) -> None:
        """Start with none."""
        self._unnamed: deque[tuple[str, CommittedTurn]] = deque()
        """Turns whose item is not named yet, by the event that committed each, in order."""
        self._by_name: dict[str, CommittedTurn] = {}
        """By the service's id of the item, the oldest first."""
        self._by_item: dict[str, CommittedTurn] = {}
        """By our own id."""

    @property
    def any_due(self) -> bool:
        """Whether a transcript is still to come."""
        return any(turn.due is not None for turn in self._by_item.values())

    def add(self, turn: CommittedTurn, event_id: str) -> None:
        """Take a turn that is committed by the event `event_id`."""
        self._unnamed.append((event_id, turn))
        self._by_item[turn.item_id] = turn

    def of_item(self, item_id: str) -> CommittedTurn | None:
        """Return the turn by our own id of its item; None: the service does not have it."""
        return self._by_item.get(item_id)

    def of_name(self, name: str) -> CommittedTurn | None:
        """Return the turn by the service's id of its item; None: it is forgotten."""
        return self._by_name.get(name)

    def transcribed_by(self, event_id: object) -> list[CommittedTurn]:
        """Return the turns that are to be transcribed as this event of ours asked for."""
        return [one for one in self._by_item.values() if one.transcribing.event_id == event_id]

    def recognised(self, recognition_id: str) -> list[CommittedTurn]:
        """Return the turns of one recognition."""
        return [one for one in self._by_item.values() if one.recognition_id == recognition_id]

    def named(self, name: str) -> None:
        """Take the service's id of the next item; beyond `KEPT_ITEMS`, forget the oldest."""
        if not self._unnamed:
            return
        _event_id, turn = self._unnamed.popleft()
        turn.known.set_result(name)
        if self._by_item.get(turn.item_id) is not turn:
            self.forget(turn)
            return
        self._by_name[name] = turn
        while len(self._by_name) > KEPT_ITEMS:
            oldest = next(iter(self._by_name.values()))
            if oldest.due is not None:
                break
            self.forget(oldest)

    def refused(self, event_id: object) -> CommittedTurn | None:
        """Return the turn whose commit the service refused; None: the event was another."""
        for entry in list(self._unnamed):
            if entry[0] == event_id:
                self._unnamed.remove(entry)
                turn = entry[1]
                turn.known.set_result(None)
                self._by_item.pop(turn.item_id, None)
                return turn
        return None

    def forget(self, turn: CommittedTurn) -> None:
        """Let the service delete a turn's item, once it has a name."""
        if self._by_item.get(turn.item_id) is turn:
            del self._by_item[turn.item_id]
        if turn.known.done() and (name := turn.known.result()) is not None:
            self._by_name.pop(name, None)
            turn.link.send_soon({"type": "conversation.item.delete", "item_id": name})

    def lose(self, link: RealtimeLink) -> list[CommittedTurn]:
        """Forget the turns that only a connection has which is over; return them."""
        turns = [turn for turn in self._by_item.values() if turn.link is link]
        for turn in turns:
            del self._by_item[turn.item_id]
            if not turn.known.done():
                turn.known.set_result(None)
        self._by_name = {name: one for name, one in self._by_name.items() if one.link is not link}
        self._unnamed = deque(entry for entry in self._unnamed if entry[1].link is not link)
        return turns

    def settle(self) -> None:
        """Wait for no transcripts any more: the session is over."""
        for turn in self._by_item.values():
            turn.settle()
