"""The base of all server events: a record with a name, a beta name and fields.

The events themselves are in `wire/session_events.py` and `wire/response_events.py`; here is their
base class, and the objects that several of them carry.
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
    """The `error` of an `error` event; all five keys are always there (§A.0)."""

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
    """The content part of a text message of the assistant."""

    type: Literal["text"]
    text: str


class AudioPart(TypedDict):
    """The content part of a spoken message of the assistant."""

    type: Literal["audio"]
    transcript: str


class DurationUsage(TypedDict):
    """Usage of a transcription: seconds of audio (§C.5)."""

    type: Literal["duration"]
    seconds: float


class RateLimit(TypedDict):
    """One rate limit, as `rate_limits.updated` lists it."""

    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """The base of all server events.

    A subclass with a `type` is the record of an event; its fields are the event's, in the order in
    which they are written. A subclass without one is a base of several events.
    """

    type: ClassVar[str]
    """The event's name."""
    section: ClassVar[str]
    """The section of `docs/wire.md` with its rules."""
    beta: ClassVar[str | None]
    """Its name in the beta dialect, by default the same; None: beta has no such event (§B.16)."""

    event_id: str = field(default_factory=partial(new_id, "event"), kw_only=True)
    """The event's id, minted when the record is made."""

    def __init_subclass__(cls) -> None:
        if "type" in vars(cls) and "beta" not in vars(cls):
            cls.beta = cls.type

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the names of the event's fields, in order, without `type` and `event_id`."""
        # The positional fields; `event_id` is keyword-only, and so not among them.
        return cls.__match_args__

    def wire(self) -> WireEvent:
        """Return the event as the object that goes on the wire."""
        written: WireEvent = {"type": self.type, "event_id": self.event_id}
        names: tuple[str, ...] = self.__match_args__
        for name in names:
            written[name] = getattr(self, name)
        return written
