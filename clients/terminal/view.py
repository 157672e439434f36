"""The interface between the client and a screen: all that a conversation shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Who = Literal["you", "assistant", "tool", "problem", "note"]
Until = Literal["first audio", "first text"]
InputState = Literal["none", "off", "file", "recording", "file over", "listening", "hearing"]
"""State of the input. `off`: there is a microphone; `file`: there is a file in its place, which has
not begun; `file over`: it has ended; `hearing`: the server detects speech."""
Echo = Literal["none", "cancelled", "heard"]
"""What the microphone hears of the loudspeaker. `none`: one of them is missing; `heard`: all."""


@dataclass(frozen=True, slots=True)
class Link:
    """Whether there is a connection; `retry_s` is the wait before the next attempt."""

    state: Literal["connecting", "connected", "offline"]
    retry_s: int = 0


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """Id of a session, and the model and voice that answer in it."""

    id: str
    model: str
    voice: str


@dataclass(frozen=True, slots=True)
class Stack:
    """What answers on a server: its recogniser, its model and its voice."""

    stt: str
    llm: str
    tts: str

    @property
    def names(self) -> tuple[str, ...]:
        """The short names of the three; one name if they share it and have no other.

        A label says more in brackets: that is left out, unless what is before them is everywhere
        the same.
        """
        labels = (self.stt, self.llm, self.tts)
        before = tuple(label.split(" (")[0] for label in labels)
        within = tuple(label.partition(" (")[2].rstrip(")").split(", ")[0] for label in labels)
        if len({*before}) > 1:
            return before
        return within if all(within) else before[:1]

    def __str__(self) -> str:
        """Return the short names, in the order in which they work."""
        return " → ".join(self.names)


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

    def show_stack(self, stack: Stack | None) -> None:
        """The server told what answers; None: it does not tell."""

    def show_echo(self, echo: Echo) -> None:
        """What the microphone hears of the loudspeaker has changed."""

    def show_input(self, state: InputState, hands_free: bool, muted: bool) -> None:
        """The state of the microphone, or of its file, has changed."""

    def show_level(self, dbfs: float) -> None:
        """The microphone's level in dBFS."""

    def show_text(self, key: str, who: Who, text: str, append: bool = False) -> None:
        """A line of the conversation is new, replaced, or longer by `text`."""

    def show_interrupted(self, key: str, heard_ms: int | None, heard: int) -> None:
        """A line was interrupted, after `heard_ms` of its audio; None: it has none.

        About `heard` of its characters were heard.
        """

    def show_waiting(self) -> None:
        """An answer is pending."""

    def show_latency(self, latency: Latency | None) -> None:
        """The answer began; None: its latency is unknown, or nothing came."""

    def show_tool_wait(self, tool: str | None) -> None:
        """The next typed line is the result of this tool; None: a message."""
