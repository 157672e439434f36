"""Endpoints for load balancers and monitoring: `/ready` and `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from serving.access.keys import Access
from serving.http_errors import RETRY_AFTER
from serving.lifecycle import Lifecycle
from serving.reachability import place, unreachable
from serving.stacks import Stacks
from telemetry.metrics import CONTENT_TYPE, Metrics


def operator_routes(
    stacks: Stacks, access: Access, lifecycle: Lifecycle, metrics: Metrics
) -> APIRouter:
    """Build `/ready` and `/metrics`, which need an API key where keys are configured.

    Args:
        stacks: Tell the addresses of the providers' services.
        access: Checks keys.
        lifecycle: Tells whether sessions can be opened.
        metrics: The metrics to report.
    """

    async def as_operator(request: Request) -> None:
        access.admit_operator(request.headers)

    router = APIRouter(dependencies=[Depends(as_operator)])

    @router.get("/ready")
    async def ready() -> JSONResponse:
        if not lifecycle.ready:
            return JSONResponse({"status": lifecycle.state}, 503, RETRY_AFTER)
        asked = {name: service.address for name, service in stacks.services().items()}
        missing = await unreachable(asked)
        if missing:
            return JSONResponse({"status": "providers_unreachable", "providers": missing}, 503)
        reached = {stage: place(address) for stage, address in asked.items()}
        return JSONResponse({"status": "ready", "providers": reached})

    @router.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    return router
