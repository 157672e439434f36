"""The HTTP side: health and probes, model names, client secrets (§D.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from config import VERSION, Settings
from serving.access.client_secrets import ClientSecrets
from serving.access.keys import Access, Grant
from serving.client_secret_routes import Mint, json_endpoint
from serving.http_errors import RETRY_AFTER, error_body, not_ready, refused
from serving.lifecycle import Lifecycle
from serving.model_names import model_names, opens_session
from serving.stacks import Stacks
from serving.voice_list import voice_list
from settings.paths import AZURE_SESSIONS_PATH, is_azure, models_paths
from wire.errors import ProtocolError


def health_routes(lifecycle: Lifecycle, active_sessions: Callable[[], int]) -> APIRouter:
    """Build `/health` and the probes `/livez` and `/readyz`, which need no key.

    A supervisor restarts what fails `/livez`, so that fails only with the event loop. It sends no
    clients to what fails `/readyz`, so that asks no provider: one that is gone would otherwise
    empty every replica at once.

    Args:
        lifecycle: Knows whether the providers have started.
        active_sessions: Number of open sessions.
    """
    router = APIRouter()

    @router.get("/health")
    @router.head("/health", include_in_schema=False)
    async def health() -> JSONResponse:
        body = {
            "status": lifecycle.state,
            "active_sessions": active_sessions(),
            "version": VERSION,
        }
        return JSONResponse(body, 200 if lifecycle.ready else 503)

    @router.get("/livez")
    @router.head("/livez", include_in_schema=False)
    async def livez() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    @router.head("/readyz", include_in_schema=False)
    async def readyz() -> PlainTextResponse:
        if lifecycle.ready:
            return PlainTextResponse("ok\n")
        return PlainTextResponse("not ready\n", 503, RETRY_AFTER)

    return router


def http_routes(
    settings: Settings,
    access: Access,
    stacks: Stacks,
    client_secrets: ClientSecrets,
    paths: list[str],
    lifecycle: Lifecycle,
) -> APIRouter:
    """Build the routes that need a key if keys are configured.

    Args:
        settings: The server's configuration.
        access: Checks keys.
        stacks: Tell what the providers can do.
        client_secrets: Makes client secrets.
        paths: Paths of the Realtime endpoints.
        lifecycle: Knows whether the providers have started.
    """

    async def with_key(request: Request) -> None:
        if request.method == "GET":
            request.state.grant = access.admit(request.headers)
        else:
            access.admit_operator(request.headers)

    router = APIRouter(dependencies=[Depends(with_key)])

    @router.get("/v1/audio/voices")
    async def voices(model: str | None = None) -> JSONResponse:
        if not lifecycle.ready:
            return refused(not_ready(lifecycle))
        return JSONResponse(voice_list([stacks.of(model)] if model else stacks))

    for path in models_paths(settings.server.ws_path):
        router.include_router(_models_routes(settings, path, stacks))
    for path in paths:
        mint = Mint(settings, stacks, client_secrets, azure=is_azure(path))
        actions = {
            "client_secrets": mint.client_secret,
            "sessions": mint.beta_session,
            "transcription_sessions": mint.beta_transcription_session,
            "translations/client_secrets": mint.translation_secret,
        }
        for name, action in actions.items():
            endpoint = json_endpoint(action, lifecycle)
            router.add_api_route(f"{path}/{name}", endpoint, methods=["POST"])
    preview = Mint(settings, stacks, client_secrets, azure=True)
    router.add_api_route(
        AZURE_SESSIONS_PATH, json_endpoint(preview.beta_session, lifecycle), methods=["POST"]
    )
    return router


def _models_routes(settings: Settings, path: str, stacks: Stacks) -> APIRouter:
    """Build the list of model names, and the look-up of one, which may have slashes (§D.7)."""
    router = APIRouter()
    azure = is_azure(path)

    def names_hosts(request: Request) -> bool:
        # Labels name hosts, which are none of a client secret's holder's business.
        grant: Grant = request.state.grant
        return grant.minted is None

    def described(name: str, *, with_stack: bool) -> dict[str, Any]:
        known = {"id": name, "object": "model", "created": 0, "owned_by": "open-realtime-server"}
        if not with_stack:
            return known
        stack = stacks.of(name)
        return {**known, "stack": {"name": stack.name, **stacks.told(stack)}}

    @router.get(path)
    async def models(request: Request) -> dict[str, Any]:
        with_stack = names_hosts(request)
        data = [described(name, with_stack=with_stack) for name in model_names(settings)]
        return {"object": "list", "data": data}

    @router.get(f"{path}/{{name:path}}")
    async def model(name: str, request: Request) -> JSONResponse:
        if opens_session(settings, name, azure=azure):
            return JSONResponse(described(name, with_stack=names_hosts(request)))
        error = ProtocolError(
            "model_not_found",
            f"The model '{name}' does not exist. GET {path} lists the names that do"
            + ("; without server.models_strict any name will do." if name else "."),
            "model",
        )
        return JSONResponse(error_body(error), 404)

    return router
