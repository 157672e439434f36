"""The command of the server of models: its arguments, its start and its end."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from typing import Any, cast

from config import PRODUCT_NAME, VERSION, ConfigError, Settings, load_settings, profile_names
from models_http.app import models_app
from models_http.engines import KINDS, Engine, Engines, Kind
from providers.base import Provider, ProviderSetupError
from serving.access.exposure import check_exposure
from serving.addresses import place
from serving.process import garbage
from serving.process.draining_server import DrainingServer
from serving.process.ending import HardEnd, taking_end_signals
from serving.process.server import listener_of
from serving.process.uvicorn_websocket import server_config
from settings.arguments import PlainParser, whole_number
from settings.installation import command
from settings.localisation import _
from telemetry.logs import configure_logging

BACKLOG = 1024
"""Connections that may wait until they are accepted. They are taken before uvicorn listens: engines
that are loaded at once are announced before that, and whoever comes then waits."""
_ENDPOINTS: dict[Kind, str] = {"stt": "/v1/audio/transcriptions", "tts": "/v1/audio/speech"}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; None: those of the process."""
    parser = PlainParser(
        prog=command("models_http"),
        description=_(
            "{product}: its recogniser and its voice as a server of models, by OpenAI's HTTP "
            "endpoints for audio."
        ).format(product=PRODUCT_NAME),
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"{PRODUCT_NAME} {VERSION}",
        help=_("show program's version number and exit"),
    )
    parser.add_argument("--config", metavar="FILE", help=_("TOML file with settings"))
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help=_("a ready-made stack: {names}").format(names=", ".join(profile_names())),
    )
    parser.add_argument(
        "--only", choices=KINDS, help=_("serve the recogniser (stt) or the voice (tts) alone")
    )
    parser.add_argument("--host", help=_("address to bind (default 127.0.0.1)"))
    parser.add_argument("--port", type=whole_number, help=_("TCP port (default 8001)"))
    parser.add_argument(
        "--insecure", action="store_true", help=_("listen to other machines without API keys")
    )
    parser.add_argument("--debug", action="store_true", help=_("log what every stage does"))
    parser.add_argument("--log-level", metavar="LEVEL", help=_("debug, info, warning or error"))
    parser.add_argument(
        "--log-json", action="store_true", help=_("write the log as one JSON object per line")
    )
    return parser.parse_args(argv)


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the settings of a command line.

    Raises:
        ConfigError: They cannot be read, or make no sense.
    """
    server = {
        "host": given.host,
        "debug": given.debug or None,
        "log_level": given.log_level,
        "log_json": given.log_json or None,
        "insecure": given.insecure or None,
    }
    said: dict[str, dict[str, Any]] = {
        "server": {name: value for name, value in server.items() if value is not None},
        "model_server": {} if given.port is None else {"port": given.port},
    }
    overrides = {group: values for group, values in said.items() if values}
    return load_settings(given.config, given.profile, **overrides)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until a signal ends it."""
    given = arguments(argv)
    try:
        settings = settings_of(given)
        configure_logging(settings.server, settings.key_texts())
        check_exposure(settings.server)
        listener = listener_of(settings.server.host, settings.model_server.port, BACKLOG)
        kinds = KINDS if given.only is None else (cast(Kind, given.only),)
        status = serve(settings, Engines(settings, kinds), listener)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(_("error: {error}").format(error=error)) from None
    if status:
        raise SystemExit(status)


def serve(settings: Settings, engines: Engines, listener: socket.socket) -> int:
    """Serve until a signal stops the process; a shutdown that hangs is ended by force.

    Args:
        settings: The configuration.
        engines: What is served.
        listener: The bound socket to listen on.

    Returns:
        The exit status.
    """
    address = f"http://{place(settings.server.host, listener.getsockname()[1])}"

    def ready() -> None:
        garbage.settle()
        print(banner(engines, address, keys=bool(settings.server.api_keys)), flush=True)

    def failed() -> None:
        server.should_exit = True

    app = models_app(settings, engines, ready, failed)
    grace_s = settings.server.shutdown_grace_s

    async def drain(_live_on_s: float) -> None:
        await engines.drain(grace_s)

    def live_on_s() -> float:
        # Calls last seconds: nothing goes on beyond the time for what is being answered.
        return 0

    hard_end = HardEnd(lambda: server.left, lambda: None)
    config = server_config(app, settings)
    server = DrainingServer(config, drain, engines.hurry, hard_end.within, live_on_s, grace_s)
    with taking_end_signals(server.handle_exit):
        server.run(sockets=[listener])
    return int(engines.state == "failed")


def banner(engines: Engines, address: str, *, keys: bool) -> str:
    """Return what is said when calls are answered.

    Args:
        engines: What is served.
        address: Where.
        keys: Whether they need a key.
    """
    lines = [_("Models at {address}").format(address=address)]
    for engine in engines.all:
        lines.append(f"  POST {_ENDPOINTS[engine.kind]}  {_described(engine)}")
    table = {"stt": "REALTIME_STT__", "tts": "REALTIME_TTS__"}
    named = " ".join(
        f"{table[engine.kind]}PROVIDER=openai {table[engine.kind]}API_BASE={address}/v1"
        # The key is not for a log.
        + (f" {table[engine.kind]}API_KEY=…" if keys else "")
        for engine in engines.all
    )
    lines.append(_("A gateway uses them with {variables}").format(variables=named))
    return "\n".join(lines)


def _described(engine: Engine[Any]) -> str:
    provider: Provider = engine.provider
    return _("{label}, {count} at a time, {queue} waiting").format(
        label=provider.label, count=engine.places.parallel, queue=engine.places.queue
    )
