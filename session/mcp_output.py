"""Items of a response that call MCP tools: a call, or a request for its approval (§B.13)."""

from __future__ import annotations

from session.conversation import Conversation
from session.effects import Effect, Send
from session.mcp_calls import CUT_OFF, RunningCall, not_made
from session.mcp_items import McpApprovalRequest, McpCall
from session.mcp_offer import NamedTool
from session.output_item import Ending, OpenItem
from session.response_spec import ResponseSpec
from wire.ids import new_id
from wire.mcp_events import McpCallArgumentsDelta, McpCallArgumentsDone
from wire.strict_json import json_object


class OpenMcpCall(OpenItem):
    """A call that the model is writing."""

    def __init__(
        self,
        spec: ResponseSpec,
        index: int,
        conversation: Conversation,
        number: int,
        tool: NamedTool,
        refusal: str | None = None,
    ) -> None:
        """Begin a call without arguments.

        Args:
            spec: As in `OpenItem`.
            index: As in `OpenItem`.
            conversation: As in `OpenItem`.
            number: The model's index of this call among its calls.
            tool: What is called.
            refusal: Why it will not be made, for the model and for clients; None: it will.
        """
        self._call = McpCall(new_id("mcp"), tool.use.server, tool.tool.name, tool.called)
        super().__init__(self._call, spec, index, conversation)
        self.number = number
        self.refusal = refusal

    def open(self) -> list[Effect]:
        """Announce the call."""
        return self._added()

    def write(self, arguments: str) -> list[Effect]:
        """Add a delta of the arguments' JSON."""
        if not arguments:
            return []
        self._call.arguments += arguments
        return [Send(McpCallArgumentsDelta(*self._place, arguments))]

    def run(self) -> tuple[list[Effect], RunningCall]:
        """Make the call, whose arguments are complete."""
        running = self._as_call()
        return [*self._written(), *running.begin()], running

    def close(self, ending: Ending) -> list[Effect]:
        """Close a call that is not made."""
        refused = None if ending == "incomplete" else self.refusal
        why = CUT_OFF if refused is None else not_made(refused)
        return [*self._written(), *self._as_call().end(why)]

    def _written(self) -> list[Effect]:
        return [Send(McpCallArgumentsDone(*self._place, self._call.arguments))]

    def _as_call(self) -> RunningCall:
        return RunningCall(
            self._call, self._index, self._previous_id, self._conversation, self._response_id
        )


class OpenApproval(OpenItem):
    """A request for approval, which clients see when the model has written the whole call."""

    def __init__(
        self,
        spec: ResponseSpec,
        index: int,
        conversation: Conversation,
        number: int,
        tool: NamedTool,
    ) -> None:
        """Begin a request; its arguments are those of `OpenMcpCall`."""
        self._request = McpApprovalRequest(
            new_id("mcpr"), tool.use.server, tool.tool.name, tool.called
        )
        super().__init__(self._request, spec, index, conversation)
        self.number = number

    def open(self) -> list[Effect]:
        """Nothing: there is nothing to approve of yet."""
        return []

    def write(self, arguments: str) -> list[Effect]:
        """Add a delta of the arguments' JSON."""
        self._request.arguments += arguments
        return []

    def close(self, ending: Ending) -> list[Effect]:
        """Ask for approval."""
        # Clients read the arguments as an object.
        self._request.arguments = json_object(self._request.arguments)
        return [*self._added(), *self._done(ending)]

    def forget(self) -> None:
        """Ask nothing: the model was kept from finishing the call."""
        if self._conversation is not None:
            self._conversation.delete(self._request.id)
