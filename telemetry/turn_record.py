"""What is known of a turn when it is over: plain numbers for logs, metrics and traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Stage = Literal["transcript", "first_text", "first_audio", "done"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which they come."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A response and the turn that it answers, or one without the other."""

    session_id: str
    response_id: str | None
    """None: nobody answered the turn."""
    item_id: str | None
    """The turn's item; None: the response answers no turn that has just been spoken."""
    outcome: str
    """Of a response: `completed`, `cancelled`, `failed`, `incomplete`, or `abandoned`: the session
    ended before. Of a turn alone: `transcribed`, `failed`, `abandoned`, or `committed`: nobody
    wanted its transcript."""
    started_at: float
    """When the turn ended or, without one, the response was created: Unix time in seconds."""
    stages: dict[Stage, float]
    """Seconds from then until each stage that was reached, in the order of `STAGES`."""
    error_code: str | None = None
