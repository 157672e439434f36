"""One turn as the check of a server records it: which events came, and when.

It writes the timeline to the terminal while it goes on.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed

from settings.localisation import _

Event = dict[str, Any]


def dig(event: Any, *path: str | int) -> Any:
    """Follow `path` into an event; None where it leads nowhere."""
    for step in path:
        try:
            event = event[step]
        except (KeyError, IndexError, TypeError):
            return None
    return event


@dataclass
class Turn:
    """What arrived in one turn, and when: ms since the turn began."""

    title: str
    events: list[Event] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    speech_ended: float | None = None
    """When the last sound of the spoken turn had been sent."""
    stopped: str = ""
    """Why the turn ended before it was complete."""

    def __post_init__(self) -> None:
        print(f"\n{self.title}")

    def clock(self) -> float:
        """Milliseconds since the turn began."""
        return (time.perf_counter() - self.started) * 1000

    def note(self, text: str) -> None:
        """Write a line of the timeline."""
        print(f"{self.clock():8.0f} ms  {text}", flush=True)

    def add(self, event: Event) -> None:
        """Record an event; of deltas only the first of a kind is shown."""
        kind = event.get("type", "?")
        if not kind.endswith(".delta"):
            self.note(f"< {kind}{_detail(event)}")
        elif not self.of(kind):
            self.note(f"< {kind} " + _("(first)"))
        self.events.append(event)
        self.times.append(self.clock())

    @contextmanager
    def until_closed(self) -> Iterator[None]:
        """Note it when the server closes the connection within the block."""
        try:
            yield
        except ConnectionClosed as error:
            self.stop(_("connection closed: {error}").format(error=error))

    def stop(self, reason: str) -> None:
        """Note that nothing more will come."""
        if not self.stopped:
            self.stopped = reason
            self.note(reason)

    def of(self, *kinds: str) -> list[Event]:
        """Events of these types, in the order they came."""
        return [event for event in self.events if event.get("type") in kinds]

    def first_ms(self, kind: str) -> float | None:
        """When the first event of a type came."""
        return next(
            (at for at, e in zip(self.times, self.events, strict=True) if e.get("type") == kind),
            None,
        )

    def audio(self) -> bytes:
        """All audio of the answer."""
        return b"".join(audio_of(event) for event in self.of("response.output_audio.delta"))


def _detail(event: Event) -> str:
    for path in (
        ("error", "message"),
        ("response", "status"),
        ("audio_start_ms",),
        ("audio_end_ms",),
        ("transcript",),
    ):
        value = dig(event, *path)
        if value is not None:
            return f"  {value!r}" if isinstance(value, str) else f"  {path[0]} {value}"
    return ""


def audio_of(event: Event) -> bytes:
    """Return the PCM of an audio delta; nothing if it is no base64."""
    try:
        return base64.b64decode(str(event.get("delta")), validate=True)
    except ValueError:
        return b""
