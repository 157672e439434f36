"""The state of one response of the server, from the request until it has been played."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from clients.terminal.heard import PACE, Said


class Cut(NamedTuple):
    """An item of an interrupted answer: how much of it was heard."""

    item_id: str
    heard_ms: int | None
    """Milliseconds that were played; None: no audio."""
    heard: int
    """Characters of its words, as far as can be estimated."""


@dataclass(slots=True)
class Answer:
    """An answer that is requested, in progress, or done and perhaps still playing."""

    asked_at: float | None
    """When the user's turn ended, by `time.perf_counter`; None: there was none."""
    since: Literal["end of speech", "sending"]
    request_id: str = ""
    """Event id of the response.create; "" if the server answers by itself."""
    response_id: str = ""
    """Response id; "" until `response.created`."""
    done: bool = False
    interrupted: bool = False
    began: bool = False
    """Whether its latency has been measured."""
    items: dict[str, Said] = field(default_factory=dict)
    """What has arrived of its items, in order of appearance."""

    def note_words(self, item_id: str, words: str, spoken: bool) -> None:
        """Note that words of an item have arrived."""
        item = self.items.setdefault(item_id, Said())
        item.words += words
        item.spoken = spoken

    def note_sound(self, item_id: str, ms: float) -> None:
        """Note that sound of an item has arrived."""
        self.items.setdefault(item_id, Said()).sound_ms += ms

    def note_end_of_sound(self, item_id: str) -> float | None:
        """Note that all the sound of an item has arrived, and return its pace, if it tells one."""
        item = self.items.setdefault(item_id, Said())
        item.complete = True
        return item.pace

    def interrupt(self, playing: str | None, played_ms: float, pace: float = PACE) -> list[Cut]:
        """End the answer, and return its items that were not played to the end.

        Args:
            playing: Id of the item that is playing; None: all audio received so far was played.
            played_ms: Milliseconds of that item that were played.
            pace: Letters that the voice speaks in a second.

        Returns:
            The items that were cut short; empty if all was played.
        """
        items = list(self.items)
        if playing is not None:
            items = items[items.index(playing) :] if playing in items else items
        elif not self.done:
            items = items[-1:]
        else:
            return []
        self.interrupted = True
        cuts = []
        for item_id in items:
            heard_ms = int(played_ms) if item_id == playing else 0
            item = self.items[item_id]
            if playing is None:  # what has arrived of it was played
                cuts.append(Cut(item_id, None, item.heard(item.sound_ms, pace)))
            else:
                cuts.append(
                    Cut(item_id, heard_ms if item.sound_ms else None, item.heard(heard_ms, pace))
                )
        return cuts
