"""The connection of one session to one MCP server: opened when it is needed, reopened when lost.

Each connection is held by a task of its own, because `mcp`'s contexts end in the task in which they
began. Requests come from any task. A request that the server has certainly not taken is made once
more, on a new connection; one that may have been taken is not, for a tool may do something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any, TypeVar

import anyio
from loguru import logger
from mcp import Client, MCPError
from mcp.client.subscriptions import SubscriptionLost
from mcp.types import INTERNAL_ERROR, Implementation, ToolListChangedNotification
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from config import PRODUCT_NAME, VERSION
from session.mcp import McpFailed
from settings.mcp_settings import McpConfig
from tool_servers.failures import Gone, failure_of, timed_out
from tool_servers.http_client import ATTEMPT, Attempt
from tool_servers.processes import Processes
from tool_servers.targets import HttpTarget, Target
from tool_servers.transports import Streams, process, sse, streamable

Made = TypeVar("Made")

HTTP_CLOSE_S = 2.0
"""Seconds that a server has to take leave, before its connection is cut."""
PROCESS_CLOSE_S = 8.0
"""The same for a process: `mcp` closes its input, terminates it after 2 s, kills it after 4."""
AT_ONCE = 16
"""Requests to one server at once; more wait, and their time begins when they are made. HTTP has
connections beside (`http_client.CONNECTIONS`), for streams and what the server has forgotten."""
REASON_S = 1.0
"""Seconds that the end of a connection may take to say why it ended."""
_OLDER = {400, 404, 405, 406, 415, 501}
"""HTTP statuses by which a server that knows only SSE refuses streamable HTTP."""


class _Held:
    """One connection, and the task that holds it."""

    def __init__(self) -> None:
        self.ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        # Who waited may be gone by the time it fails.
        self.ready.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.stop = asyncio.Event()
        self.failure: McpFailed | None = None
        """Why it was lost, where that is known."""
        self.lost = False
        """Whether nothing more is read from it."""
        self.answers_apart = False
        """Whether answers come by another way than the request's own: that of SSE."""
        self.asking = 0
        """Requests under way on it."""
        self.retired = False
        """Whether it ends once those are answered, and is asked nothing more."""
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Note that nothing more comes."""
        self.lost = True
        self.stop.set()

    def retire(self) -> None:
        """Let it end when what it was asked is answered."""
        self.retired = True
        if not self.asking:
            self.stop.set()


class Connection:
    """A server, as one session is connected to it."""

    def __init__(
        self,
        target: Target,
        config: McpConfig,
        processes: Processes,
        changed: Callable[[], None],
        *,
        verbose: bool,
    ) -> None:
        """Prepare; nothing is connected before something is asked.

        Args:
            target: The server.
            config: How long things may take.
            processes: Counts the processes of all sessions.
            changed: Called when the server's list of tools has changed.
            verbose: Whether what a process writes to its standard error is shown.
        """
        self.target = target
        self._config = config
        self._processes = processes
        self._changed = changed
        self._verbose = verbose
        self._held: _Held | None = None
        """The connection that is asked next."""
        self._connections = 0
        """How many connections have been made so far."""
        self._all: set[_Held] = set()
        """The connections whose tasks have not ended."""
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._given_up: set[asyncio.Task[object]] = set()
        """Requests that nobody waits for any more, and that take a while to notice."""

    async def ask(
        self, make: Callable[[Client], Coroutine[Any, Any, Made]], *, lists: bool = False
    ) -> Made:
        """Make a request, once fewer than `AT_ONCE` others are under way.

        Args:
            make: Makes it.
            lists: Whether it asks for the list of tools.

        Raises:
            McpFailed: It failed, or took longer than `mcp.call_timeout_s`.
        """
        async with self._places:
            connections = self._connections
            try:
                return await self._ask(make, lists=lists)
            finally:
                if self._connections > max(connections, 1) and not lists:
                    # Whoever was started anew may have other tools, and has told nobody.
                    self._changed()

    async def _ask(
        self, make: Callable[[Client], Coroutine[Any, Any, Made]], *, lists: bool
    ) -> Made:
        held, is_new = await self._connected()
        attempt = Attempt()
        try:
            return await self._asked(held, make, attempt)
        except McpFailed as failed:
            # A list has several pages, of which the first may have come; asking does nothing.
            unsent_or_forgotten = attempt.unsent is not None or attempt.is_forgotten
            if is_new or not (attempt.can_be_repeated or (lists and unsent_or_forgotten)):
                if attempt.may_be_forgotten and failed.error.type == "http_error":
                    # What is asked next is asked on a new connection, lest all of it fail.
                    held.retire()
                raise
            held.retire()
        held, _is_new = await self._connected()
        return await self._asked(held, make, Attempt())

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that has not ended."""
        return bool(self._all)

    def leave(self) -> None:
        """Let the connection end when what it was asked is answered."""
        if self._held is not None:
            self._held.retire()

    async def close(self) -> None:
        """End all connections; a process that does not end is killed."""
        for request in self._given_up:
            request.cancel()
        for held in self._all:
            held.stop.set()
        tasks = {held.task for held in self._all if held.task is not None}
        if not tasks:
            return
        patience_s = HTTP_CLOSE_S if isinstance(self.target, HttpTarget) else PROCESS_CLOSE_S
        _ended, left = await asyncio.wait(tasks, timeout=patience_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    async def _connected(self) -> tuple[_Held, bool]:
        """Return the connection, and whether it was made for this request."""
        async with self._opening:
            held = self._held
            if held is not None and not (held.lost or held.retired):
                return held, False
            held = self._held = _Held()
            self._all.add(held)
            held.task = asyncio.create_task(self._hold(held), name=f"MCP {self.target.label}")
            held.task.add_done_callback(lambda _task: self._all.discard(held))
            try:
                await asyncio.wait([held.ready], timeout=self._config.connect_timeout_s)
            finally:
                if not held.ready.done():
                    held.retired = True
                    held.task.cancel()
            if not held.ready.done():
                seconds = self._config.connect_timeout_s
                raise timed_out(self.target, seconds, "mcp.connect_timeout_s")
            held.ready.result()
            self._connections += 1
            return held, True

    async def _asked(
        self, held: _Held, make: Callable[[Client], Coroutine[Any, Any, Made]], attempt: Attempt
    ) -> Made:
        """Make a request on a connection; raises `McpFailed`."""
        held.asking += 1
        before = ATTEMPT.set(attempt)
        request = asyncio.create_task(make(held.ready.result()))
        ATTEMPT.reset(before)
        refused = asyncio.create_task(attempt.failed.wait())
        # By SSE, `mcp` leaves a request unanswered that was refused.
        waits = {request, refused} if held.answers_apart else {request}
        try:
            await asyncio.wait(
                waits,
                timeout=self._config.call_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            refused.cancel()
            held.asking -= 1
            if not request.done():
                self._give_up(request)
            if held.retired:
                held.retire()
        if request.done():
            error = request.exception()
            if error is None:
                return request.result()
            known = failure_of(error, self.target, attempt)
            if not isinstance(known, Gone) or attempt.unsent or held.task is None:
                raise known
            # That the connection ended is known before why it did.
            await asyncio.wait([held.task], timeout=REASON_S)
            raise held.failure or known
        # Its answer may still come, or never: what is asked next has a connection of its own.
        held.retire()
        if attempt.failed.is_set():
            raise failure_of(MCPError(INTERNAL_ERROR, ""), self.target, attempt)
        raise timed_out(self.target, self._config.call_timeout_s, "mcp.call_timeout_s")

    def _give_up(self, request: asyncio.Task[Any]) -> None:
        """Cancel a request without waiting: telling the server of it may take a while."""
        self._given_up.add(request)
        request.add_done_callback(self._given_up.discard)
        request.add_done_callback(lambda done: done.cancelled() or done.exception())
        request.cancel()

    # --- what holds a connection ----------------------------------------------------------------

    async def _hold(self, held: _Held) -> None:
        """Connect, and hold the connection until it is to end or is lost."""
        attempt = Attempt()
        ATTEMPT.set(attempt)
        first: McpFailed | None = None
        try:
            with self._place():
                for transport, is_sse in self._transports(held):
                    failure = await self._held_by(held, transport, attempt, is_sse=is_sse)
                    first = first or failure
                    if failure is None or attempt.status not in _OLDER:
                        break
        except McpFailed as full:
            first = full
        held.end()
        if not held.ready.done():
            held.ready.set_exception(first or Gone(self.target))

    async def _held_by(
        self,
        held: _Held,
        transport: AbstractAsyncContextManager[Streams],
        attempt: Attempt,
        *,
        is_sse: bool,
    ) -> McpFailed | None:
        """Hold a connection; returns why there was none."""
        client = Client(
            transport,
            message_handler=self._told,
            client_info=Implementation(name=PRODUCT_NAME, version=VERSION),
            cache=None,
        )
        try:
            async with client:
                held.answers_apart = is_sse
                held.ready.set_result(client)
                await self._follow(held, client)
        # Whatever a stranger's server makes a library raise: it ends the connection, and no more.
        except Exception as error:
            if not held.ready.done():
                return failure_of(error, self.target, attempt)
            held.failure = failure_of(error, self.target, Attempt())
            logger.debug(f"MCP server {self.target.label}: the connection was lost")
        finally:
            held.end()
        return None

    def _transports(
        self, held: _Held
    ) -> Iterator[tuple[AbstractAsyncContextManager[Streams], bool]]:
        """Yield the ways to connect, and whether each is SSE."""
        target = self.target
        if isinstance(target, HttpTarget):
            yield streamable(target, self._config, held.end), False
            held.lost = False
            held.stop.clear()
            yield sse(target, self._config, held.end), True
        else:
            yield process(target, self._config, held.end, verbose=self._verbose), False

    def _place(self) -> AbstractContextManager[None]:
        if isinstance(self.target, HttpTarget):
            return nullcontext()
        return self._processes.place(self.target)

    async def _follow(self, held: _Held, client: Client) -> None:
        """Hear of changes until the connection is to end."""
        tools = client.server_capabilities.tools
        modern = client.protocol_version in MODERN_PROTOCOL_VERSIONS
        async with anyio.create_task_group() as group:
            if modern and tools is not None and tools.list_changed:
                group.start_soon(self._listen, held, client)
            await held.stop.wait()
            group.cancel_scope.cancel()

    async def _listen(self, held: _Held, client: Client) -> None:
        """Ask a server of 2026 or later to tell of changes, and notice when it no longer does."""
        try:
            async with client.listen(tools_list_changed=True) as events:
                async for _event in events:
                    # `_told` has heard of it already.
                    pass
        except SubscriptionLost:
            # Changes are missed from here on; the next request has a new connection, and a new
            # subscription.
            held.retire()
        except MCPError:
            # It does not tell of changes after all.
            return

    async def _told(self, message: object) -> None:
        """Take what a server tells: an older one without being asked, others while `_listen`."""
        if isinstance(message, ToolListChangedNotification):
            self._changed()
