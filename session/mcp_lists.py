"""Which MCP servers have listed their tools, and the items and events about that (§B.13).

A server is asked once, when a session or a response first names it, and again when its list
changes, when it is described otherwise, or when it is named after it failed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from session.conversation import Conversation
from session.effects import Effect, ListMcpTools, Send
from session.mcp import McpError, McpTool
from session.mcp_items import McpToolList
from session.mcp_offer import Lists
from session.mcp_settings import McpUse, ToolEntry
from wire.ids import new_id
from wire.mcp_events import McpListCompleted, McpListFailed, McpListInProgress
from wire.session_events import ItemAdded, ItemDone


@dataclass(slots=True)
class _Server:
    use: McpUse
    tools: tuple[McpTool, ...] = ()
    """What it listed last."""
    asked: str | None = None
    """The item of the list that is awaited; None: none is."""
    known: bool = False
    """Whether it has ever listed its tools."""


@dataclass(frozen=True, slots=True)
class _Question:
    item: McpToolList
    previous_id: str | None
    use: McpUse


class McpLists:
    """The lists of one session."""

    def __init__(self, conversation: Conversation) -> None:
        """Start with none; their items go into `conversation`."""
        self._conversation = conversation
        self._servers: dict[str, _Server] = {}
        self._questions: dict[str, _Question] = {}
        """Item id → a list that is awaited."""

    def tools(self) -> Lists:
        """Return what the servers have listed."""
        return {label: server.tools for label, server in self._servers.items()}

    def awaited(self, tools: Iterable[ToolEntry]) -> bool:
        """Return whether the first list of one of these servers is still to come."""
        servers = (self._servers.get(use.label) for use in tools if isinstance(use, McpUse))
        return any(known is not None and known.asked and not known.known for known in servers)

    def need(self, tools: Iterable[ToolEntry]) -> list[Effect]:
        """Ask those of these servers that have not listed their tools."""
        effects: list[Effect] = []
        for use in tools:
            if not isinstance(use, McpUse):
                continue
            before = self._servers.get(use.label)
            if before is None or before.use.server != use.server:
                before = self._servers[use.label] = _Server(use)
            before.use = use
            if not before.known and before.asked is None:
                effects += self._ask(before)
        return effects

    def changed(self, label: str) -> list[Effect]:
        """Ask a server again: its list has changed. Until it answers, the old one holds."""
        server = self._servers.get(label)
        return [] if server is None else self._ask(server)

    def listed(self, item_id: str, tools: tuple[McpTool, ...]) -> list[Effect]:
        """Take a server's list."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = self._asked_last(question)
        if server is not None:
            server.tools, server.known, server.asked = tools, True, None
        question.item.tools = tuple(tool for tool in tools if question.use.allows(tool))
        return [self._done(question), Send(McpListCompleted(item_id))]

    def failed(self, item_id: str, error: McpError) -> list[Effect]:
        """Take the failure of a list."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = self._asked_last(question)
        if server is not None:
            server.asked = None
        question.item.error = error
        return [self._done(question), Send(McpListFailed(item_id))]

    def _ask(self, server: _Server) -> list[Effect]:
        item = McpToolList(new_id("mcpl"), server.use.label)
        previous_id = self._conversation.insert_output(item)
        server.asked = item.id
        self._questions[item.id] = _Question(item, previous_id, server.use)
        return [
            Send(ItemAdded(previous_id, item.wire())),
            Send(McpListInProgress(item.id)),
            ListMcpTools(item.id, server.use.server),
        ]

    def _asked_last(self, question: _Question) -> _Server | None:
        """Return the server, unless it was asked again meanwhile."""
        server = self._servers.get(question.use.label)
        return server if server is not None and server.asked == question.item.id else None

    def _done(self, question: _Question) -> Effect:
        return Send(ItemDone(question.previous_id, question.item.wire()))
