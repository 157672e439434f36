"""Which MCP servers have listed their tools, and the items and events about that (§B.13).

A server is asked once, when a session or a response first names it, and again when it is described
otherwise, when it is named after it failed, or when its list changes. Then it is asked quietly: any
server can say at any time that something has changed, and clients are told of what has. They are
told, too, when other tools of the same list may be used.
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
    stale: bool = False
    """Whether the list has changed again since it was asked."""

    def has(self, tools: Iterable[McpTool]) -> bool:
        """Return whether it last listed these tools, in any order, of those that may be used."""
        return _by_name(self.use, self.tools) == _by_name(self.use, tools)


@dataclass(slots=True)
class _Question:
    item: McpToolList
    use: McpUse
    previous_id: str | None = None
    """The item before it, once clients know of it."""
    shown: bool = False
    """Whether clients know of it."""


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
            shown = _by_name(before.use, before.tools)
            before.use = use
            if before.known and shown != _by_name(use, before.tools):
                effects += self._show_again(before)
            if not before.known and before.asked is None:
                effects += self._ask(before)
        return effects

    def changed(self, label: str) -> list[Effect]:
        """Ask a server again: its list has changed. Until it answers, the old one holds.

        One that is being asked is asked once more behind that, however often it changes meanwhile.
        """
        server = self._servers.get(label)
        if server is None:
            return []
        if server.asked is not None:
            server.stale = True
            return []
        return self._ask(server, quietly=server.known)

    def listed(self, item_id: str, tools: tuple[McpTool, ...]) -> list[Effect]:
        """Take a server's list."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = self._asked_last(question)
        same = server is not None and server.has(tools)
        if server is not None:
            server.tools, server.known, server.asked = tools, True, None
        effects: list[Effect] = []
        if question.shown or not same:
            # What may be used may have changed since it was asked.
            use = question.use if server is None else server.use
            effects += self._show(question) + self._completed(question, use, tools)
        return effects + self._ask_again(server)

    def failed(self, item_id: str, error: McpError) -> list[Effect]:
        """Take the failure of a list; where clients do not wait for it, the old one holds."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = self._asked_last(question)
        if server is not None:
            server.asked = None
        effects: list[Effect] = []
        if question.shown:
            question.item.error = error
            effects += [*self._done(question), Send(McpListFailed(item_id))]
        return effects + self._ask_again(server)

    def _ask(self, server: _Server, *, quietly: bool = False) -> list[Effect]:
        question = _Question(McpToolList(new_id("mcpl"), server.use.label), server.use)
        server.asked = question.item.id
        self._questions[question.item.id] = question
        shown = [] if quietly else self._show(question)
        return [*shown, ListMcpTools(question.item.id, server.use.server)]

    def _ask_again(self, server: _Server | None) -> list[Effect]:
        """Ask a server whose list has changed while it was asked."""
        if server is None or not server.stale:
            return []
        server.stale = False
        return self._ask(server, quietly=server.known)

    def _show(self, question: _Question) -> list[Effect]:
        """Tell clients that a server is asked, unless they know."""
        if question.shown:
            return []
        question.shown = True
        question.previous_id = self._conversation.insert_output(question.item)
        return [
            Send(ItemAdded(question.previous_id, question.item.wire())),
            Send(McpListInProgress(question.item.id)),
        ]

    def _asked_last(self, question: _Question) -> _Server | None:
        """Return the server, unless it was asked again meanwhile."""
        server = self._servers.get(question.use.label)
        return server if server is not None and server.asked == question.item.id else None

    def _show_again(self, server: _Server) -> list[Effect]:
        """Tell clients by another item what may be used of a list that is known."""
        question = _Question(McpToolList(new_id("mcpl"), server.use.label), server.use)
        return self._show(question) + self._completed(question, server.use, server.tools)

    def _completed(
        self, question: _Question, use: McpUse, tools: tuple[McpTool, ...]
    ) -> list[Effect]:
        question.item.tools = tuple(tool for tool in tools if use.allows(tool))
        return [*self._done(question), Send(McpListCompleted(question.item.id))]

    def _done(self, question: _Question) -> list[Effect]:
        """Tell clients the whole item, unless they have deleted it."""
        if self._conversation.get(question.item.id) is not question.item:
            return []
        return [Send(ItemDone(question.previous_id, question.item.wire()))]


def _by_name(use: McpUse, tools: Iterable[McpTool]) -> dict[str, McpTool]:
    return {tool.name: tool for tool in tools if use.allows(tool)}
