"""Which message of a recording one that comes now corresponds to.

Of those of its type it is the first that is not taken yet and names nothing else; deltas and
appends, which may be cut otherwise, are counted together by what they are part of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from recordings.ids import Ids
from recordings.reading import Row
from recordings.timeline import Message

Lane = tuple[str, ...]
"""What pieces are part of: their type, and the ids and places by which they name it."""
AT_WILL = ("rate_limits.updated",)
"""Events that come when the server wants, and that nobody answers."""
TRANSCRIBED = "conversation.item.input_audio_transcription."
"""What the types begin with of events that tell what was heard."""
_PLACES = ("item_id", "response_id", "output_index", "content_index", "summary_index")


@dataclass(eq=False)
class Joined:
    """The pieces of one part, joined."""

    pieces: list[Message] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is said in them."""
        return "".join(text_of(piece) for piece in self.pieces)

    @property
    def audio_ms(self) -> float:
        """How much audio they have."""
        return sum(piece.audio_ms for piece in self.pieces)


class Pairing:
    """Pairs the messages of one side."""

    def __init__(self, recorded: Iterable[Message], ids: Ids) -> None:
        """Begin with nothing that has come.

        Args:
            recorded: The messages of the side, in order.
            ids: Learns which id is which.
        """
        self.ids = ids
        self.pairs: list[tuple[Message, Message]] = []
        """Recorded and met, in the order in which they came."""
        self.further: list[Message] = []
        """Those that no recorded one corresponds to."""
        self.recorded_lanes: dict[Lane, Joined] = {}
        self.met_lanes: dict[Lane, Joined] = {}
        """The pieces, by what they are part of in the recording."""
        self._open: dict[str, list[Message]] = {}
        for message in recorded:
            if is_piece(message):
                self.recorded_lanes.setdefault(lane(message), Joined()).pieces.append(message)
            else:
                self._open.setdefault(message.type, []).append(message)

    @property
    def missing(self) -> list[Message]:
        """The recorded ones that have not come, but for pieces."""
        return [message for messages in self._open.values() for message in messages]

    def take(self, met: Message) -> Message | None:
        """Take what has come; returns the recorded one, None where there is none or of pieces."""
        if is_piece(met):
            self.met_lanes.setdefault(self.lane(met), Joined()).pieces.append(met)
            return None
        candidates = self._open.get(met.type, [])
        event = met.event or {}
        fitting = [one for one in candidates if self.ids.agree(one.event or {}, event)]
        if not fitting:
            self.further.append(met)
            return None
        found = max(fitting, key=lambda one: self._likeness(one.event or {}, event))
        candidates.remove(found)
        self.ids.learn(found.event or {}, event)
        self.pairs.append((found, met))
        return found

    def lane(self, met: Message) -> Lane:
        """Return what a piece that has come is part of in the recording."""
        return lane(met, self.ids.recorded(met.event))

    def _likeness(self, recorded: Row, met: Row) -> tuple[int, int]:
        """Return how much one speaks for it; of those for which as much does it is the first."""
        return self.ids.common(recorded, met), sum(
            one == other for one, other in zip(_marks(recorded), _marks(met), strict=True)
        )


def _marks(event: Row) -> list[object]:
    """Return what tells events of a type apart that name nothing known yet."""
    inner = [event.get(name) for name in ("item", "error", "part", "response")]
    names = ("type", "role", "name", "code", "status")
    marks = [one.get(name) if isinstance(one, dict) else None for one in inner for name in names]
    settings = event.get("session")
    # What a client sets tells one of its updates from another.
    return [*marks, sorted(settings) if isinstance(settings, dict) else None]


def is_piece(message: Message) -> bool:
    """Return whether it is a part of something that may be cut otherwise."""
    return message.carries_audio or message.type.endswith(".delta")


def lane(message: Message, event: Row | None = None) -> Lane:
    """Return what a piece is part of.

    Args:
        message: The piece.
        event: Its event with the ids of the recording; None: it has them.
    """
    event = (message.event if event is None else event) or {}
    places = (str(event[name]) for name in _PLACES if name in event)
    return (message.type, *places)


def response_of(event: Row) -> str:
    """Return the id of the response that an event is about; empty: none."""
    response = event.get("response")
    inner = response.get("id") if isinstance(response, dict) else None
    return str(event.get("response_id") or inner or "")


def item_of(event: Row) -> str:
    """Return the id of the item that an event is about; empty: none."""
    item = event.get("item")
    inner = item.get("id") if isinstance(item, dict) else None
    return str(event.get("item_id") or inner or "")


def text_of(piece: Message) -> str:
    """Return what is said in a piece of text."""
    said = (piece.event or {}).get("delta")
    return said if isinstance(said, str) else ""
