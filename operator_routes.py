"""What the operator's own machines ask: whether to send clients here, and what has been counted."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from access import Access
from config import Settings
from lifecycle import Lifecycle
from metrics import CONTENT_TYPE, Metrics
from reachability import unreachable


def operator_routes(
    settings: Settings, access: Access, lifecycle: Lifecycle, metrics: Metrics
) -> APIRouter:
    """Build `/ready` and `/metrics`, which need an API key where keys are configured.

    Args:
        settings: Names the providers' services.
        access: Knows who may ask.
        lifecycle: Knows whether sessions can be opened.
        metrics: What has been counted.
    """

    async def as_operator(request: Request) -> None:
        access.admit_operator(request.headers)

    router = APIRouter(dependencies=[Depends(as_operator)])

    @router.get("/ready")
    async def ready() -> JSONResponse:
        if not lifecycle.ready:
            return JSONResponse({"status": lifecycle.state}, 503, {"Retry-After": "2"})
        missing = await unreachable(settings)
        if missing:
            return JSONResponse({"status": "providers_unreachable", "providers": missing}, 503)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return router
