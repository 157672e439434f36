"""`/v1/realtime` as a WebSocket, from its handshake to its close (§D.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import WebSocket

from peers.websocket import WebSocketPeer
from serving.addresses import client_of
from serving.admission import Admission, Asked
from serving.calls.sidebands import Sidebands
from serving.handshake import Service
from serving.http_errors import refused
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from serving.resuming import Resuming
from wire.dialect import Dialect, GADialect

SUBPROTOCOL = "realtime"
"""The only subprotocol that the server accepts, if the client offers it."""


class WebSocketEndpoint:
    """Opens sessions for WebSocket clients."""

    def __init__(
        self,
        admission: Admission,
        sessions: OpenSessions,
        sidebands: Sidebands,
        resuming: Resuming,
    ) -> None:
        """Prepare.

        Args:
            admission: Lets clients in.
            sessions: Runs their sessions.
            sidebands: Lets them listen in to calls.
            resuming: Finds the sessions that they go on with.
        """
        self._admission = admission
        self._sessions = sessions
        self._sidebands = sidebands
        self._resuming = resuming

    def at(
        self, service: Service, *, translates: bool = False
    ) -> Callable[[WebSocket], Awaitable[None]]:
        """Return the endpoint of one path.

        Args:
            service: Whose path it is.
            translates: Whether it is that of translation sessions (§B.14).
        """

        async def endpoint(websocket: WebSocket) -> None:
            await self.serve(websocket, service, translates=translates)

        return endpoint

    async def serve(
        self, websocket: WebSocket, service: Service = Service.OPENAI, *, translates: bool = False
    ) -> None:
        """Serve one connection.

        Like OpenAI, it answers a bad handshake with an error event and closes, but refuses an
        unknown `call_id` with an HTTP status (§D.4).

        Args:
            websocket: The connection, not accepted yet.
            service: Whose path it is.
            translates: Whether the path is that of translation sessions (§B.14).
        """
        offered = websocket.scope.get("subprotocols", [])
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        asked = Asked(
            websocket.query_params,
            websocket.headers,
            offered,
            client_of(websocket),
            service,
            translates,
        )
        dialect: Dialect = GADialect()
        try:
            if "call_id" in asked.query:
                # As its end, it needs no server that takes new sessions: the call goes on.
                grant = self._admission.recognise(asked)
                await self._sidebands.join(websocket, asked, grant, chosen)
                return
            grant = self._admission.enter(asked, may_resume=self._resuming.is_on)
            async with self._resuming.admitted(asked, grant) as admitted:
                dialect = admitted.dialect()
                place = await self._sessions.take_place(admitted.holder)
                try:
                    await websocket.accept(subprotocol=chosen)
                    peer = WebSocketPeer(websocket, dialect, self._sessions.limits)
                    if admitted.kept is not None:
                        admitted.kept.client = peer
                    await self._sessions.run(admitted, place, peer)
                    if admitted.kept is not None and peer.closed_in_order:
                        admitted.kept.unwanted()
                finally:
                    self._sessions.give_up(place)
        except Refused as refusal:
            if refusal.http_status is not None:
                await self.deny(websocket, refusal)
                return
            await websocket.accept(subprotocol=chosen)
            peer = WebSocketPeer(websocket, dialect, self._sessions.limits)
            await self._sessions.refuse(refusal, asked.client, peer)

    async def deny(self, websocket: WebSocket, refusal: Refused) -> None:
        """Refuse the handshake itself, by an HTTP status.

        Args:
            websocket: The connection, not accepted yet.
            refusal: Why; it has an HTTP status.
        """
        self._sessions.note(refusal, client_of(websocket))
        await websocket.send_denial_response(refused(refusal))
