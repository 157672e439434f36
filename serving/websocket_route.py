"""`/v1/realtime` as a WebSocket, from its handshake to its close (§D.7)."""

from __future__ import annotations

from fastapi import WebSocket

from peers.websocket import WebSocketPeer
from serving.admission import Admission, Asked
from serving.http_errors import refused
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from wire.beta_writing import BetaDialect
from wire.dialect import GADialect

SUBPROTOCOL = "realtime"
"""The only subprotocol that the server accepts, if the client offers it."""


class WebSocketEndpoint:
    """Opens sessions for WebSocket clients."""

    def __init__(self, admission: Admission, sessions: OpenSessions) -> None:
        """Prepare.

        Args:
            admission: Lets clients in.
            sessions: Runs their sessions.
        """
        self._admission = admission
        self._sessions = sessions

    async def serve(
        self, websocket: WebSocket, *, azure: bool = False, translates: bool = False
    ) -> None:
        """Serve one connection.

        Like OpenAI, it answers a bad handshake with an error event and closes, but refuses an
        unknown `call_id` with an HTTP status (§D.4).

        Args:
            websocket: The connection, not accepted yet.
            azure: Whether the path is Azure's.
            translates: Whether the path is that of translation sessions (§B.14).
        """
        offered = websocket.scope.get("subprotocols", [])
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        asked = Asked(
            websocket.query_params,
            websocket.headers,
            offered,
            _address(websocket),
            azure,
            translates,
        )
        try:
            admitted = self._admission.admit(asked)
        except Refused as refusal:
            if refusal.http_status is not None:
                self._sessions.note(refusal, asked.client)
                await websocket.send_denial_response(refused(refusal))
                return
            await websocket.accept(subprotocol=chosen)
            peer = WebSocketPeer(websocket, GADialect(), self._sessions.limits)
            await self._sessions.refuse(refusal, asked.client, peer)
            return
        await websocket.accept(subprotocol=chosen)
        kind = admitted.config.kind
        dialect = BetaDialect(kind) if admitted.beta else GADialect(kind)
        peer = WebSocketPeer(websocket, dialect, self._sessions.limits)
        await self._sessions.run(admitted, peer)


def _address(websocket: WebSocket) -> str:
    client = websocket.client
    return f"{client.host}:{client.port}" if client else "an unknown client"
