"""The sessions that are open: how many there may be, and how they end (§D.7, D.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from loguru import logger

from config import LimitsConfig, Settings
from peers.base import NotConnected, Peer, PeerGone
from serving.admission import Admitted
from serving.http_errors import not_ready
from serving.lifecycle import Lifecycle
from serving.listening import Listening
from serving.refused import Refused
from serving.session_transport import transport_of
from serving.store.leases import Lease, Leases, TooMany
from session.ports import CloseReason
from telemetry.call_figures import CallFigures
from telemetry.clause_log import ClauseLog
from telemetry.metrics import Metrics
from telemetry.tracing import Tracer
from telemetry.turn_log import TurnLog
from tool_servers.servers import McpServers
from translation.settings import TranslationSettings
from translation.transport import TranslationTransport
from transport import RealtimeTransport
from wire.envelope import error_event
from wire.errors import ProtocolError

_DONE = {CloseReason.CLIENT_DONE, CloseReason.EXPIRED}
"""Why a session is over for good."""
CLOSING_S = 5
"""Seconds that clients have, after the grace period, to receive what is still queued for them."""


@dataclass(eq=False, slots=True)
class Place:
    """One of the sessions that there may be; taken before its client is connected."""

    holder: str | None
    """The holder of the client's key."""
    task: asyncio.Task[Any] | None = None
    """The task that serves it; None: not yet."""
    transport: RealtimeTransport | TranslationTransport | None = None
    """What runs the session; None: its client is not connected yet."""
    lease: Lease | None = None
    """What counts it in the store; None: nothing does."""

    def leave(self, grace_s: float) -> None:
        """End the session, a running response within `grace_s` seconds."""
        if self.transport is not None:
            self.transport.leave(grace_s)
        elif self.task is not None and not self.task.cancelling():
            # Once: a second time would interrupt its tidying up.
            self.task.cancel()

    def expire(self) -> None:
        """End the session as if its time were up."""
        if self.transport is not None:
            self.transport.expire()


class Answered(Protocol):
    """A call: its client has been answered, and has yet to connect (§D.2)."""

    @property
    def call_id(self) -> str:
        """The `rtc_…` id, for the log."""

    @property
    def client(self) -> Peer:
        """The client that opened the call, without those that joined it."""

    async def connected(self) -> None:
        """Wait until the client is connected.

        Raises:
            NotConnected: It will not be.
            PeerGone: Somebody has hung up meanwhile.
        """

    def figures(self) -> CallFigures:
        """Return how well its audio has come through."""


class Guest(Protocol):
    """A connection that this process passes on to the one that has its session."""

    task: asyncio.Task[Any]

    def leave(self, grace_s: float) -> None:
        """End it, at the latest in `grace_s` seconds."""


class OpenSessions:
    """Runs the sessions of clients that were admitted, whatever peers they are."""

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        metrics: Metrics,
        tracer: Tracer | None = None,
        tool_servers: McpServers | None = None,
        leases: Leases | None = None,
        listening: Listening | None = None,
    ) -> None:
        """Prepare.

        Args:
            settings: The configuration.
            lifecycle: Is told when the server begins to drain.
            metrics: Counts sessions and refusals.
            tracer: Where turns are traced; None: nowhere.
            tool_servers: The MCP servers that sessions may use; None: those of the settings.
            leases: Count the sessions of a key over all servers; None: each process for itself.
            listening: What listens to the sessions; None: nothing does.
        """
        self._settings = settings
        self._leases = leases
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._tracer = tracer
        self._tool_servers = tool_servers or McpServers(settings)
        self._listening = listening or Listening()
        self._places: set[Place] = set()
        self._guests: set[Guest] = set()
        self._fewer = asyncio.Event()
        """Set when a session or a guest has left."""
        self._hurried = asyncio.Event()

    @property
    def active(self) -> int:
        """Number of open sessions, those of clients that are about to connect among them."""
        return len(self._places)

    @property
    def limits(self) -> LimitsConfig:
        """What a client may do."""
        return self._settings.limits

    async def drain(self, live_on_s: float = 0) -> None:
        """Refuse new sessions, and wait until the open ones have ended.

        Args:
            live_on_s: Seconds that they may go on as if nothing were. Then idle ones are closed,
                and the others when their response is finished or the grace period is over.
        """
        self._lifecycle.drain()
        await self._live_on(live_on_s)
        grace_s = 0 if self._hurried.is_set() else self._settings.server.shutdown_grace_s
        served = self._served()
        tasks = [known.task for known in served if known.task is not None]
        for known in served:
            known.leave(grace_s)
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s + CLOSING_S)

    async def end_all(self) -> None:
        """End all sessions at once, and wait until they are over; further ones may begin."""
        tasks = [place.task for place in self._places if place.task is not None]
        for known in self._served():
            known.leave(0)
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSING_S)

    def hurry(self) -> None:
        """End what `drain` lets go on: sessions, and responses."""
        self._hurried.set()
        self._fewer.set()
        for known in self._served():
            known.leave(0)

    async def _live_on(self, seconds: float) -> None:
        """Wait until there are no sessions, `seconds` have passed, or `hurry` is called."""
        if not seconds or not self._served():
            return
        logger.bind(event="drain.begun", sessions=self.active).info(
            f"open sessions: {self.active}; they may go on for {seconds:g} s"
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._served() and not self._hurried.is_set():
                    self._fewer.clear()
                    await self._fewer.wait()
        if self._served():
            logger.bind(event="drain.over", sessions=self.active).info(
                f"open sessions: {self.active}; they are closed now"
            )

    def _served(self) -> list[Place | Guest]:
        return [*self._places, *self._guests]

    @contextmanager
    def passing_on(self, guest: Guest) -> Iterator[None]:
        """Let `drain` wait for a connection that is passed on to another process."""
        self._guests.add(guest)
        try:
            yield
        finally:
            self._guests.discard(guest)
            self._fewer.set()

    async def take_place(self, holder: str | None) -> Place:
        """Take one of the places that there are, until `run` ends or `give_up` is called.

        It is taken before the client is connected: of several replicas, one that is full is to say
        so while a load balancer can still try another.

        Args:
            holder: The holder of the client's key.

        Raises:
            Refused: A limit on open sessions is reached, or the server has begun to drain
                meanwhile; clients may try later (§D.7).
        """
        limits = self._settings.limits
        if len(self._places) >= limits.sessions:
            raise Refused(
                "server_overloaded",
                f"The server has {limits.sessions} open sessions, and takes no more "
                "(limits.sessions). Try again later.",
                reason=CloseReason.FULL,
                # A client learns more from an error event; a balancer reads HTTP alone.
                http_status=503 if self._settings.server.replica else None,
                type_="server_error",
            )
        own = sum(known.holder == holder for known in self._places)
        if holder is not None and own >= limits.sessions_per_key:
            raise _too_many(f"{own} open sessions")
        place = Place(holder)
        self._places.add(place)
        if self._leases is not None and holder is not None:
            try:
                place.lease = await self._leases.take(holder)
                if not self._lifecycle.ready:
                    # `drain` had nobody to wait for here.
                    raise not_ready(self._lifecycle)
            except TooMany as many:
                self.give_up(place)
                raise _too_many(f"{many.number} open sessions on all servers together") from None
            except BaseException:
                self.give_up(place)
                raise
        return place

    def give_up(self, place: Place) -> None:
        """Give up a place that is not used, or no longer."""
        self._places.discard(place)
        if self._leases is not None and place.lease is not None:
            self._leases.give_back(place.lease)
            place.lease = None
        self._fewer.set()

    async def run(
        self, admitted: Admitted, place: Place, peer: Peer, call: Answered | None = None
    ) -> None:
        """Serve a client, from its greeting to its close.

        Args:
            admitted: The client's session, as `Admission.admit` returned it.
            place: What `take_place` returned; it is given up at the end.
            peer: The client.
            call: What else there is to a client that has yet to connect; None: it is connected.
        """
        place.task = asyncio.current_task()
        config = admitted.config
        trace = self._tracer.session() if self._tracer is not None else None
        tap = self._listening.tap(admitted)
        note = tap.turn_over if tap is not None else None
        translates = isinstance(config, TranslationSettings)
        log = (ClauseLog if translates else TurnLog)(
            config.id, self._metrics, trace, admitted.stack.name, note
        )
        own = peer if call is None else call.client
        if tap is not None:
            peer = self._listening.tapped(admitted, peer, tap, place.expire)
        log.opened(admitted.client, admitted.label, call.call_id if call is not None else None)
        # Only a server that stops cancels a session.
        reason = CloseReason.SERVER_STOPS.value
        try:
            if call is not None:
                await call.connected()
            place.transport = transport_of(admitted, log, peer, own, self._tool_servers)
            reason = await place.transport.run()
            if isinstance(place.transport, RealtimeTransport):
                _note_end(admitted, place.transport)
        except NotConnected as failed:
            reason = "its client never connected"
            log.unconnected(str(failed))
        except PeerGone:
            reason = peer.left or CloseReason.CLIENT_DONE.value
            log.never_began()
        # A bug in the server must not look like a network failure, and must be logged (§D.7).
        except Exception:
            reason = CloseReason.FAILED.value
            logger.exception(f"{config.id} failed")
            await _apologise(config.id, peer)
        finally:
            self.give_up(place)
            connected = place.transport is not None
            log.closed(reason, call.figures() if call is not None and connected else None)
            if tap is not None:
                tap.closed(reason)

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


def _note_end(admitted: Admitted, transport: RealtimeTransport) -> None:
    """Note that nobody will resume a session that is over for good."""
    if admitted.kept is not None and transport.closed_for in _DONE:
        admitted.kept.unwanted()


def _too_many(number: str) -> Refused:
    return Refused(
        "rate_limit_exceeded",
        f"This key has {number}, and may have no more (limits.sessions_per_key). Close one, or try "
        "again later.",
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
