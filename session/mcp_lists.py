"""Which MCP servers have listed their tools, and the items and events about that (§B.13).

A server is asked once, when a session or a response first names it, and again when it is named
after it failed, when a response begins after that, or when its list changes. The latter two are
asked quietly: any server can say at any time that something has changed, one that is not there
fails each time, and clients are told of what has come of it. They are told, too, when other tools
of the same list may be used.

Lists are those of servers, not of labels: a response may have another server under a label of the
session's. Clients take the last item of a label for what the session may use, so what holds for one
response alone is no item, unless the session does not know the label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from session.conversation import Conversation
from session.effects import Effect, KeepMcpServers, ListMcpTools, Send
from session.mcp import McpError, McpServer, McpTool
from session.mcp_items import McpToolList
from session.mcp_offer import Lists
from session.mcp_settings import McpUse, ToolEntry
from wire.ids import new_id
from wire.mcp_events import McpListCompleted, McpListFailed, McpListInProgress
from wire.session_events import ItemAdded, ItemDone

MOST_KEPT = 64
"""Lists that are kept, beside those that are awaited and those of the session's servers."""
MOST_BETWEEN = 16
"""Items between two responses that show other tools of lists that are known already: a client that
changes its tools all the time would fill the conversation. Once there are so many, the next
response shows what holds then."""


@dataclass(slots=True)
class _Server:
    use: McpUse
    """As the session names it, or else the response that named it last."""
    tools: tuple[McpTool, ...] = ()
    """What it listed last."""
    asked: str | None = None
    """The item of the list that is awaited; None: none is."""
    known: bool = False
    """Whether it has ever listed its tools."""
    stale: bool = False
    """Whether the list has changed again since it was asked for."""
    shown: bool = False
    """Whether clients were told of a list of it: of its tools, or that they are asked for."""


@dataclass(slots=True)
class _Question:
    item: McpToolList
    server: _Server
    tells_failure: bool = False
    """Whether clients are told if it fails, although they do not know of it."""
    previous_id: str | None = None
    """The item before it, once clients know of it."""
    shown: bool = False
    """Whether clients know of it."""


class McpLists:
    """The lists of one session."""

    def __init__(self, conversation: Conversation) -> None:
        """Start with none; their items go into `conversation`."""
        self._conversation = conversation
        self._servers: dict[McpServer, _Server] = {}
        """Those that were named longer ago first."""
        self._session: dict[str, McpUse] = {}
        """Label → the server among the session's tools."""
        self._seen: dict[str, dict[str, McpTool]] = {}
        """Label → the tools of the last item that clients were shown, by their names."""
        self._between = 0
        """Items since the last response that showed other tools of known lists."""
        self._questions: dict[str, _Question] = {}
        """Item id → a list that is awaited."""

    def tools(self) -> Lists:
        """Return what the servers have listed."""
        return {server: known.tools for server, known in self._servers.items()}

    def awaited(self, tools: Iterable[ToolEntry]) -> bool:
        """Return whether the first list of one of these servers is still to come."""
        servers = (self._servers.get(use.server) for use in _uses(tools))
        return any(known is not None and known.asked and not known.known for known in servers)

    def need(self, tools: Iterable[ToolEntry]) -> list[Effect]:
        """Ask those of the session's servers that have not listed their tools.

        Args:
            tools: The session's tools, from now on.
        """
        before = {use.server for use in self._session.values()}
        self._session = {use.label: use for use in _uses(tools)}
        kept = frozenset(use.server for use in self._session.values())
        effects: list[Effect] = [] if kept == before else [KeepMcpServers(kept)]
        for use in self._session.values():
            server = self._named(use)
            server.use = use
            if not server.known:
                effects += self._ask_openly(server)
            elif self._between < MOST_BETWEEN:
                again = self._show_again(server)
                self._between += bool(again)
                effects += again
        return effects

    def lend(self, tools: Iterable[ToolEntry], *, told: bool) -> list[Effect]:
        """Ask those servers of a response that have not listed their tools.

        Args:
            tools: The response's own tools.
            told: Whether it is in the conversation, so that clients may be told there.
        """
        effects: list[Effect] = []
        for use in _uses(tools):
            server, of_session = self._named(use), self._session.get(use.label)
            if of_session is None:
                server.use = use
            if server.known:
                continue
            if told and (of_session is None or of_session.server == use.server):
                effects += self._ask_openly(server)
            elif server.asked is None:
                effects += self._ask(server, quietly=True, tells_failure=told)
        return effects

    def bring_up_to_date(self) -> list[Effect]:
        """Tell clients what the session may use, where they were last shown something else.

        Servers that have failed are asked once more: they may be there by now. Clients hear of it
        if they are.
        """
        self._between = 0
        effects: list[Effect] = []
        for use in self._session.values():
            server = self._servers.get(use.server)
            if server is None:
                continue
            if server.known:
                effects += self._show_again(server)
            elif server.asked is None:
                effects += self._ask(server, quietly=True)
        return effects

    def changed(self, of: McpServer) -> list[Effect]:
        """Ask a server again: its list has changed. Until it answers, the old one holds.

        One that is being asked is asked once more behind that, however often it changes meanwhile.
        """
        server = self._servers.get(of)
        if server is None:
            return []
        if server.asked is not None:
            server.stale = True
            return []
        return self._ask_again(server)

    def listed(self, item_id: str, tools: tuple[McpTool, ...]) -> list[Effect]:
        """Take a server's list."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = question.server
        server.tools, server.known, server.asked = tools, True, None
        effects: list[Effect] = []
        # What may be used may have changed since it was asked.
        if question.shown or (self._is_public(server) and not self._is_seen(server)):
            effects += self._show(question) + self._completed(question)
        return effects + self._ask_if_stale(server)

    def failed(self, item_id: str, error: McpError) -> list[Effect]:
        """Take the failure of a list; where clients do not wait for it, the old one holds."""
        question = self._questions.pop(item_id, None)
        if question is None:
            return []
        server = question.server
        server.asked = None
        effects: list[Effect] = []
        if question.shown or question.tells_failure:
            effects += self._show(question)
            question.item.error = error
            self._seen.pop(question.item.label, None)
            effects += [*self._done(question), Send(McpListFailed(item_id))]
        return effects + self._ask_if_stale(server)

    def _named(self, use: McpUse) -> _Server:
        """Return a server that is named, and forget what was not named for long."""
        server = self._servers.pop(use.server) if use.server in self._servers else _Server(use)
        self._servers[use.server] = server
        of_session = {one.server for one in self._session.values()}
        spare = [
            one
            for one, known in self._servers.items()
            if known.asked is None and known is not server and one not in of_session
        ]
        for one in spare[: max(0, len(spare) - MOST_KEPT)]:
            del self._servers[one]
        return server

    def _is_public(self, server: _Server) -> bool:
        """Return whether clients are told of another list of a server."""
        of_session = self._session.get(server.use.label)
        return server.shown if of_session is None else of_session.server == server.use.server

    def _is_seen(self, server: _Server) -> bool:
        """Return whether clients were last shown what may be used of a server, in any order."""
        return self._seen.get(server.use.label) == _by_name(server)

    def _ask_openly(self, server: _Server) -> list[Effect]:
        """Ask a server for its first list, and let clients know."""
        if server.asked is None:
            return self._ask(server)
        return self._show(self._questions[server.asked])

    def _ask(
        self, server: _Server, *, quietly: bool = False, tells_failure: bool = False
    ) -> list[Effect]:
        item = McpToolList(new_id("mcpl"), server.use.label)
        question = self._questions[item.id] = _Question(item, server, tells_failure)
        server.asked = item.id
        shown = [] if quietly else self._show(question)
        return [*shown, ListMcpTools(item.id, server.use.server)]

    def _ask_again(self, server: _Server) -> list[Effect]:
        """Ask a server whose list has changed."""
        return self._ask(server, quietly=server.known or not self._is_public(server))

    def _ask_if_stale(self, server: _Server) -> list[Effect]:
        """Ask a server whose list has changed while it was asked."""
        if not server.stale:
            return []
        server.stale = False
        return self._ask_again(server)

    def _show(self, question: _Question) -> list[Effect]:
        """Tell clients that a server is asked, unless they know."""
        if question.shown:
            return []
        question.shown = question.server.shown = True
        question.previous_id = self._conversation.insert_output(question.item)
        return [
            Send(ItemAdded(question.previous_id, question.item.wire())),
            Send(McpListInProgress(question.item.id)),
        ]

    def _show_again(self, server: _Server) -> list[Effect]:
        """Tell clients by another item what may be used of a list that is known, if it is new."""
        if self._is_seen(server):
            return []
        question = _Question(McpToolList(new_id("mcpl"), server.use.label), server)
        return self._show(question) + self._completed(question)

    def _completed(self, question: _Question) -> list[Effect]:
        seen = self._seen[question.item.label] = _by_name(question.server)
        question.item.tools = tuple(seen.values())
        return [*self._done(question), Send(McpListCompleted(question.item.id))]

    def _done(self, question: _Question) -> list[Effect]:
        """Tell clients the whole item, unless they have deleted it."""
        if self._conversation.get(question.item.id) is not question.item:
            return []
        return [Send(ItemDone(question.previous_id, question.item.wire()))]


def _uses(tools: Iterable[ToolEntry]) -> Iterator[McpUse]:
    return (use for use in tools if isinstance(use, McpUse))


def _by_name(server: _Server) -> dict[str, McpTool]:
    return {tool.name: tool for tool in server.tools if server.use.allows(tool)}
