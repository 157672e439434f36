"""One answer of the server, from the question until it is heard: what of it counts, what is cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Cut(NamedTuple):
    """An item of an interrupted answer, and how much of its sound was heard; None: it has none."""

    item_id: str
    heard_ms: int | None


@dataclass(slots=True)
class Answer:
    """An answer that was asked for, is under way, or is done and perhaps still playing."""

    asked_at: float | None
    """When the question ended, by `time.perf_counter`; None: there was no question."""
    since: Literal["end of speech", "sending"]
    request_id: str = ""
    """Event id of the response.create; "" if the server answers by itself."""
    response_id: str = ""
    """"" until the server has begun."""
    done: bool = False
    interrupted: bool = False
    began: bool = False
    """Whether its latency is known."""
    sounds: dict[str, bool] = field(default_factory=dict)
    """Items of it in order of appearance, and whether they have sound."""

    def note(self, item_id: str, sound: bool = False) -> None:
        """Something of an item has come."""
        self.sounds[item_id] = sound or self.sounds.get(item_id, False)

    def interrupt(self, playing: str | None, played_ms: float) -> list[Cut]:
        """End it, and say what was not or not entirely heard.

        Args:
            playing: The item that sounds; None: all sound that has come was heard.
            played_ms: How much of that item was heard.

        Returns:
            The items that were cut short, none if it was heard to the end.
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
