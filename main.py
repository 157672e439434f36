"""The server: the application and its start. The front door of `serving/` and `telemetry/`.

`python main.py` runs it; `uvicorn main:app` does too, with the settings of the environment.
"""

from __future__ import annotations

if __name__ == "__main__":
    from settings.first_signal import heed_first_signal

    heed_first_signal()

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from settings.installation import Chosen, install_extra, missing_library
from settings.localisation import _

try:
    from fastapi import FastAPI
    from loguru import logger

    # Pipecat logs a greeting at import; `configure_logging` enables its log again for debug.
    logger.disable("pipecat")

    from config import PRODUCT_NAME, ConfigError, Settings, chosen_profile, load_settings
    from pipeline_manager import PipelineManager
    from providers.base import ProviderSetupError
    from serving.access.browsers import PagesMiddleware
    from serving.access.client_secrets import ClientSecrets
    from serving.access.exposure import ExposureGuard, check_exposure
    from serving.access.keys import Access, AccessDenied
    from serving.access.url_keys import UrlKeys
    from serving.addresses import Addresses
    from serving.admission import Admission
    from serving.banner import banner
    from serving.calls.registry import Calls
    from serving.calls.routes import CallRoutes
    from serving.calls.sidebands import Sidebands
    from serving.calls.whereabouts import Whereabouts
    from serving.command_line import arguments, chosen, run_check
    from serving.console.page import ConsolePage
    from serving.console.routes import console_routes
    from serving.downloading import download
    from serving.handshake import Service
    from serving.http_errors import access_denied, request_refused
    from serving.installing import install, refuse_incomplete, start_again
    from serving.lifecycle import Lifecycle
    from serving.listening import Listener, Listening
    from serving.ollama_offer import find_ollama
    from serving.open_sessions import OpenSessions
    from serving.operator_routes import operator_routes
    from serving.process.cores import shared_cores
    from serving.process.seat import ALONE, Seat, check_temporary_files, seats
    from serving.process.server import listener_of, serve, settled, work
    from serving.process.workers import run_workers
    from serving.public_routes import health_routes, http_routes
    from serving.recording.recorder import Recorder
    from serving.refused import Refused
    from serving.resuming import Resuming
    from serving.root_text import RootText
    from serving.silent_services import warning_of_silent_services
    from serving.stacks import Stacks
    from serving.store.shared import SharedStore
    from serving.testing.desk import Desk
    from serving.testing.routes import testing_routes
    from serving.testing.virtual_sessions import VirtualSessions
    from serving.websocket_route import WebSocketEndpoint
    from serving.wrong_paths import WrongPaths
    from settings.paths import AZURE_PATH, AZURE_PREVIEW_PATH
    from telemetry.logs import configure_logging
    from telemetry.loop_lag import watching
    from telemetry.metrics import Metrics
    from telemetry.shared_counts import counting_together, forget_process
    from telemetry.tracing import Tracer
    from tool_servers.servers import McpServers
except ModuleNotFoundError as missing:
    raise SystemExit(missing_library(missing.name)) from None


def create_app(
    settings: Settings,
    manager: PipelineManager | None = None,
    *,
    place: str | None = None,
    announce: Callable[[str], None] | None = None,
    on_failed_start: Callable[[], None] | None = None,
    alone: bool = True,
    seat: Seat = ALONE,
) -> FastAPI:
    """Build the application.

    Args:
        settings: The configuration.
        manager: A pipeline manager of your own, for the default stack; None builds one from the
            settings.
        place: Host and port to show in the banner (`localhost:8000`); None: unknown.
        announce: Called with the start-up banner when the server is ready; None prints it.
        on_failed_start: Called when the providers cannot start, with the reason printed; None
            ends the process.
        alone: False for a worker beside another, which has said what there is to say.
        seat: Its place among the workers of one server.

    Raises:
        ProviderSetupError: A provider cannot work as configured.
        ConfigError: A setting needs a library that is not installed, or another setting.
    """
    desk = Desk() if settings.server.testing else None
    if desk is not None and manager is None:
        manager = desk.manager(settings)
    stacks = Stacks(settings, manager)
    metrics = Metrics([stack.name for stack in stacks])
    tracer = _tracer() if settings.server.tracing else None
    tool_servers = McpServers(settings)
    client_secrets = ClientSecrets(settings.server.secret)
    said = announce or _print
    addresses = Addresses(place, settings.server.ws_path) if place is not None else None

    async def announce_ready() -> None:
        ollama = await find_ollama() if alone and stacks.default.pipelines.llm.for_trial else None
        said(banner(settings, stacks, addresses, ollama, calls.port, tool_servers.describe()))

    lifecycle = Lifecycle(stacks, announce_ready, on_failed_start)
    access = Access(settings.server, client_secrets)
    store = SharedStore(settings, metrics)
    recorder = Recorder(settings, metrics) if settings.recording.dir is not None else None
    listeners: list[Listener] = [recorder.listen] if recorder is not None else []
    listeners += [desk.listen] if desk is not None else []
    listening = Listening(listeners)
    if desk is not None:
        listening = Listening(listeners, desk.faults, lambda: desk.clock)
    sessions = OpenSessions(
        settings,
        lifecycle,
        metrics,
        tracer,
        tool_servers,
        store.leases,
        listening,
    )
    calls = Calls(settings, sessions, lifecycle, seat.worker)
    admission = Admission(settings, stacks, access, lifecycle)
    of_calls = (admission, calls, Whereabouts(settings.server, calls.ids, seat), sessions)
    resuming = Resuming(admission, store.sessions)
    endpoint = WebSocketEndpoint(admission, sessions, Sidebands(*of_calls), resuming)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with (
            # Sessions that end last are still recorded, and still give their leases back.
            recorder.running() if recorder is not None else nullcontext(),
            store.running(),
            lifecycle.running(calls),
            warning_of_silent_services(stacks, tool_servers, alone),
            watching(metrics.loop_lag.observe),
        ):
            with shared_cores():
                yield
        await tool_servers.close()
        metrics.close()
        if tracer is not None:
            await asyncio.to_thread(tracer.close)

    app = FastAPI(
        title=PRODUCT_NAME,
        lifespan=lifespan,
        # FastAPI would publish its schema and documentation pages to clients without a key.
        openapi_url=None,
        # A slash too many is answered with the right path (`serving/wrong_paths.py`).
        redirect_slashes=False,
        # Its own spans would have URLs in them, and so keys (`serving/access/url_keys.py`), and its
        # records what exceptions quote. Traces are those of `server.tracing` alone.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.lifecycle = lifecycle
    app.state.sessions = sessions

    services = {
        settings.server.ws_path: Service.OPENAI,
        AZURE_PATH: Service.AZURE,
        AZURE_PREVIEW_PATH: Service.AZURE_PREVIEW,
    }
    app.include_router(health_routes(lifecycle, lambda: metrics.open_sessions(sessions.active)))
    app.include_router(operator_routes(stacks, access, lifecycle, metrics))
    paths = list(services)
    if desk is not None:
        app.include_router(testing_routes(desk, access, sessions, settings.server))
    app.include_router(http_routes(settings, access, stacks, client_secrets, paths, lifecycle))
    app.include_router(CallRoutes(*of_calls).router(services))
    for path, service in services.items():
        app.add_api_websocket_route(path, endpoint.at(service))
        app.add_api_websocket_route(f"{path}/translations", endpoint.at(service, translates=True))
    wrong = WrongPaths(endpoint, settings.server.ws_path)
    root = RootText(wrong, settings.server)
    if settings.server.console:
        app.include_router(
            console_routes(settings, access, stacks, lifecycle, lambda: calls.why_none)
        )
        app.router.default = ConsolePage(root, settings.server)
    else:
        app.router.default = root
    app.add_exception_handler(405, wrong.method_not_allowed)
    app.exception_handler(AccessDenied)(access_denied)
    app.exception_handler(Refused)(request_refused)
    if desk is not None:
        app.add_middleware(VirtualSessions, desk=desk)
    app.add_middleware(PagesMiddleware, access=access)
    app.add_middleware(ExposureGuard, server=settings.server)
    app.add_middleware(UrlKeys)
    return app


def _print(text: str) -> None:
    print(text, flush=True)


def _tracer() -> Tracer:
    try:
        from telemetry.otel_tracing import TurnTracer
    except ImportError as missing:
        raise ConfigError(
            _("server.tracing needs the library '{library}': {install}, or leave it off.").format(
                library=missing.name, install=install_extra("tracing")
            )
        ) from None
    tracer = TurnTracer(PRODUCT_NAME)
    tracer.install()
    return tracer


def main(argv: list[str] | None = None) -> None:
    """Run the server until it is told to stop."""
    given = arguments(argv)
    server = {
        "host": given.host,
        "port": given.port,
        "workers": given.workers,
        "debug": given.debug or None,
        "log_level": given.log_level,
        "log_json": given.log_json or None,
        "insecure": given.insecure or None,
        "testing": given.testing or given.virtual_clock or None,
        "virtual_clock": given.virtual_clock or None,
    }
    flags = {name: value for name, value in server.items() if value is not None}
    stacks = {name: {"profile": stack_profile} for name, stack_profile in given.stack}
    recording = {"dir": given.record, "redact": given.record_redact or None}
    overrides: dict[str, Any] = {
        "server": flags,
        "stacks": stacks,
        "recording": {name: value for name, value in recording.items() if value is not None},
    }
    profile = given.download or given.profile
    try:
        settings = load_settings(
            given.config,
            profile,
            **{group: said for group, said in overrides.items() if said},
        )
        configure_logging(settings.server, settings.key_texts())
        start = chosen(given, profile or chosen_profile())
        if given.install and install(settings, start, yes=given.yes) and argv is None:
            start_again()
        if given.download is not None:
            download(settings)
            return
        if given.check:
            raise SystemExit(run_check(settings))
        refuse_incomplete(settings, start)
        check_exposure(settings.server)
        listener = listener_of(settings.server.host, settings.server.port)
        workers = settings.server.workers
        if workers == 1:
            status = serve(create_app, settings, listener, _print)
        else:
            check_temporary_files()
            ending_s = settings.server.drain_s + settings.server.shutdown_grace_s
            with counting_together() as counting, seats() as folder:
                share = (create_app, settings, listener, folder, counting)
                status = run_workers(workers, work, share, _print, forget_process, ending_s)
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(_("error: {error}").format(error=error)) from None
    if status:
        raise SystemExit(status)


def __getattr__(name: str) -> Any:
    """Build `main:app` when uvicorn asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
        configure_logging(settings.server, settings.key_texts())
        refuse_incomplete(settings, Chosen(chosen_profile()))
        return create_app(settings, announce=settled(_print))
    except (ConfigError, ProviderSetupError) as error:
        raise SystemExit(_("error: {error}").format(error=error)) from None


if __name__ == "__main__":
    if not sys.flags.safe_path and "" not in sys.path:
        # The user's own classes, which settings may name, are in the working directory.
        sys.path.append("")
    main()
