"""The MCP tools of a session, as its responses use them (§B.13).

A response is offered what the servers have listed (`mcp_lists.py`, `mcp_offer.py`); its calls may
outlive it (`mcp_calls.py`); and once tools have answered, another response is due which tells of it
(`following.py`). How these act on each other is here.
"""

from __future__ import annotations

from dataclasses import replace

from session.conversation import Conversation
from session.effects import Effect
from session.following import MOST_IN_A_ROW, Following
from session.mcp import McpError
from session.mcp_calls import FreeCalls
from session.mcp_items import McpApprovalRequest, McpApprovalResponse
from session.mcp_lists import McpLists
from session.mcp_offer import Offer, offer
from session.response import Response
from session.response_spec import ResponseSpec
from session.session_config import SessionConfig


class McpTools:
    """What servers have, calls that belong to no response, and the response that is due."""

    def __init__(self, config: SessionConfig, conversation: Conversation) -> None:
        """Start with no lists and no calls; items of new ones go into `conversation`."""
        self.lists = McpLists(conversation)
        """The servers' tools."""
        self.following = Following(config, conversation)
        """The response that is due after calls."""
        self._free_calls = FreeCalls(conversation)

    @property
    def pending(self) -> bool:
        """Whether a call runs that belongs to no response, or a response is due after calls."""
        return self.following.due or bool(self._free_calls)

    def need(self, spec: ResponseSpec) -> list[Effect]:
        """Ask the servers that a response brings itself what they have.

        Those that the server begins after a call have had their answer. Clients know once more what
        the session may use, before a response uses that.
        """
        if not spec.own_tools:
            return self.lists.bring_up_to_date() if spec.in_conversation else []
        if spec.follows:
            return []
        return self.lists.lend(spec.tools, told=spec.in_conversation)

    def awaited(self, spec: ResponseSpec) -> bool:
        """Return whether a response waits for a server that it brings itself.

        Those of the session may list their tools later.
        """
        return spec.own_tools and self.lists.awaited(spec.tools)

    def offer(self, spec: ResponseSpec) -> Offer:
        """Return what the model of a response may call."""
        offered = offer(
            spec.tools,
            spec.tool_choice,
            self.lists.tools(),
            may_ask=spec.in_conversation,
            one_call=spec.parallel_tool_calls is False,
        )
        return replace(offered, bound=MOST_IN_A_ROW) if spec.chain_ends else offered

    def approved(self, request: McpApprovalRequest, answer: McpApprovalResponse) -> list[Effect]:
        """Make a call that the client approved of, or tell the model that it did not."""
        effects, refused_id = self._free_calls.answered(request, answer)
        if refused_id is not None:
            self.following.call_ended(refused_id)
        return effects

    def outlive(self, response: Response) -> None:
        """Let the calls of a response go on without it: the user interrupts it."""
        self._free_calls.adopt(response.release_calls())

    def free_call_ended(self, item_id: str, result: str | McpError) -> list[Effect]:
        """Take the result of a call that belongs to no response; of no other call, no effects."""
        effects = self._free_calls.ended(item_id, result)
        if effects is None:
            return []
        self.following.call_ended(item_id)
        return effects
