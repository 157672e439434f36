"""HTTP error responses in the form of OpenAI's API."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from serving.access.keys import AccessDenied
from serving.lifecycle import Lifecycle
from serving.refused import Refused
from session.ports import CloseReason
from wire.errors import ProtocolError

_STATUSES = {CloseReason.BAD_KEY: 401, CloseReason.FULL: 429}
"""Statuses of refusals that a WebSocket client is told after the upgrade; of others it is 400."""
RETRY_AFTER = {"Retry-After": "2"}
"""Seconds after which a client may try again, and a load balancer this server."""
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: RETRY_AFTER, 503: RETRY_AFTER}


def error_body(error: ProtocolError) -> dict[str, Any]:
    """Return the JSON body of an error, as OpenAI's HTTP endpoints write it."""
    return {
        "error": {
            "message": error.message,
            "type": error.type,
            "param": error.param,
            "code": error.code,
        }
    }


async def access_denied(_request: Request, denied: AccessDenied) -> JSONResponse:
    """Answer a request without a key, or with a wrong one, as OpenAI does."""
    return JSONResponse(error_body(denied.error), 401, _HEADERS[401])


def refused(refusal: Refused) -> JSONResponse:
    """Answer a client that is refused a session."""
    status = refusal.http_status or _STATUSES.get(refusal.reason, 400)
    headers = {**_HEADERS.get(status, {}), **refusal.headers}
    return JSONResponse(error_body(refusal.error), status, headers)


async def request_refused(_request: Request, refusal: Refused) -> JSONResponse:
    """Answer a request that is refused before its endpoint is reached."""
    return refused(refusal)


def origin_refused() -> Refused:
    """Return why a web page may not connect."""
    return Refused(
        "origin_not_allowed",
        "Pages of this origin may not connect; the server's operator can allow it "
        "(server.allowed_origins).",
        http_status=403,
    )


def not_ready(lifecycle: Lifecycle) -> Refused:
    """Return why sessions are refused: models are loading, or the server is draining."""
    if lifecycle.state == "draining":
        code, message = "server_draining", "The server is shutting down; connect again."
    else:
        code, message = (
            "server_starting",
            "The server is loading its models; try again in a few seconds. GET /health says when "
            "it is ready.",
        )
    return Refused(
        code,
        message,
        reason=CloseReason.SERVER_STOPS,
        http_status=503,
        type_="server_error",
    )
