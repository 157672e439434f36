"""Settings of turn detection (§C.4): one record per kind.

The turn detector and the session read them. `None` in their place means that the client commits
its turns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

from wire.session_fields import BackChannels, Interruptions, Queued

Eagerness = Literal["low", "medium", "high", "auto"]
"""How soon a pause counts as the end of a turn."""


@dataclass(frozen=True, slots=True)
class TurnExtensions:
    """What this server lets clients set beyond the protocol (§C.4); None: as `config.py` says."""

    interruptions: Interruptions | None = None
    """What interrupts an answer that sounds."""
    backchannels: BackChannels | None = None
    """Whether a back-channel enters the conversation."""
    queued: Queued | None = None
    """How turns are answered that end while another is being answered."""
    rejoin_ms: int | None = None
    """Milliseconds behind the end of a turn in which the user may go on with it (§B.17)."""

    def only_hearing(self) -> TurnExtensions:
        """Return the same for a session without responses (§B.11)."""
        return TurnExtensions(rejoin_ms=self.rejoin_ms)

    def wire(self) -> dict[str, Any]:
        """Return what was set, as sessions show it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NO_EXTENSIONS = TurnExtensions()


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
    """Silence after a response that triggers another one (§B.12); None: none does."""
    create_response: bool = True
    """Whether the end of a turn creates a response; never in a transcription session."""
    interrupt_response: bool = True
    """Whether speech cancels the active response; never in a transcription session."""
    extensions: TurnExtensions = NO_EXTENSIONS
    """What was set beyond the protocol; in a transcription session, what is not about responses."""

    def only_hearing(self) -> ServerVad:
        """Return the same for a session without responses (§B.11)."""
        return replace(
            self,
            create_response=False,
            interrupt_response=False,
            idle_timeout_ms=None,
            extensions=self.extensions.only_hearing(),
        )

    def hearing_wire(self) -> dict[str, Any]:
        """Return what a transcription session shows: all but what is about responses (§C.4)."""
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_duration_ms,
            **self.extensions.only_hearing().wire(),
        }

    def wire(self) -> dict[str, Any]:
        """Return the settings as a realtime session shows them."""
        return {
            **self.hearing_wire(),
            "idle_timeout_ms": self.idle_timeout_ms,
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
            **self.extensions.wire(),
        }


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """A turn ends when it sounds complete, or after a silence whose length eagerness sets."""

    prefix_padding_ms: int
    """As for `ServerVad`; always the server's default, as the protocol has no such field here."""
    eagerness: Eagerness = "auto"
    create_response: bool = True
    """As for `ServerVad`."""
    interrupt_response: bool = True
    """As for `ServerVad`."""
    extensions: TurnExtensions = NO_EXTENSIONS
    """As for `ServerVad`."""
    idle_timeout_ms: ClassVar[None] = None
    """Only `server_vad` has an idle timeout."""

    def only_hearing(self) -> SemanticVad:
        """As for `ServerVad`."""
        return replace(
            self,
            create_response=False,
            interrupt_response=False,
            extensions=self.extensions.only_hearing(),
        )

    def hearing_wire(self) -> dict[str, Any]:
        """Return what a transcription session shows: all but what is about responses (§C.4)."""
        return {
            "type": "semantic_vad",
            "eagerness": self.eagerness,
            **self.extensions.only_hearing().wire(),
        }

    def wire(self) -> dict[str, Any]:
        """Return the settings as a realtime session shows them."""
        return {
            **self.hearing_wire(),
            "create_response": self.create_response,
            "interrupt_response": self.interrupt_response,
            **self.extensions.wire(),
        }


TurnDetection = ServerVad | SemanticVad
