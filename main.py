"""The server: FastAPI routes, start-up, shut-down and command line.

`python main.py` runs it; `uvicorn main:app` does too, with the settings of the environment.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

try:
    import uvicorn
    from fastapi import FastAPI, WebSocket, WebSocketDisconnect
    from loguru import logger

    # Pipecat greets at import; `configure_logging` lets it speak when debug is on.
    logger.disable("pipecat")

    from config import PRODUCT_NAME, ConfigError, Settings, load_settings
    from handshake import Refused, check_handshake, model_names
    from pipeline_manager import PipelineManager
    from protocol import error_event, new_id, serialize
    from providers.base import ProviderSetupError
    from realtime_session import RealtimeSession
    from session_config import SessionConfig
    from transport import ClientGone, RealtimeTransport
    from turn_log import TurnLog
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"The library '{missing.name}' is missing: run `make run`, or "
        "`pip install -r requirements.txt`."
    ) from None

MAX_MESSAGE_BYTES = 24 * 1024 * 1024
"""Largest WebSocket message: 15 MiB of audio as base64, and room for the rest."""


def create_app(settings: Settings, manager: PipelineManager | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: The configuration.
        manager: A pipeline manager of your own; None builds one from the settings.

    Raises:
        ProviderSetupError: A provider cannot work as configured.
    """
    pipelines = manager or PipelineManager(settings)
    sessions: set[str] = set()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            await pipelines.start()
        except ProviderSetupError as error:
            print(f"error: {error}", file=sys.stderr)
            raise
        print(_banner(settings, pipelines), flush=True)
        yield
        await pipelines.close()

    app = FastAPI(title=PRODUCT_NAME, lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "healthy", "active_sessions": len(sessions)}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "open-realtime-server"}
            for name in model_names(settings)
        ]
        return {"object": "list", "data": data}

    @app.websocket(settings.server.ws_path)
    async def realtime(websocket: WebSocket) -> None:
        await _serve(websocket, settings, pipelines, sessions)

    return app


async def _serve(
    websocket: WebSocket, settings: Settings, manager: PipelineManager, sessions: set[str]
) -> None:
    """Serve one connection from handshake to close."""
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
    wire = _WebSocketWire(websocket)
    try:
        model = check_handshake(settings, websocket.query_params, websocket.headers, offered)
    except Refused as refused:
        # The service answers a bad handshake with an error event, then closes (§D.7).
        await wire.send(serialize(error_event(refused.error)))
        await wire.close(4000, refused.close_reason)
        return
    session_id = new_id("sess")
    config = SessionConfig(
        settings, manager.capabilities, session_id=session_id, model=model, now=time.time()
    )
    log = TurnLog(session_id)
    client = websocket.client
    log.opened(f"{client.host}:{client.port}" if client else "an unknown client", model)
    sessions.add(session_id)
    reason = "the server failed"
    try:
        reason = await RealtimeTransport(RealtimeSession(config), manager, log).run(wire)
    finally:
        sessions.discard(session_id)
        log.closed(reason)


class _WebSocketWire:
    """A Starlette WebSocket as the transport's wire."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket

    async def messages(self) -> AsyncIterator[str | bytes]:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            yield text if text is not None else message["bytes"]

    async def send(self, frame: str) -> None:
        try:
            await self._websocket.send_text(frame)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a socket that was closed while we were sending.
            raise ClientGone from error

    async def close(self, code: int, reason: str) -> None:
        await self._websocket.close(code, reason)


def _banner(settings: Settings, manager: PipelineManager) -> str:
    server = settings.server
    host = "localhost" if server.host in ("127.0.0.1", "::1", "0.0.0.0", "::") else server.host
    lines = [PRODUCT_NAME, f"  ws://{host}:{server.port}{server.ws_path}"]
    lines += [f"  {kind}  {label}" for kind, label in manager.describe().items()]
    if settings.llm.provider == "embedded":
        lines += [
            "The embedded assistant is for trying things out. A real model, e.g. from Ollama:",
            "  REALTIME_LLM__PROVIDER=openai REALTIME_LLM__API_BASE=http://localhost:11434/v1 "
            "REALTIME_LLM__MODEL=llama3.2 make run",
        ]
    return "\n".join(lines)


def configure_logging(debug: bool) -> None:
    """Log one line per session and per turn; with `debug`, all that Pipecat says too."""
    logger.remove()
    if debug:
        logger.enable("pipecat")
    logger.add(
        sys.stderr,
        level="DEBUG" if debug else "INFO",
        format="{time:HH:mm:ss} {level:<7} {message}" + (" ({name}:{line})" if debug else ""),
        backtrace=debug,
        diagnose=False,
    )


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
    parser.add_argument("--debug", action="store_true", help="log what every stage does")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the server until it is told to stop."""
    arguments = _arguments(argv)
    given = {"host": arguments.host, "port": arguments.port, "debug": arguments.debug or None}
    flags = {name: value for name, value in given.items() if value is not None}
    try:
        settings = load_settings(arguments.config, **({"server": flags} if flags else {}))
        configure_logging(settings.server.debug)
        app = create_app(settings)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(f"error: {error}") from None
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        log_level="info" if settings.server.debug else "critical",
        access_log=settings.server.debug,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    try:
        listener = listen(settings.server.host, settings.server.port)
    except OSError as error:
        raise SystemExit(
            f"error: {settings.server.host}:{settings.server.port} cannot be used "
            f"({error.strerror}). Choose another address with --port or --host."
        ) from None
    settings.server.port = listener.getsockname()[1]
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(1)


def __getattr__(name: str) -> Any:
    """Build `main:app` when uvicorn asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
        configure_logging(settings.server.debug)
        return create_app(settings)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
