"""What is known of a response when it is over: plain numbers for logs, metrics and traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["transcript", "first_text", "first_audio", "done"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which they come."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One response and the turn that it answers."""

    session_id: str
    response_id: str
    item_id: str | None
    """The turn's item; None: the client asked for the response itself."""
    outcome: str
    """`completed`, `cancelled`, `failed` or `incomplete`."""
    started_at: float
    """When the turn ended, or the response was asked for: Unix time in seconds."""
    stages: dict[Stage, float]
    """Seconds from then until each stage that was reached, in the order of `STAGES`."""
    error_code: str | None = None
