"""What every server event is: a record that knows its name, its name in beta, and its fields.

The events themselves are in `wire/server_events.py`. Here is what they share, and the objects that
several of them carry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, TypedDict

from wire.ids import new_id

WireEvent = dict[str, Any]
"""A server event as the JSON object that a client reads: `type`, `event_id`, then its fields."""

SessionBody = dict[str, Any]
"""A session (§C.1), as `SessionConfig.wire` writes it."""
ItemBody = dict[str, Any]
"""An item (§B), as `Item.wire` writes it."""
ResponseBody = dict[str, Any]
"""A response (§B), as `Response.wire` writes it."""


class ErrorBody(TypedDict):
    """What is wrong; all five keys are always there (§A.0)."""

    type: str
    code: str | None
    message: str
    param: str | None
    event_id: str | None


class FailureBody(TypedDict):
    """Why a provider failed (§B.10)."""

    type: str
    code: str
    message: str


class TextPart(TypedDict):
    """The content part of an answer in writing."""

    type: Literal["text"]
    text: str


class AudioPart(TypedDict):
    """The content part of a spoken answer."""

    type: Literal["audio"]
    transcript: str


class DurationUsage(TypedDict):
    """What a transcript cost: seconds of audio (§C.5)."""

    type: Literal["duration"]
    seconds: float


class RateLimit(TypedDict):
    """One limit of the service."""

    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """What all server events share.

    A subclass with a `type` is the record of an event; its fields are what the event carries, in
    the order in which they are written. One without is what several events have in common.
    """

    type: ClassVar[str]
    """The event's name."""
    section: ClassVar[str]
    """Where `docs/wire.md` has the rules for it."""
    beta: ClassVar[str | None]
    """Its name in the beta dialect, which is the same unless the record says otherwise; None: beta
    has no such event (§B.16)."""
    not_in_beta: ClassVar[tuple[str, ...]] = ()
    """Fields that the event lacks in beta."""

    event_id: str = field(default_factory=partial(new_id, "event"), kw_only=True)
    """The id of this one, minted when the record is made."""

    def __init_subclass__(cls) -> None:
        if "type" in vars(cls) and "beta" not in vars(cls):
            cls.beta = cls.type

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the names of the event's fields, in order, without `type` and `event_id`."""
        # What a pattern matches by position is what the constructor takes by position.
        return cls.__match_args__

    def wire(self) -> WireEvent:
        """Return the event as the object that goes on the wire."""
        written: WireEvent = {"type": self.type, "event_id": self.event_id}
        names: tuple[str, ...] = self.__match_args__
        for name in names:
            written[name] = getattr(self, name)
        return written
