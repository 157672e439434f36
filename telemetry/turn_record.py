"""The record of a turn that is over, for logs, metrics and traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from session.ports import FailingStage

Stage = Literal["transcript", "first_text", "first_audio", "done"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which they come."""
ClauseStage = Literal["first_text", "first_audio", "done"]
"""Those of a clause that is translated (§B.14)."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A response and the turn that it answers, or one without the other."""

    session_id: str
    response_id: str | None
    """None: the turn has no response."""
    item_id: str | None
    """The turn's item; None: the response answers no turn."""
    outcome: str
    """Of a response: `completed`, `cancelled`, `failed`, `incomplete`, or `abandoned` (the session
    ended before). Of a turn without one: `transcribed`, `failed`, `abandoned`, or `committed` (its
    transcript was not needed)."""
    started_at: float
    """When the turn ended or, without one, the response was created: Unix time in seconds."""
    stages: dict[Stage, float]
    """Seconds from `started_at` to each stage that was reached, in the order of `STAGES`."""
    error_code: str | None = None
    error_stage: FailingStage | None = None
    """The stage that failed; None: none did, or the reason is another one."""
