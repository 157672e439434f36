"""What recogniser, response pipelines and MCP servers report to a session, as plain data.

A report names the item of its turn or its call, or its response. The session ignores reports about
one that is over, so a pipeline may still report while it is being stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

from session.mcp import McpError, McpServer, McpTool
from session.ports import FailureReason, FinishReason, TokenUsage, Transcript

# --- of a turn ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnSoFar:
    """An interim transcript of a turn, which may still be open (§B.3)."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnGuessed:
    """The transcript of an open turn, should it end here (the answer to `effects.GuessTurn`)."""

    item_id: str
    text: str
    no_speech: float | None = None
    """See `session.ports.Transcript`."""


@dataclass(frozen=True, slots=True)
class TurnUnderstood:
    """The final transcript of a committed turn (§B.3)."""

    item_id: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """A committed turn could not be transcribed (§B.10)."""

    item_id: str
    error: FailureReason


TurnReport = TurnSoFar | TurnGuessed | TurnUnderstood | TurnFailed

# --- of a response --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextMade:
    """The model wrote a text delta."""

    response_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ToolCallMade:
    """The model wrote a delta of the JSON `arguments` of its tool call number `index`."""

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
class WordsTimed:
    """The voice tells when it says words of the clause, in the audio that follows."""

    response_id: str
    words: tuple[tuple[int, float], ...]
    """For each word how many characters of the clause are before it, spaces not counted, and its
    time in ms from here."""


@dataclass(frozen=True, slots=True)
class AudioMade:
    """The voice made `pcm`: 16-bit mono at 24 kHz."""

    response_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class OutputMade:
    """Text, tool calls and audio are complete; how it ended, and what it cost, is told later."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TokensCounted:
    """The model told what it has cost, which holds also if the response never finishes."""

    response_id: str
    usage: TokenUsage
    so_far: bool = False
    """Whether the model was still writing, so that more of the output may be to be counted."""


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """The response is over: text, tool calls and audio are complete."""

    response_id: str
    reason: FinishReason
    usage: TokenUsage | None


@dataclass(frozen=True, slots=True)
class ResponseFailed:
    """A stage failed; no further reports follow (§B.10)."""

    response_id: str
    error: FailureReason


ResponseReport = (
    TextMade
    | ToolCallMade
    | ClauseSpoken
    | WordsTimed
    | AudioMade
    | OutputMade
    | TokensCounted
    | ResponseFinished
    | ResponseFailed
)

# --- of the playback ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first of a response's audio is on its way to the client's ear."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlaybackDrained:
    """All audio of a response that there is so far was played; more may follow."""

    response_id: str


PlaybackReport = PlaybackStarted | PlaybackDrained
"""What a peer that plays the audio itself reports (`wire/media.py`)."""

# --- of MCP servers -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class McpToolsListed:
    """A server has listed its tools (the answer to `effects.ListMcpTools`)."""

    item_id: str
    tools: tuple[McpTool, ...]


@dataclass(frozen=True, slots=True)
class McpListFailed:
    """A server did not list its tools."""

    item_id: str
    error: McpError


@dataclass(frozen=True, slots=True)
class McpCallCompleted:
    """A tool gave its result (the answer to `effects.CallMcpTool`)."""

    item_id: str
    output: str


@dataclass(frozen=True, slots=True)
class McpCallFailed:
    """A tool gave no result."""

    item_id: str
    error: McpError


@dataclass(frozen=True, slots=True)
class McpListChanged:
    """A server says that its list of tools has changed."""

    server: McpServer


McpReport = McpToolsListed | McpListFailed | McpCallCompleted | McpCallFailed | McpListChanged

Report = TurnReport | ResponseReport | PlaybackReport | McpReport
