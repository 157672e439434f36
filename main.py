"""The server: FastAPI routes, start-up, shut-down and command line.

`python main.py` runs it; `uvicorn main:app` does too, with the settings of the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any

try:
    from fastapi import FastAPI, WebSocket
    from loguru import logger

    # Pipecat greets at import; `configure_logging` lets it speak when debug is on.
    logger.disable("pipecat")

    from config import PRODUCT_NAME, ConfigError, Settings, load_settings, profile_names
    from end_signals import END_SIGNALS, taking_end_signals
    from pipeline_manager import PipelineManager
    from providers.base import ProviderSetupError
    from serving.access.client_secrets import ClientSecrets
    from serving.access.keys import (
        Access,
        AccessDenied,
        ExposureGuard,
        PagesMiddleware,
        check_exposure,
    )
    from serving.lifecycle import Lifecycle
    from serving.open_sessions import Connections
    from serving.operator_routes import operator_routes
    from serving.process import garbage
    from serving.process.draining_server import DrainingServer
    from serving.process.ending import HardEnd
    from serving.process.uvicorn_websocket import server_config
    from serving.process.workers import end_with_parent, run_workers
    from serving.public_routes import access_denied, health_route, http_routes, not_found
    from serving.stack_check import check, table
    from settings.paths import AZURE_PATHS
    from telemetry.logs import configure_logging
    from telemetry.loop_lag import watching
    from telemetry.metrics import Metrics
    from telemetry.shared_counts import Counting, counting_together, forget_process
    from telemetry.tracing import Tracer
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"The library '{missing.name}' is missing: run `make run`, or "
        "`pip install -r requirements.txt`."
    ) from None

SWITCH_INTERVAL_S = 0.0005
"""How long a thread that computes may keep the interpreter when the event loop wants it. Numpy lets
go of it many times in a row; with Python's 5 ms each, a session that has noise cleaned would keep
all others waiting."""


def create_app(
    settings: Settings,
    manager: PipelineManager | None = None,
    *,
    address: str | None = None,
    announce: Callable[[str], None] | None = None,
    on_failed_start: Callable[[], None] | None = None,
) -> FastAPI:
    """Build the application.

    Args:
        settings: The configuration.
        manager: A pipeline manager of your own; None builds one from the settings.
        address: Where it will listen, for people (`ws://localhost:8000`); None: unknown.
        announce: Called with what people should know when it is ready; None prints it.
        on_failed_start: Called when the providers cannot start, with the reason printed; None
            ends the process.

    Raises:
        ProviderSetupError: A provider cannot work as configured.
        ConfigError: Something that is asked for is not installed.
    """
    metrics = Metrics()
    tracer = _tracer() if settings.server.tracing else None
    pipelines = manager or PipelineManager(settings)
    client_secrets = ClientSecrets(settings.server.secret)
    said = announce or _print
    lifecycle = Lifecycle(
        pipelines, lambda: said(_banner(settings, pipelines, address)), on_failed_start
    )
    access = Access(settings.server, client_secrets)
    connections = Connections(settings, pipelines, access, lifecycle, metrics, tracer)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        async with lifecycle.running(), watching(metrics.loop_lag.observe):
            yield
        metrics.close()
        if tracer is not None:
            await asyncio.to_thread(tracer.close)

    # FastAPI would publish its schema, and pages that show it, to whoever has no key.
    app = FastAPI(title=PRODUCT_NAME, lifespan=lifespan, openapi_url=None)
    app.state.lifecycle = lifecycle
    app.state.connections = connections

    paths = [settings.server.ws_path, *AZURE_PATHS]
    app.include_router(health_route(lifecycle, lambda: metrics.open_sessions(connections.active)))
    app.include_router(operator_routes(pipelines, access, lifecycle, metrics))
    app.include_router(http_routes(settings, access, pipelines, client_secrets, paths, lifecycle))

    async def realtime(websocket: WebSocket) -> None:
        await connections.serve(websocket, azure=websocket.url.path in AZURE_PATHS)

    async def translation(websocket: WebSocket) -> None:
        await connections.serve(websocket, translates=True)

    for path in paths:
        app.add_api_websocket_route(path, realtime)
        app.add_api_websocket_route(f"{path}/translations", translation)
    app.add_exception_handler(404, not_found)
    app.add_exception_handler(AccessDenied, access_denied)
    app.add_middleware(PagesMiddleware, access=access)
    app.add_middleware(ExposureGuard, server=settings.server)
    return app


def _settled(announce: Callable[[str], None]) -> Callable[[str], None]:
    """Return what else a process that serves does when it is ready."""

    def ready(banner: str) -> None:
        garbage.settle()
        announce(banner)

    return ready


def _print(banner: str) -> None:
    print(banner, flush=True)


def _tracer() -> Tracer:
    try:
        from telemetry.otel_tracing import TurnTracer
    except ImportError as missing:
        raise ConfigError(
            f"server.tracing needs the library '{missing.name}': "
            "pip install -r requirements/tracing.txt, or leave it off."
        ) from None
    tracer = TurnTracer(PRODUCT_NAME)
    tracer.install()
    return tracer


def _banner(settings: Settings, manager: PipelineManager, address: str | None) -> str:
    lines = [PRODUCT_NAME, f"  {address or ''}{settings.server.ws_path}"]
    lines += [f"  {kind}  {label}" for kind, label in manager.describe().items()]
    if manager.llm.for_trial:
        lines += [
            "The embedded assistant is for trying things out. A real model, e.g. from Ollama:",
            "  REALTIME_LLM__PROVIDER=ollama REALTIME_LLM__MODEL=llama3.2 make run",
        ]
    return "\n".join(lines)


def listen(host: str, port: int) -> socket.socket:
    """Bind the server's address before anything is loaded.

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


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"{PRODUCT_NAME}: OpenAI's Realtime API, locally.")
    parser.add_argument("--config", metavar="FILE", help="TOML file with settings")
    parser.add_argument("--host", help="address to bind (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="TCP port (default 8000)")
    parser.add_argument(
        "--insecure", action="store_true", help="listen to other machines without API keys"
    )
    parser.add_argument("--workers", type=int, help="processes, about one per core (default 1)")
    parser.add_argument("--debug", action="store_true", help="log what every stage does")
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    parser.add_argument(
        "--log-json", action="store_true", help="write the log as one JSON object per line"
    )
    parser.add_argument(
        "--profile", metavar="NAME", help=f"a ready-made stack: {', '.join(profile_names())}"
    )
    parser.add_argument(
        "--check", action="store_true", help="try voice, recogniser and model once, and say how"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the server until it is told to stop."""
    arguments = _arguments(argv)
    given = {
        "host": arguments.host,
        "port": arguments.port,
        "workers": arguments.workers,
        "debug": arguments.debug or None,
        "log_level": arguments.log_level,
        "log_json": arguments.log_json or None,
        "insecure": arguments.insecure or None,
    }
    flags = {name: value for name, value in given.items() if value is not None}
    try:
        settings = load_settings(
            arguments.config, arguments.profile, **({"server": flags} if flags else {})
        )
        configure_logging(settings.server)
        if arguments.check:
            raise SystemExit(run_check(settings))
        check_exposure(settings.server)
        listener = _listener(settings)
        workers = settings.server.workers
        if workers == 1:
            status = serve(settings, listener)
        else:
            grace_s = settings.server.shutdown_grace_s
            with counting_together() as counting:
                share = (settings, listener, counting)
                status = run_workers(workers, work, share, _print, forget_process, grace_s)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(f"error: {error}") from None
    if status:
        raise SystemExit(status)


def serve(
    settings: Settings,
    listener: socket.socket,
    announce: Callable[[str], None] = _print,
    signals: Collection[int] = END_SIGNALS,
    tidy: Callable[[], None] = lambda: None,
) -> int:
    """Serve until the process is told to stop; it has to be over soon then.

    Args:
        settings: The configuration.
        listener: Where to listen; bound.
        announce: See `create_app`.
        signals: Those that tell it to stop.
        tidy: See `HardEnd`.

    Returns:
        The exit status.

    Raises:
        ProviderSetupError: A provider cannot work as configured.
    """
    app = create_app(
        settings,
        address=_address(settings, listener),
        announce=_settled(announce),
        on_failed_start=lambda: setattr(server, "should_exit", True),
    )
    sessions: Connections = app.state.connections
    hard_end = HardEnd(lambda: server.left, tidy)
    config, grace_s = server_config(app, settings), settings.server.shutdown_grace_s
    server = DrainingServer(
        config, sessions.drain, sessions.hurry, hard_end.within, grace_s, signals
    )
    with taking_end_signals(server.handle_exit):
        server.run(sockets=[listener])
    return int(app.state.lifecycle.state == "failed")


def work(
    ready: Connection, settings: Settings, listener: socket.socket, counting: Counting
) -> None:
    """Serve as one of several workers (`serving/process/workers.py`)."""
    end_with_parent()
    configure_logging(settings.server)
    try:
        raise SystemExit(serve(settings, listener, ready.send, [signal.SIGTERM], counting.leave))
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(f"error: {error}") from None
    finally:
        counting.leave()


def run_check(settings: Settings) -> int:
    """Try the configured stack and print what became of it; returns the exit status."""
    verdicts = asyncio.run(check(settings))
    print(table(verdicts))
    return int(any(verdict.error for verdict in verdicts))


def _listener(settings: Settings) -> socket.socket:
    server = settings.server
    try:
        return listen(server.host, server.port)
    except OSError as error:
        raise ConfigError(
            f"{server.host}:{server.port} cannot be used ({error.strerror}). "
            "Choose another address with --port or --host."
        ) from error


def _address(settings: Settings, listener: socket.socket) -> str:
    host = settings.server.host
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else host
    return f"ws://{shown}:{listener.getsockname()[1]}"


def __getattr__(name: str) -> Any:
    """Build `main:app` when uvicorn asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
        configure_logging(settings.server)
        return create_app(settings, announce=_settled(_print))
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
