"""The calls of this process: how one begins, who has which, and how it ends (§D.2, D.3).

A call has its place among the sessions from the request on, and is answered at once. Its session
begins when its client has connected, and is run like any other (`open_sessions.py`).
"""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass, field

from loguru import logger

from config import ConfigError, Settings, WebRTCConfig
from peers.base import PeerGone
from peers.call import CallPeer
from peers.webrtc.media_port import InvalidOffer, MediaPort, MissingLibrary, UnknownHost
from peers.webrtc.peer import WebRTCPeer
from serving.admission import Admitted
from serving.calls.call_ids import CallIds, Owner
from serving.http_errors import not_ready
from serving.lifecycle import Lifecycle
from serving.open_sessions import OpenSessions, Place
from serving.refused import Refused
from session.ports import CloseReason
from settings.installation import add_extra
from settings.localisation import _, in_english, system_reason
from telemetry.call_figures import CallFigures

SIDEBANDS = 16
"""Clients that may listen in to one call."""


@dataclass(eq=False, slots=True)
class Call:
    """One call."""

    call_id: str
    admitted: Admitted
    place: Place
    client: WebRTCPeer
    peer: CallPeer
    """The client, and those that listen in."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def connected(self) -> None:
        """Wait until the client is connected; raises `NotConnected` or `PeerGone`."""
        connecting = asyncio.create_task(self.client.connected())
        ending = asyncio.create_task(self.hung_up.wait())
        try:
            await asyncio.wait([connecting, ending], return_when=asyncio.FIRST_COMPLETED)
            if self.hung_up.is_set():
                raise PeerGone
            connecting.result()
        finally:
            ending.cancel()
            connecting.cancel()

    def hang_up(self) -> None:
        """End it, as if its client had."""
        self.hung_up.set()
        self.peer.hang_up()

    def figures(self) -> CallFigures:
        """Return how well the client's audio came through."""
        return self.client.stats

    def check_room(self) -> None:
        """Check that another client may listen in; raises `Refused`."""
        if self.peer.sidebands >= SIDEBANDS:
            raise Refused(
                "rate_limit_exceeded",
                f"{SIDEBANDS} connections listen in to this call, and no more may.",
                reason=CloseReason.FULL,
                type_="rate_limit_error",
            )


class Calls:
    """All calls of this process."""

    def __init__(
        self, settings: Settings, sessions: OpenSessions, lifecycle: Lifecycle, worker: int
    ) -> None:
        """Prepare.

        Args:
            settings: The configuration.
            sessions: Runs their sessions.
            lifecycle: Tells whether sessions can be opened.
            worker: The number of this process among the workers of the server.
        """
        self._settings = settings
        self._sessions = sessions
        self._lifecycle = lifecycle
        self._worker = worker
        owner = Owner(settings.server.replica or "", worker)
        self.ids = CallIds(settings.server.secret, owner)
        self._port: MediaPort | None = None
        self._why_not = "it is starting."
        """Why there is no port, and what helps."""
        self._lacking = False
        """Whether that is a library."""
        self._running: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Bind the UDP port of all calls, where the library for calls is installed.

        Raises:
            ConfigError: It was chosen, and cannot be used. A port that nobody has chosen keeps
                nobody from the WebSocket: it is logged, and calls are told.
        """
        webrtc, server = self._settings.webrtc, self._settings.server
        port = webrtc.port_of_worker(self._worker, server.port)
        try:
            self._port = await MediaPort.open(
                webrtc,
                host=server.host,
                port=port,
                # Names of replicas may have characters that ICE's user names do not.
                owner="".join(filter(str.isalnum, str(self.ids.owner))),
            )
        except MissingLibrary as missing:
            # Each call is told so too, with the remedy.
            self._lacking = True
            with in_english():
                install = add_extra("webrtc")
            self._why_not = f"{missing}. Install what they need ({install}), and start it again."
            logger.debug(f"There are no WebRTC calls: {missing}")
        except OSError as error:
            if webrtc != WebRTCConfig():
                raise ConfigError(_cannot_listen(error, port)) from error
            with in_english():
                self._why_not = _cannot_listen(error, port)
            logger.bind(event="calls.unavailable").warning(self._why_not)

    async def close(self) -> None:
        """End all calls, and close the port."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._port is not None:
            await self._port.close()

    @property
    def port(self) -> int | None:
        """The UDP port of all calls; None: there can be none."""
        return None if self._port is None else self._port.port

    @property
    def why_none(self) -> str | None:
        """Why there can be no calls, and what helps, in English; None: there can be."""
        return self._why_not if self._port is None else None

    def check_installed(self) -> None:
        """Check that there can be calls.

        Raises:
            Refused: A library is not installed.
        """
        self._media()

    def find(self, call_id: str) -> Call | None:
        """Return a call that goes on."""
        return self._running.get(call_id)

    async def begin(self, admitted: Admitted, offer: str) -> tuple[str, str]:
        """Answer an offer; the session begins when the client connects.

        Args:
            admitted: The client's session, as `Admission.admit` returned it.
            offer: What the client offers, as SDP.

        Returns:
            The call's id, and the answer as SDP.

        Raises:
            Refused: A limit is reached, or the offer cannot be answered.
        """
        place = await self._sessions.take_place(admitted.holder)
        try:
            link, answer = await self._media().answer(offer)
        except InvalidOffer as error:
            self._sessions.give_up(place)
            raise Refused("invalid_offer", str(error)) from None
        except BaseException:
            self._sessions.give_up(place)
            raise
        client = WebRTCPeer(link, admitted.dialect(), self._sessions.limits)
        call = Call(self.ids.make(), admitted, place, client, CallPeer(client))
        if not self._lifecycle.ready:
            # It began to drain meanwhile, and waits for nobody that it did not see.
            self._sessions.give_up(place)
            await client.close(CloseReason.SERVER_STOPS)
            raise not_ready(self._lifecycle)
        self._running[call.call_id] = call
        task = asyncio.create_task(self._run(call), name=call.call_id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call.call_id, answer

    def hang_up(self, call: Call) -> None:
        """End a call, as if its client had; from now on it is unknown."""
        self._forget(call)
        call.hang_up()

    def _media(self) -> MediaPort:
        if self._port is None:
            raise Refused(
                "webrtc_not_installed" if self._lacking else "webrtc_unavailable",
                f"This server takes no WebRTC calls: {self._why_not} Or connect by WebSocket.",
                http_status=501,
                type_="server_error",
            )
        return self._port

    def _forget(self, call: Call) -> None:
        self._running.pop(call.call_id, None)

    async def _run(self, call: Call) -> None:
        reason = CloseReason.CLIENT_DONE
        try:
            await self._sessions.run(call.admitted, call.place, call.peer, call)
        except asyncio.CancelledError:
            reason = CloseReason.SERVER_STOPS
            raise
        finally:
            self._forget(call)
            await call.peer.close(reason)
            await call.peer.alone()


def _cannot_listen(error: OSError, port: int) -> str:
    """Say why there are no calls, and what to do about it."""
    reason = system_reason(error)
    if isinstance(error, UnknownHost):
        return _(
            "WebRTC calls cannot be announced ({reason}). Correct webrtc.public_hosts "
            "(REALTIME_WEBRTC__PUBLIC_HOSTS)."
        ).format(reason=reason)
    if error.errno == errno.EADDRNOTAVAIL:
        return _(
            "WebRTC calls have no address to listen on ({reason}). Name others with "
            "webrtc.interfaces (REALTIME_WEBRTC__INTERFACES)."
        ).format(reason=reason)
    if error.errno == errno.EADDRINUSE:
        reason = os.strerror(errno.EADDRINUSE)
    return _(
        "UDP port {port}, which WebRTC calls use, cannot be used ({reason}). Choose "
        "another one with webrtc.udp_port (REALTIME_WEBRTC__UDP_PORT)."
    ).format(port=port, reason=reason)
