"""Passes requests for a call on to the process that has it, with the client's headers (§D.4).

That process checks the client's key again, by the same settings. It and this one trust each other
no further than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx2
from fastapi import Request, Response, WebSocket, WebSocketDisconnect
from loguru import logger
from starlette.requests import HTTPConnection
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from peers.websocket import CLOSE_CODES
from serving.addresses import CLIENT, client_of
from serving.calls.whereabouts import PASSED_ON, Replica, UnknownCall, Worker
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from session.ports import CloseReason

PATIENCE_S = 10
"""Seconds in which the process that has a call must answer."""
PING_S = 20
"""Seconds between pings to a replica, and those in which it must answer one."""
_LEFT_OUT = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        CLIENT,
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that concern one connection alone, or a body, which is not passed on."""
_CANNOT_BE_SENT = frozenset({1005, 1006, 1015})
"""Close codes that say how a connection ended, and are in no close frame."""


async def pass_request_on(request: Request, owner: Worker | Replica) -> Response:
    """Send a request without a body to who has the call, and return what that answers.

    Raises:
        Refused: It cannot be reached.
        UnknownCall: It has ended, and its calls with it.
    """
    transport = None
    base = "http://localhost"
    if isinstance(owner, Worker):
        transport = httpx2.AsyncHTTPTransport(uds=str(owner.door))
    else:
        base = owner.url
    headers = _passed_on(request, owner)
    try:
        async with httpx2.AsyncClient(
            transport=transport, trust_env=False, timeout=PATIENCE_S
        ) as http:
            answer = await http.request(
                request.method, base + _path(request.scope), headers=headers
            )
    except httpx2.TransportError as error:
        raise _unreachable(owner, error) from None
    kept = ("content-type", "www-authenticate", "retry-after")
    passed = {name: answer.headers[name] for name in kept if name in answer.headers}
    return Response(answer.content, answer.status_code, passed)


class SidebandRelay:
    """A sideband that this process passes on to the one that has its call."""

    def __init__(self, websocket: WebSocket, owner: Worker | Replica) -> None:
        """Prepare.

        Args:
            websocket: The client's connection, not accepted yet.
            owner: Who has the call.
        """
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self._websocket = websocket
        self._owner = owner
        self._cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def leave(self, grace_s: float) -> None:
        """End it, as this process stops.

        A worker that has the call stops too, and closes it by itself, after a running response. A
        replica goes on.
        """
        delay_s = grace_s if isinstance(self._owner, Worker) else 0
        asyncio.get_running_loop().call_later(delay_s, self._end)

    def _end(self) -> None:
        if not self._cut.done():
            self._cut.set_result(None)

    async def serve(self, sessions: OpenSessions) -> None:
        """Pass frames on both ways, until one side closes.

        Args:
            sessions: Is told, so that the process does not end before.

        Raises:
            Refused: Who has the call cannot be reached.
            UnknownCall: It has ended, and its calls with it.
        """
        try:
            other = await self._connection()
        except InvalidStatus as refused:
            answer = refused.response
            media_type = answer.headers.get("content-type")
            denial = Response(bytes(answer.body or b""), answer.status_code, media_type=media_type)
            await self._websocket.send_denial_response(denial)
            return
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise _unreachable(self._owner, error) from None
        async with other:
            with sessions.passing_on(self):
                await self._websocket.accept(subprotocol=other.subprotocol)
                await self._pass_on(other)

    def _connection(self) -> Awaitable[ClientConnection]:
        scope = self._websocket.scope
        offered = [Subprotocol(name) for name in scope.get("subprotocols", [])]
        options: dict[str, Any] = {
            "additional_headers": _passed_on(self._websocket, self._owner),
            "user_agent_header": None,
            "subprotocols": offered or None,
            "compression": None,
            "max_size": None,
            "open_timeout": PATIENCE_S,
        }
        path = _path(scope)
        if isinstance(self._owner, Worker):
            uri = f"ws://localhost{path}"
            return unix_connect(str(self._owner.door), uri, ping_interval=None, **options)
        uri = "ws" + self._owner.url.removeprefix("http") + path
        options |= {"ping_interval": PING_S, "ping_timeout": PING_S}
        return connect(uri, proxy=None, **options)

    async def _pass_on(self, other: ClientConnection) -> None:
        out = asyncio.create_task(self._from_client(other))
        back = asyncio.create_task(self._to_client(other))
        try:
            await asyncio.wait([out, back, self._cut], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (out, back):
                task.cancel()
            await asyncio.wait([out, back])
        if other.close_code is not None:
            await self._close(other.close_code, other.close_reason or "")
        elif self._cut.done():
            await self._close(CLOSE_CODES[CloseReason.SERVER_STOPS], "The server is shutting down.")

    async def _from_client(self, other: ClientConnection) -> None:
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            with suppress(ConnectionClosed):
                await other.send(message["bytes"] if text is None else text)

    async def _to_client(self, other: ClientConnection) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            async for text in other:
                assert isinstance(text, str), "events are text"
                await self._websocket.send_text(text)

    async def _close(self, code: int, reason: str) -> None:
        if code in _CANNOT_BE_SENT:
            code, reason = CLOSE_CODES[CloseReason.FAILED], "the connection to the call is lost"
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)


def _passed_on(connection: HTTPConnection, owner: Worker | Replica) -> list[tuple[str, str]]:
    """Return the headers of a request that is passed on."""
    headers: list[tuple[str, str]] = []
    for raw_name, value in connection.scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        if name not in _LEFT_OUT and not name.startswith("sec-websocket-"):
            headers.append((name, value.decode("latin-1")))
    mark = (PASSED_ON, "1") if isinstance(owner, Replica) else (CLIENT, client_of(connection))
    return [*headers, mark]


def _path(scope: Mapping[str, Any]) -> str:
    """Return path and query of a request, as this server's own routes have them."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    query = scope["query_string"].decode("latin-1")
    return quote(path) + (f"?{query}" if query else "")


def _unreachable(owner: Worker | Replica, error: Exception) -> Refused | UnknownCall:
    if isinstance(owner, Worker):
        return UnknownCall()
    logger.bind(event="replica.unreachable", replica=owner.name).warning(
        f"The replica {owner.name}, which has a call, cannot be reached by server.replica_url "
        f"({type(error).__name__}): what was asked of that call was refused."
    )
    return Refused(
        "replica_unreachable",
        f"The replica '{owner.name}', which has this call, cannot be reached "
        f"({type(error).__name__}). The server's operator can set server.replica_url.",
        http_status=502,
        type_="server_error",
    )
