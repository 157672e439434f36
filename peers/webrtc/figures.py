"""How a call goes, in numbers: for the log, `/metrics` and the console."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The quality of one call so far."""

    loss: float
    """The part of the client's audio packets that never came, 0 to 1."""
    sent_loss: float
    """The part of the server's audio packets that was lost, as the client reported last, 0 to 1."""
    jitter_ms: float
    """How much the time of the client's packets on the way varies."""
    round_trip_ms: float | None
    """The way there and back; None: the client has not reported yet."""
    concealed_ms: float
    """Audio of the client that was lost, could not be recovered, and was made up."""
    heard_ms: float
    """Audio of the client that was given to the session, silence included."""
    played_ms: float
    """Audio that was played to the client, without silence."""
