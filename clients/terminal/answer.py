"""The state of one response of the server, from the request until it has been played."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Cut(NamedTuple):
    """An item of an interrupted answer, and the ms of it that were played; None: no audio."""

    item_id: str
    heard_ms: int | None


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
    sounds: dict[str, bool] = field(default_factory=dict)
    """Its items in order of appearance → whether they have audio."""

    def note(self, item_id: str, sound: bool = False) -> None:
        """Note that content of an item has arrived."""
        self.sounds[item_id] = sound or self.sounds.get(item_id, False)

    def interrupt(self, playing: str | None, played_ms: float) -> list[Cut]:
        """End the answer, and return its items that were not played to the end.

        Args:
            playing: Id of the item that is playing; None: all audio received so far was played.
            played_ms: Milliseconds of that item that were played.

        Returns:
            The items that were cut short; empty if all was played.
        """
        items = list(self.sounds)
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
            audible = playing is not None and self.sounds[item_id]
            cuts.append(Cut(item_id, heard_ms if audible else None))
        return cuts
