"""One process that serves: where it listens, how it runs, and how it stops."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Collection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI

from config import ConfigError, Settings
from providers.base import ProviderSetupError
from serving.addresses import place
from serving.lifecycle import Lifecycle
from serving.open_sessions import OpenSessions
from serving.process import garbage
from serving.process.draining_server import DrainingServer
from serving.process.ending import END_SIGNALS, HardEnd, taking_end_signals
from serving.process.seat import ALONE, Seat
from serving.process.uvicorn_websocket import server_config
from serving.process.workers import end_with_parent, is_orphaned, told_to_listen
from settings.localisation import _, system_reason
from telemetry.logs import configure_logging
from telemetry.shared_counts import Counting


class BuildApp(Protocol):
    """Builds the application to serve: `main.create_app`."""

    def __call__(
        self,
        settings: Settings,
        *,
        place: str | None,
        announce: Callable[[str], None],
        on_failed_start: Callable[[], None],
        alone: bool,
        seat: Seat,
    ) -> FastAPI:
        """Build it."""


def settled(announce: Callable[[str], None]) -> Callable[[str], None]:
    """Return a callback for a ready server: settle the garbage collector, then `announce`."""

    def ready(banner: str) -> None:
        garbage.settle()
        announce(banner)

    return ready


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address, and takes no connections yet.

    The protocol number matters: asyncio switches Nagle's algorithm off only for sockets that say
    they are TCP, and with it on small events wait for the client's next packet.

    Raises:
        OSError: The address is taken, or not one of this machine.
    """
    family, kind, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def listener_of(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """Bind the address that the settings name, before anything is loaded.

    Args:
        host: A name or an address of this machine.
        port: TCP port; 0: the system chooses one.
        backlog: How many connections may wait until they are accepted, from now on; None: none
            are taken yet.

    Raises:
        ConfigError: It cannot be used.
    """
    try:
        listener = bound_socket(host, port)
        if backlog is not None:
            listener.listen(backlog)
        return listener
    except OSError as error:
        raise ConfigError(
            _(
                "{host}:{port} cannot be used ({reason}). Choose another "
                "address with --port or --host."
            ).format(host=host, port=port, reason=system_reason(error))
        ) from error


def serve(
    build: BuildApp,
    settings: Settings,
    listener: socket.socket,
    announce: Callable[[str], None],
    signals: Collection[int] = END_SIGNALS,
    tidy: Callable[[], None] = lambda: None,
    alone: bool = True,
    seat: Seat = ALONE,
    left_alone: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Serve until a signal stops the process; a shutdown that hangs is ended by force.

    Args:
        build: Builds the application.
        settings: The configuration.
        listener: The bound socket to listen on.
        announce: See `create_app`.
        signals: Signals that stop it.
        tidy: See `HardEnd`.
        alone: False for a worker beside another, which answers until this one can serve.
        seat: Its place among the workers.
        left_alone: For a worker beside others: waits until none of those can serve either.

    Returns:
        The exit status.

    Raises:
        ProviderSetupError: A provider cannot work as configured.
        ConfigError: Its place cannot be taken, or a setting needs another.
    """

    def on_failed_start() -> None:
        server.should_exit = True

    app = build(
        settings,
        place=place(settings.server.host, listener.getsockname()[1]),
        announce=settled(announce),
        on_failed_start=on_failed_start,
        alone=alone,
        seat=seat,
    )
    door = seat.listen()
    sessions: OpenSessions = app.state.sessions
    hard_end = HardEnd(lambda: server.left, tidy)

    def live_on_s() -> float:
        # The parent was killed, and its supervisor may want the port again.
        return 0 if is_orphaned() else settings.server.drain_s

    server = DrainingServer(
        server_config(app, settings),
        sessions.drain,
        sessions.hurry,
        hard_end.within,
        live_on_s,
        settings.server.shutdown_grace_s,
        signals,
    )
    lifecycle: Lifecycle = app.state.lifecycle

    async def has_to_answer() -> bool:
        """Wait until this worker can serve, or no other one can."""
        awaited = [asyncio.ensure_future(lifecycle.started())]
        if left_alone is not None:
            awaited.append(asyncio.ensure_future(left_alone()))
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in awaited:
                one.cancel()
        return lifecycle.ready or not awaited[0].done()

    doors = [] if door is None else [door]
    if alone:
        # Whoever asks is told that models are loading.
        doors = [listener, *doors]
    else:
        server.listen_later(listener, has_to_answer)
    with taking_end_signals(server.handle_exit):
        server.run(sockets=doors)
    return int(lifecycle.state == "failed")


def work(
    ready: Connection,
    alone: bool,
    number: int,
    build: BuildApp,
    settings: Settings,
    listener: socket.socket,
    folder: Path | None,
    counting: Counting,
) -> None:
    """Serve as one of several workers (`workers.py`)."""
    end_with_parent()
    configure_logging(settings.server, settings.key_texts())
    seat = Seat(number, folder)

    def leave() -> None:
        seat.leave()
        counting.leave()

    signals = [signal.SIGTERM]
    try:
        status = serve(
            build,
            settings,
            listener,
            ready.send,
            signals,
            leave,
            alone,
            seat,
            left_alone=lambda: told_to_listen(ready),
        )
        raise SystemExit(status)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(_("error: {error}").format(error=error)) from None
    finally:
        leave()
