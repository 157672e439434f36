"""Tells the tool calls of a streamed chat completion apart.

OpenAI gives each call an `index`. Other servers give every call index 0, or none and the whole call
in one delta. In all of them a call begins with the delta that has its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from providers.call_ids import new_call_id
from providers.frames import ToolCallFrame


@dataclass(slots=True)
class _Call:
    position: int
    name: str
    theirs: str | None
    """The server's id; clients get a different one (`call_ids.py`)."""
    ours: str = field(default_factory=new_call_id)


class StreamedCalls:
    """The calls of one response."""

    def __init__(self) -> None:
        self._open: dict[int | None, _Call] = {}
        """The server's index → the latest call with that index."""
        self.count = 0

    def piece(self, delta: ChoiceDeltaToolCall) -> ToolCallFrame:
        """Return a delta as a frame for the session."""
        # The SDK does not check what it receives, so even required fields may be absent.
        index = getattr(delta, "index", None)
        theirs = getattr(delta, "id", None)
        function = getattr(delta, "function", None)
        name = getattr(function, "name", None) or ""
        call = self._open.get(index)
        if call is None or _begins_another(call, index, theirs, name):
            call = self._open[index] = _Call(self.count, name, theirs)
            self.count += 1
        arguments = getattr(function, "arguments", None) or ""
        return ToolCallFrame(call.position, call.ours, call.name, arguments)


def _begins_another(call: _Call, index: int | None, theirs: str | None, name: str) -> bool:
    if not name:
        return False
    if theirs and call.theirs:
        return theirs != call.theirs
    return index is None
