"""Events that a server under test has seen, and what may be asserted of them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

Sender = Literal["client", "server"]
MOST_SHOWN = 300
"""Characters of an event that are shown."""


class Event(dict[str, Any]):
    """An event as it was on the wire, but for audio: in its place is `{"bytes": …}`."""

    def __init__(self, event: dict[str, Any], sender: Sender, session: str, t_ms: float) -> None:
        """Keep an event.

        Args:
            event: The event.
            sender: Who sent it.
            session: The session's id.
            t_ms: Milliseconds since that began.
        """
        super().__init__(event)
        self.sender = sender
        self.session = session
        self.t_ms = t_ms

    @property
    def type(self) -> str | None:
        """Its type; None: the client sent something that is no event."""
        return self.get("type")

    def __repr__(self) -> str:
        text = json.dumps(self, ensure_ascii=False)
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} …"
        return f"<{self.sender} {self.t_ms:.0f} ms {shown}>"


def _failure(event: Event) -> str:
    """Return what went wrong by an event, for a line of a listing; nothing: nothing did."""
    response = event.get("response")
    status = response.get("status") if isinstance(response, dict) else None
    error = event.get("error")
    if event.type == "response.done" and isinstance(response, dict) and status != "completed":
        details = response.get("status_details") or {}
        error = details.get("error") or {"code": details.get("reason")}
    if not isinstance(error, dict):
        return ""
    told = (status, error.get("code") or error.get("type"), error.get("message"))
    return "  " + ": ".join(part for part in told if isinstance(part, str))


class Events(list[Event]):
    """Events in the order in which they passed."""

    def __init__(
        self, events: Iterable[Event] = (), exists: Callable[[str], object] | None = None
    ) -> None:
        """Keep events.

        Args:
            events: They.
            exists: Raises `ValueError` for a type that there is not; None: any may be asked for.
        """
        super().__init__(events)
        self._exists = exists

    @property
    def types(self) -> list[str | None]:
        """The type of each."""
        return [event.type for event in self]

    @property
    def from_client(self) -> Events:
        """Those that the client sent."""
        return self._those(event for event in self if event.sender == "client")

    @property
    def from_server(self) -> Events:
        """Those that the server sent."""
        return self._those(event for event in self if event.sender == "server")

    def of(self, *types: str) -> Events:
        """Return those of some types.

        Raises:
            ValueError: There is no such event.
        """
        __tracebackhide__ = True
        self._check(types)
        return self._those(event for event in self if event.type in types)

    def _check(self, types: Iterable[str]) -> None:
        """Refuse types that do not exist: to assert that none came would prove nothing."""
        __tracebackhide__ = True
        seen = set(self.types)
        for type_ in types:
            if type_ not in seen and self._exists is not None:
                self._exists(type_)

    def _those(self, events: Iterable[Event]) -> Events:
        return Events(events, self._exists)

    def one(self, type_: str) -> Event:
        """Return the only event of a type.

        Raises:
            AssertionError: There is none, or there are several; it says what there was.
        """
        __tracebackhide__ = True
        found = self.of(type_)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} events of type '{type_}':\n{self.listing()}")
        return found[0]

    def assert_types(self, expected: Sequence[str], leaving_out: Iterable[str] = ()) -> None:
        """Assert that these are the types of all events, in order.

        Args:
            expected: The types.
            leaving_out: Types of which it does not matter how many there are, such as deltas.

        Raises:
            AssertionError: They are not; it has the difference, a line for each event.
        """
        __tracebackhide__ = True
        left_out = set(leaving_out)
        self._check([*left_out, *expected])
        found = [str(type_) for type_ in self.types if type_ not in left_out]
        if found != list(expected):
            lines = difflib.unified_diff(
                list(expected), found, "expected", "what passed", lineterm="", n=len(found)
            )
            raise AssertionError("the events are others:\n" + "\n".join(lines))

    def assert_order(self, *types: str) -> None:
        """Assert that there are events of these types in this order, with whatever in between.

        Raises:
            AssertionError: There are not; it names the first that is missing and what there was.
        """
        __tracebackhide__ = True
        if not types:
            raise ValueError("assert_order: name the types whose order is to be asserted")
        self._check(types)
        rest = iter(self)
        for at, type_ in enumerate(types):
            if not any(event.type == type_ for event in rest):
                behind = f" behind '{types[at - 1]}'" if at else ""
                raise AssertionError(f"no event '{type_}'{behind}:\n{self.listing()}")

    @property
    def text(self) -> str:
        """Everything, a line of JSON for each event.

        By a virtual clock it is the same each time: keep it in a file, and compare.
        """
        return "".join(
            json.dumps({"t_ms": event.t_ms, "from": event.sender, **event}, ensure_ascii=False)
            + "\n"
            for event in self
        )

    def listing(self) -> str:
        """Return who sent what when, a line for each; the same again and again is one line."""
        lines: list[str] = []
        count = 0
        for at, event in enumerate(self):
            count += 1
            following = self[at + 1] if at + 1 < len(self) else None
            same = following is not None and (following.sender, following.type) == (
                event.sender,
                event.type,
            )
            if not same:
                arrow = "→" if event.sender == "client" else "←"
                often = f" × {count}" if count > 1 else ""
                lines.append(f"{event.t_ms:8.0f} ms {arrow} {event.type}{often}{_failure(event)}")
                count = 0
        return "\n".join(lines) or "(nothing passed)"
