"""What there is to show of a conversation: the one interface between the client and a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Who = Literal["you", "assistant", "tool", "problem", "note"]
Until = Literal["first audio", "first text"]
InputState = Literal["none", "off", "recording", "file over", "listening", "hearing"]
"""`file over`: a recording from a file has reached its end; `hearing`: the server hears speech."""


@dataclass(frozen=True, slots=True)
class Link:
    """Whether there is a connection; `retry_s` is the wait before the next attempt."""

    state: Literal["connecting", "connected", "offline"]
    retry_s: int = 0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """Which session this is, and what answers in it."""

    id: str
    model: str
    voice: str


@dataclass(frozen=True, slots=True)
class Latency:
    """How long an answer took to begin."""

    ms: float
    since: Literal["end of speech", "sending"]
    until: Until


class View(Protocol):
    """Where a conversation is shown. Called on the event loop's thread."""

    def show_link(self, link: Link) -> None:
        """The connection is made, lost, or tried again."""

    def show_session(self, session: SessionInfo) -> None:
        """The server opened or changed the session."""

    def show_input(self, state: InputState, hands_free: bool, muted: bool) -> None:
        """The microphone, or what stands in for it, is used differently."""

    def show_level(self, dbfs: float) -> None:
        """The microphone is this loud."""

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """A line of the conversation is new, replaced, or longer by `text`."""

    def show_interrupted(self, key: str, heard_ms: int | None) -> None:
        """A line was interrupted; its sound, if it has any, after `heard_ms`."""

    def show_waiting(self) -> None:
        """An answer is waited for."""

    def show_latency(self, latency: Latency | None) -> None:
        """The wait is over; None: it cannot be said how long it took, or nothing came."""

    def show_tool_wait(self, tool: str | None) -> None:
        """The next typed line is the result of this tool; None: a message."""
