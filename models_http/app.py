"""The application: OpenAI's endpoints for audio, on the engines of this server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from loguru import logger

from config import PRODUCT_NAME, VERSION, ConfigError, Settings
from models_http.calls import Calls
from models_http.engines import Engines
from models_http.metrics import CallMetrics
from models_http.refusals import Refusal, refused
from models_http.speech import SpeechEndpoint
from models_http.transcription import TranscriptionEndpoint
from providers.base import ProviderSetupError
from serving.access.browsers import PagesMiddleware
from serving.access.client_secrets import ClientSecrets
from serving.access.exposure import ExposureGuard
from serving.access.keys import Access, AccessDenied
from serving.http_errors import access_denied
from serving.process.cores import shared_cores
from serving.voice_list import voices_told
from settings.localisation import _
from telemetry.metrics import CONTENT_TYPE
from wire.errors import ProtocolError


def models_app(
    settings: Settings,
    engines: Engines,
    on_ready: Callable[[], None] = lambda: None,
    on_failed_start: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Build the application.

    Args:
        settings: The configuration: keys, limits.
        engines: What is served. They are loaded in the background when the application starts,
            unless that has been done, and released when it ends.
        on_ready: Called when calls are answered.
        on_failed_start: Called when the engines cannot be loaded, with the reason printed.
    """
    metrics = CallMetrics(engines)
    calls = Calls(engines, metrics)
    access = Access(settings.server, ClientSecrets(settings.server.secret))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        start = asyncio.create_task(_start(engines, on_ready, on_failed_start), name="start")
        try:
            with shared_cores():
                yield
        finally:
            start.cancel()
            await asyncio.wait([start])
            if engines.state in ("healthy", "draining"):
                await engines.close()

    app = FastAPI(
        title=f"{PRODUCT_NAME}: models",
        lifespan=lifespan,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.include_router(_watched(engines))
    app.include_router(_served(settings, engines, calls, access))
    app.exception_handler(AccessDenied)(access_denied)
    for kind in (Refusal, ProtocolError):
        app.exception_handler(kind)(refused)
    for status in (404, 405):
        app.add_exception_handler(status, _nothing_here)
    app.add_middleware(PagesMiddleware, access=access)
    app.add_middleware(ExposureGuard, server=settings.server)
    return app


async def _start(
    engines: Engines, on_ready: Callable[[], None], on_failed_start: Callable[[], None]
) -> None:
    try:
        if not engines.ready:
            await engines.start()
    # uvicorn's own log is off, so a failure to start is logged here.
    except Exception as error:
        logger.opt(exception=True).debug("the start failed")
        known = isinstance(error, ProviderSetupError | ConfigError)
        told = engines.redacted(str(error) if known else f"{type(error).__name__}: {error}")
        print(_("error: {error}").format(error=told), file=sys.stderr, flush=True)
        on_failed_start()
    else:
        on_ready()


def _watched(engines: Engines) -> APIRouter:
    """Build what balancers and supervisors ask, without a key; it names nothing."""
    router = APIRouter()

    @router.get("/livez")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        return JSONResponse({"status": engines.state}, 200 if engines.ready else 503)

    @router.get("/health")
    @router.head("/health", include_in_schema=False)
    async def health() -> JSONResponse:
        body = {"status": engines.state, "active_calls": engines.calls, "version": VERSION}
        return JSONResponse(body, 200 if engines.ready else 503)

    return router


def _served(settings: Settings, engines: Engines, calls: Calls, access: Access) -> APIRouter:
    """Build the routes that need a key if keys are configured."""

    async def with_key(request: Request) -> None:
        if not access.admits_page(request.headers):
            raise Refusal(
                403,
                "origin_not_allowed",
                "Pages of this origin may not call; the server's operator can allow it "
                "(server.allowed_origins).",
            )
        access.admit_operator(request.headers)

    router = APIRouter(dependencies=[Depends(with_key)])

    def post(path: str, answer: Callable[[Request], Any]) -> None:
        router.add_api_route(path, answer, methods=["POST"], response_model=None)

    if engines.stt is not None:
        transcription = TranscriptionEndpoint(engines.stt, calls, settings)
        post("/v1/audio/transcriptions", transcription.answer)
    if engines.tts is not None:
        speech = SpeechEndpoint(engines.tts, calls, settings)
        post("/v1/audio/speech", speech.answer)
        voice = engines.tts.provider

        @router.get("/v1/audio/voices")
        async def voices() -> JSONResponse:
            engines.check_ready()
            return JSONResponse(voices_told((one, ()) for one in voice.list_voices()))

    @router.get("/v1/models")
    async def models() -> JSONResponse:
        return JSONResponse({"object": "list", "data": _models(engines)})

    @router.get("/v1/models/{name:path}")
    async def model(name: str) -> JSONResponse:
        for one in _models(engines):
            if one["id"] == name:
                return JSONResponse(one)
        raise Refusal(
            404, "model_not_found", f"The model '{name[:100]}' is not served here.", "model"
        )

    @router.get("/metrics")
    async def counts() -> Response:
        return Response(calls.metrics.exposition(), media_type=CONTENT_TYPE)

    return router


def _models(engines: Engines) -> list[dict[str, Any]]:
    tasks: dict[str, list[str]] = {}
    for engine in engines.all:
        task = "transcription" if engine.kind == "stt" else "speech"
        tasks.setdefault(engine.name, []).append(task)
    return [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "open-realtime-server",
            "tasks": done,
        }
        for name, done in tasks.items()
    ]


async def _nothing_here(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that no route takes."""
    status = getattr(error, "status_code", 404)
    return Refusal(
        status,
        "not_found" if status == 404 else "method_not_allowed",
        f"There is no {request.method} {request.url.path} here. This server of models has POST "
        "/v1/audio/transcriptions and /v1/audio/speech (as far as it was started for both), GET "
        "/v1/audio/voices, /v1/models, /metrics, /health, /livez and /readyz.",
    ).response()
