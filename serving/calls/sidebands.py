"""`?call_id=`: a further connection to a call, wherever the call is (§D.4)."""

from __future__ import annotations

from fastapi import WebSocket
from loguru import logger

from peers.websocket import WebSocketPeer
from serving.access.keys import Grant
from serving.admission import Admission, Asked, dialect_of
from serving.calls.registry import Calls
from serving.calls.relay import SidebandRelay
from serving.calls.whereabouts import Here, UnknownCall, Whereabouts
from serving.handshake import check_call_alone
from serving.open_sessions import OpenSessions
from serving.refused import Refused
from session.ports import CloseReason


def unknown_call() -> Refused:
    """Return the refusal of a request for a call that there is not."""
    return Refused(
        "call_id_not_found", "No session found for the provided call_id.", http_status=404
    )


class Sidebands:
    """Lets clients listen in."""

    def __init__(
        self, admission: Admission, calls: Calls, whereabouts: Whereabouts, sessions: OpenSessions
    ) -> None:
        """Prepare.

        Args:
            admission: Checks who may.
            calls: The calls of this process.
            whereabouts: Finds those of others.
            sessions: Is told of connections that are passed on.
        """
        self._admission = admission
        self._calls = calls
        self._whereabouts = whereabouts
        self._sessions = sessions

    async def join(
        self, websocket: WebSocket, asked: Asked, grant: Grant, subprotocol: str | None
    ) -> None:
        """Let a client listen in, until it leaves or the call is over.

        Args:
            websocket: The connection, not accepted yet.
            asked: The request.
            grant: What `Admission.recognise` returned.
            subprotocol: The subprotocol to accept.

        Raises:
            Refused: It may not, or there is no such call.
        """
        check_call_alone(asked.query)
        call_id = asked.query["call_id"]
        try:
            owner = self._whereabouts.of(call_id, asked.headers)
            if not isinstance(owner, Here):
                await SidebandRelay(websocket, owner).serve(self._sessions)
                return
        except UnknownCall:
            raise unknown_call() from None
        call = self._calls.find(call_id)
        if call is None:
            raise unknown_call()
        self._admission.check_control(asked, grant, call.admitted.holder)
        call.check_room()
        await websocket.accept(subprotocol=subprotocol)
        config = call.admitted.config
        dialect = dialect_of(config, asked.beta)
        peer = WebSocketPeer(websocket, dialect, self._sessions.limits, config.media)
        log = logger.bind(call_id=call_id, session_id=config.id, client=asked.client)
        log.bind(event="sideband.opened").info(f"{asked.client} listens in to {call_id}")
        reason = CloseReason.SERVER_STOPS.value
        try:
            reason = await call.peer.attend(peer)
        finally:
            log.bind(event="sideband.closed", reason=reason).info(
                f"{asked.client} listened in to {call_id}: {reason}"
            )
