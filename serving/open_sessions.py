"""The sessions that are open: how many there may be, and how they end (§D.7, D.8)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loguru import logger

from config import LimitsConfig, Settings
from peers.base import Peer, PeerGone
from pipeline_manager import PipelineManager
from realtime_session import RealtimeSession
from serving.admission import Admitted
from serving.lifecycle import Lifecycle
from serving.refused import Refused
from session.ports import CloseReason
from telemetry.metrics import Metrics
from telemetry.tracing import Tracer
from telemetry.turn_log import TurnLog
from transport import RealtimeTransport
from wire.envelope import error_event
from wire.errors import ProtocolError

CLOSING_S = 5
"""Seconds that clients have, after the grace period, to receive what is still queued for them."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An open session: its transport, the task that serves it, and the holder of its key."""

    transport: RealtimeTransport
    task: asyncio.Task[Any] | None
    holder: str | None


class OpenSessions:
    """Runs the sessions of clients that were admitted, whatever peers they are."""

    def __init__(
        self,
        settings: Settings,
        manager: PipelineManager,
        lifecycle: Lifecycle,
        metrics: Metrics,
        tracer: Tracer | None = None,
    ) -> None:
        """Prepare.

        Args:
            settings: The configuration.
            manager: Builds the pipelines.
            lifecycle: Is told when the server begins to drain.
            metrics: Counts sessions and refusals.
            tracer: Where turns are traced; None: nowhere.
        """
        self._settings = settings
        self._manager = manager
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._tracer = tracer
        self._sessions: dict[str, _Open] = {}

    @property
    def active(self) -> int:
        """Number of open sessions."""
        return len(self._sessions)

    @property
    def limits(self) -> LimitsConfig:
        """What a client may do."""
        return self._settings.limits

    async def drain(self) -> None:
        """Refuse new sessions, and wait until the open ones have ended."""
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

    async def run(self, admitted: Admitted, peer: Peer, client: Peer | None = None) -> None:
        """Serve a client, from its greeting to its close.

        Args:
            admitted: The client's session, as `Admission.admit` returned it.
            peer: The client, whose connection is accepted.
            client: Of several clients behind the peer, the one that was admitted.
        """
        try:
            # Checked only now: another client may have taken the last place during the handshake.
            self._check_room(admitted.holder)
        except Refused as refusal:
            await self.refuse(refusal, admitted.client, peer)
            return
        config = admitted.config
        trace = self._tracer.session() if self._tracer is not None else None
        log = TurnLog(config.id, self._metrics, trace)
        log.opened(admitted.client, admitted.label)
        session = RealtimeSession(config)
        observe = (client or peer).send if admitted.observes else None
        transport = RealtimeTransport(session, self._manager, log, peer, observe)
        task = asyncio.current_task()
        self._sessions[config.id] = _Open(transport, task, admitted.holder)
        reason = CloseReason.FAILED.value
        try:
            reason = await transport.run()
        # A bug in the server must not look like a network failure, and must be logged (§D.7).
        except Exception:
            logger.exception(f"{config.id} failed")
            await _apologise(config.id, peer)
        finally:
            del self._sessions[config.id]
            log.closed(reason)

    async def refuse(self, refusal: Refused, client: str, peer: Peer) -> None:
        """Tell a client whose connection is accepted why it gets no session, and close."""
        self.note(refusal, client)
        with suppress(PeerGone):
            await peer.send_at_once(error_event(refusal.error))
        await peer.close(refusal.reason, refusal.close_message)

    def note(self, refusal: Refused, client: str) -> None:
        """Count and log a client that gets no session, so that its operator finds out why."""
        code = refusal.noted_as
        self._metrics.refused.labels(code).inc()
        logger.bind(event="connection.refused", code=code, client=client).info(
            f"{client} was refused: {code}"
        )

    def _check_room(self, holder: str | None) -> None:
        """Raise `Refused` if a limit on open sessions is reached; clients may try later (§D.7)."""
        limits = self._settings.limits
        if len(self._sessions) >= limits.sessions:
            raise Refused(
                "server_overloaded",
                f"The server has {limits.sessions} open sessions, and takes no more "
                "(limits.sessions). Try again later.",
                reason=CloseReason.FULL,
                type_="server_error",
            )
        own = sum(known.holder == holder for known in self._sessions.values())
        if holder is not None and own >= limits.sessions_per_key:
            raise Refused(
                "rate_limit_exceeded",
                f"This key has {own} open sessions, and may have no more "
                "(limits.sessions_per_key). Close one, or try again later.",
                reason=CloseReason.FULL,
                type_="rate_limit_error",
            )


async def _apologise(session_id: str, peer: Peer) -> None:
    message = (
        "The server had an error while processing your request. Sorry about that! "
        f"Please retry; mention the session {session_id} if it happens again."
    )
    error = ProtocolError(None, message, type_="server_error")
    with suppress(PeerGone, TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            await peer.send_at_once(error_event(error))
    await peer.close(CloseReason.FAILED, "internal error")
