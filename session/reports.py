"""What recogniser and response pipelines report to a session, as plain data.

A report names the turn's item or the response that it is about. The session drops what comes for
one that is over, so a pipeline that is being stopped may still report.
"""

from __future__ import annotations

from dataclasses import dataclass

from session.ports import FailureReason, FinishReason, TokenUsage

# --- of a turn ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnSoFar:
    """The recogniser understood `text` of a turn that may not be committed yet (§B.3)."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnGuessed:
    """A turn says `text` if it is over, which is not known yet."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnUnderstood:
    """A committed turn said `text` (§B.3)."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """A committed turn could not be transcribed (§B.10)."""

    item_id: str
    error: FailureReason


TurnReport = TurnSoFar | TurnGuessed | TurnUnderstood | TurnFailed

# --- of a response --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextMade:
    """The model wrote `delta`."""

    response_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCallMade:
    """The model continued tool call `index` by a piece of its JSON `arguments`."""

    response_id: str
    index: int
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ClauseSpoken:
    """The audio that follows speaks `text`, up to the next such report."""

    response_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AudioMade:
    """The voice made `pcm`: 16-bit mono at 24 kHz."""

    response_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """Text, tool calls and audio are complete."""

    response_id: str
    reason: FinishReason
    usage: TokenUsage | None


@dataclass(frozen=True, slots=True)
class ResponseFailed:
    """A stage failed; nothing more will come (§B.10)."""

    response_id: str
    error: FailureReason


ResponseReport = (
    TextMade | ToolCallMade | ClauseSpoken | AudioMade | ResponseFinished | ResponseFailed
)

Report = TurnReport | ResponseReport
