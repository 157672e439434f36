"""Calls of MCP tools while they run, and what clients are told of them (§B.13).

A call is part of the response whose model made it, which is not over before the call is. Calls that
the client approved of, and those of a response that the user interrupted, belong to none.
"""

from __future__ import annotations

from dataclasses import dataclass

from session.conversation import Conversation
from session.effects import CallMcpTool, Effect, Send, StopMcpCalls
from session.mcp import McpError
from session.mcp_items import McpApprovalRequest, McpApprovalResponse, McpCall
from wire.ids import new_id
from wire.mcp_events import McpCallCompleted, McpCallFailed, McpCallInProgress
from wire.response_events import OutputItemDone
from wire.session_events import ItemAdded, ItemDone

STOPPED = McpError(
    "tool_execution_error",
    "The call was stopped with its response. It may have taken effect all the same.",
)
"""What becomes of a call whose response was cancelled or has failed."""
CUT_OFF = McpError(
    "tool_execution_error", "The call was not made: the model was kept from finishing it."
)
"""What becomes of a call whose arguments are incomplete."""


def not_made(reason: str) -> McpError:
    """Return what becomes of a call that the model may not make."""
    return McpError("tool_execution_error", f"The call was not made: {reason}.")


@dataclass(slots=True)
class RunningCall:
    """A call that runs, or is about to."""

    item: McpCall
    index: int
    """Its `output_index`; 0 where it belongs to no response."""
    previous_id: str | None
    """The item before it."""
    conversation: Conversation | None
    """Where its item stands, unless the client has deleted it; None: the response runs beside."""
    response_id: str | None = None
    """The response to which it belongs; None: to none."""

    def begin(self) -> list[Effect]:
        """Run the tool."""
        item = self.item
        return [
            Send(McpCallInProgress(self.index, item.id)),
            CallMcpTool(item.id, item.server, item.name, item.arguments or "{}"),
        ]

    def end(self, result: str | McpError) -> list[Effect]:
        """Take the result, or why there is none."""
        self.item.result = result
        place = (self.index, self.item.id)
        failed = isinstance(result, McpError)
        effects: list[Effect] = [
            Send(McpCallFailed(*place) if failed else McpCallCompleted(*place))
        ]
        wire = self.item.wire()
        if self.conversation is not None and self.conversation.get(self.item.id) is self.item:
            effects.append(Send(ItemDone(self.previous_id, wire)))
        if self.response_id is not None:
            effects.append(Send(OutputItemDone(self.response_id, self.index, wire)))
        return effects


class FreeCalls:
    """The calls of a session that belong to no response."""

    def __init__(self, conversation: Conversation) -> None:
        """Start with none; new ones go into `conversation`."""
        self._conversation = conversation
        self._running: dict[str, RunningCall] = {}

    def __bool__(self) -> bool:
        """Whether any runs."""
        return bool(self._running)

    def adopt(self, calls: list[RunningCall]) -> None:
        """Take calls over from a response that ends without them."""
        for call in calls:
            call.response_id = None
            self._running[call.item.id] = call

    def answered(
        self, request: McpApprovalRequest, answer: McpApprovalResponse
    ) -> tuple[list[Effect], str | None]:
        """Make the call that the client approved of, or note why it is not made.

        Returns:
            The effects, and the item of a call that is over already.
        """
        request.answered = True
        item = McpCall(
            new_id("mcp"),
            request.server,
            request.name,
            request.called,
            request.arguments,
            approval_request_id=request.id,
        )
        previous_id = self._conversation.insert_output(item)
        call = RunningCall(item, 0, previous_id, self._conversation)
        added: list[Effect] = [Send(ItemAdded(previous_id, item.wire()))]
        if answer.approve:
            self._running[item.id] = call
            return [*added, *call.begin()], None
        reason = f": {answer.reason}" if answer.reason else "."
        refused = McpError("tool_execution_error", f"The user did not approve of the call{reason}")
        return [*added, *call.end(refused)], item.id

    def ended(self, item_id: str, result: str | McpError) -> list[Effect] | None:
        """Take the result of a call; None: there is no such call here."""
        call = self._running.pop(item_id, None)
        if call is None:
            return None
        call.item.ended_behind = self._conversation.behind(item_id)
        return call.end(result)


def stopped(calls: list[RunningCall]) -> list[Effect]:
    """End calls with the response that made them."""
    if not calls:
        return []
    ended = [effect for call in calls for effect in call.end(STOPPED)]
    return [StopMcpCalls(tuple(call.item.id for call in calls)), *ended]
