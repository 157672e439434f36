"""One WebSocket connection, from its handshake to its close (§D.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from loguru import logger

from config import Settings
from pipeline_manager import PipelineManager
from protocol import ProtocolError
from realtime_session import RealtimeSession
from serving.access.keys import Access, AccessDenied
from serving.admission import SUBPROTOCOL, Handshake, Refused, check_handshake
from serving.http_errors import error_body, not_ready, origin_refused
from serving.lifecycle import Lifecycle
from serving.process.uvicorn_websocket import GONE
from serving.session_start import Patch, start_session
from session.session_config import SessionConfig
from telemetry.metrics import Metrics
from telemetry.tracing import Tracer
from telemetry.turn_log import TurnLog
from transport import ClientGone, RealtimeTransport
from wire.beta_reading import read_minted
from wire.beta_writing import BetaDialect
from wire.dialect import Dialect, GADialect
from wire.envelope import error_event, serialize

_LEFT = {1000, 1001, 1005, 1006}
"""Codes with which clients leave, or are gone without a word."""
CLOSING_S = 5
"""Time that clients have to take what is left for them, beyond the grace period."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An open session: its transport, the task that serves it, and whose it is."""

    transport: RealtimeTransport
    task: asyncio.Task[Any] | None
    holder: str | None


class Connections:
    """Serves WebSockets, and knows which sessions are open."""

    def __init__(
        self,
        settings: Settings,
        manager: PipelineManager,
        access: Access,
        lifecycle: Lifecycle,
        metrics: Metrics,
        tracer: Tracer | None = None,
    ) -> None:
        """Serve with these.

        Args:
            settings: The configuration.
            manager: Builds the pipelines.
            access: Knows who may connect.
            lifecycle: Knows whether sessions can be opened.
            metrics: Counts them.
            tracer: Where turns are traced; None: nowhere.
        """
        self._settings = settings
        self._manager = manager
        self._access = access
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._tracer = tracer
        self._sessions: dict[str, _Open] = {}

    @property
    def active(self) -> int:
        """Number of open sessions."""
        return len(self._sessions)

    async def drain(self) -> None:
        """Open no session any more, and wait until those there are have ended."""
        self._lifecycle.drain()
        grace_s = self._settings.server.shutdown_grace_s
        tasks = [known.task for known in self._sessions.values() if known.task is not None]
        for known in list(self._sessions.values()):
            known.transport.leave(grace_s)
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s + CLOSING_S)

    def hurry(self) -> None:
        """Cut the responses that `drain` lets finish."""
        for known in list(self._sessions.values()):
            known.transport.leave(0)

    async def serve(
        self, websocket: WebSocket, *, azure: bool = False, translates: bool = False
    ) -> None:
        """Serve one connection.

        The service answers a bad handshake with an error event, then closes; a call that it does
        not know it refuses at once (§D.4).

        Args:
            websocket: The connection, not accepted yet.
            azure: Whether it came by Azure's path.
            translates: Whether it came by the path of translation sessions (§B.14).
        """
        if not self._lifecycle.ready:
            self._note(f"server_{self._lifecycle.state}", websocket)
            await websocket.send_denial_response(not_ready(self._lifecycle))
            return
        if not self._access.admits_origin(websocket.headers.get("origin")):
            self._note("origin_not_allowed", websocket)
            await websocket.send_denial_response(origin_refused())
            return
        offered = websocket.scope.get("subprotocols", [])
        wire = _WebSocketWire(websocket)
        refused: Refused | None = None
        try:
            grant = self._access.admit(websocket.headers, offered)
            if translates:
                raise Refused(
                    "unsupported_endpoint",
                    "Translation sessions are not supported by this server yet.",
                )
            asked = check_handshake(
                self._settings,
                websocket.query_params,
                websocket.headers,
                offered,
                grant.minted,
                azure=azure,
            )
            config = self._configure(asked)
        except AccessDenied as denied:
            # Azure refuses a bad key at once, OpenAI in an event (§D.7).
            error = denied.error
            status = 401 if azure else None
            refused = Refused(error.code, error.message, close_code=3000, http_status=status)
        except Refused as refusal:
            refused = refusal
        if refused is not None and refused.http_status is not None:
            self._note(_code(refused), websocket)
            body = error_body(refused.error)
            await websocket.send_denial_response(JSONResponse(body, refused.http_status))
            return
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        # Only now: while others were being accepted, the last place may have been taken.
        refused = refused or self._full(grant.holder)
        if refused is not None:
            self._note(_code(refused), websocket)
            with suppress(ClientGone):
                await wire.send(serialize(error_event(refused.error).wire()))
            await wire.close(refused.close_code, refused.close_reason)
            return
        trace = self._tracer.session() if self._tracer is not None else None
        log = TurnLog(config.id, self._metrics, trace)
        log.opened(_address(websocket), asked.model or asked.kind)
        dialect = BetaDialect(asked.kind) if asked.beta else GADialect(asked.kind)
        await self._run(config, dialect, wire, log, grant.holder)

    def _note(self, code: str, websocket: WebSocket) -> None:
        """Count and log a client that gets no session, so that its operator finds out why."""
        self._metrics.refused.labels(code).inc()
        logger.bind(event="connection.refused", code=code, client=_address(websocket)).info(
            f"{_address(websocket)} was refused: {code}"
        )

    def _full(self, holder: str | None) -> Refused | None:
        """Return why one more session would be too many; clients may come back (§D.7)."""
        limits = self._settings.limits
        if len(self._sessions) >= limits.sessions:
            return Refused(
                "server_overloaded",
                f"The server has {limits.sessions} open sessions, and takes no more "
                "(limits.sessions). Try again later.",
                close_code=1013,
                type_="server_error",
            )
        own = sum(known.holder == holder for known in self._sessions.values())
        if holder is not None and own >= limits.sessions_per_key:
            return Refused(
                "rate_limit_exceeded",
                f"This key has {own} open sessions, and may have no more "
                "(limits.sessions_per_key). Close one, or try again later.",
                close_code=1013,
                type_="rate_limit_error",
            )
        return None

    def _configure(self, asked: Handshake) -> SessionConfig:
        try:
            return start_session(
                self._settings,
                self._manager.capabilities,
                asked.kind,
                asked.model,
                None if asked.minted is None else _patch(asked.minted, asked),
            )
        except ProtocolError as error:
            # A replica with other providers than the one that made the client secret.
            raise Refused(error.code, error.message, error.param) from None

    async def _run(
        self,
        config: SessionConfig,
        dialect: Dialect,
        wire: _WebSocketWire,
        log: TurnLog,
        holder: str | None,
    ) -> None:
        session = RealtimeSession(config, dialect)
        session_id = config.id
        transport = RealtimeTransport(session, self._manager, log, dialect)
        self._sessions[session_id] = _Open(transport, asyncio.current_task(), holder)
        reason = "the server failed"
        try:
            reason = await transport.run(wire)
            reason = wire.cut_off_for or reason
        # A mistake of ours must neither look like a network failure nor go unnoticed (§D.7).
        except Exception:
            logger.exception(f"{session_id} failed")
            message = (
                "The server had an error while processing your request. Sorry about that! "
                f"Please retry; mention the session {session_id} if it happens again."
            )
            error = ProtocolError(None, message, type_="server_error")
            with suppress(ClientGone, TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    await wire.send(serialize(error_event(error).wire()))
            await wire.close(1011, "internal error")
        finally:
            del self._sessions[session_id]
            log.closed(reason)


def _address(websocket: WebSocket) -> str:
    client = websocket.client
    return f"{client.host}:{client.port}" if client else "an unknown client"


def _code(refused: Refused) -> str:
    return refused.error.code or ("missing_key" if refused.close_code == 3000 else "invalid")


def _patch(minted: dict[str, Any], asked: Handshake) -> Patch:
    # A key of the beta endpoints may open a GA session, which has no temperature (§A.9).
    known = {key: value for key, value in minted.items() if asked.beta or key != "temperature"}
    return read_minted(known, asked.kind).session


class _WebSocketWire:
    """A Starlette WebSocket as the transport's wire."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.cut_off_for: str | None = None
        """Why the connection ended, where the client did not just leave."""

    async def messages(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                code, reason = message.get("code"), message.get("reason")
                if code not in _LEFT:
                    self.cut_off_for = f"cut off with {code}" + (f": {reason}" if reason else "")
                return
            text = message.get("text")
            yield text if text is not None else message["bytes"]

    async def linger(self, seconds: float) -> None:
        # Another server than ours does not tell.
        gone = self._websocket.scope.get(GONE) or asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await gone.wait()

    async def send(self, frame: str) -> None:
        try:
            await self._websocket.send_text(frame)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a socket that was closed while we were sending.
            raise ClientGone from error

    async def close(self, code: int, reason: str) -> None:
        # The client may be gone, or have closed at the same moment.
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)
