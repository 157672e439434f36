"""When turns are detected, and what follows from one (§C.4): one record per kind of detection.

Sessions merge updates into these, the turn detector and the session read them, and `None` in
their place means that the client ends its turns itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Eagerness = Literal["low", "medium", "high", "auto"]
"""How soon a pause counts as the end of a turn."""


@dataclass(frozen=True, slots=True)
class ServerVad:
    """A turn ends when the user has been silent for long enough."""

    threshold: float
    """Probability of speech (0–1) from which a window counts as speech."""
    prefix_padding_ms: int
    """Audio before the detected onset that belongs to the turn."""
    silence_duration_ms: int
    """Silence that ends a turn."""
    idle_timeout_ms: int | None = None
    """Silence after an answer that is answered by itself (§B.12); None: however long."""
    create_response: bool = True
    """Whether the end of a turn is answered; never in a transcription session."""
    interrupt_response: bool = True
    """Whether speech stops an answer in progress; never in a transcription session."""

    def hearing_wire(self) -> dict[str, Any]:
        """Return what a transcription session shows: all but what is about responses (§C.4)."""
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_duration_ms,
        }

    def wire(self) -> dict[str, Any]:
        """Return the settings as a realtime session shows them."""
        return {
            **self.hearing_wire(),
            "idle_timeout_ms": self.idle_timeout_ms,
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
        }


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """A turn ends when it sounds complete, or else after a silence that eagerness limits."""

    prefix_padding_ms: int
    """As for `ServerVad`; the server's own, since the protocol has none here."""
    eagerness: Eagerness = "auto"
    create_response: bool = True
    """As for `ServerVad`."""
    interrupt_response: bool = True
    """As for `ServerVad`."""
    idle_timeout_ms: ClassVar[None] = None
    """Only `server_vad` answers a silence."""

    def hearing_wire(self) -> dict[str, Any]:
        """Return what a transcription session shows: all but what is about responses (§C.4)."""
        return {"type": "semantic_vad", "eagerness": self.eagerness}

    def wire(self) -> dict[str, Any]:
        """Return the settings as a realtime session shows them."""
        return {
            **self.hearing_wire(),
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
        }


TurnDetection = ServerVad | SemanticVad
