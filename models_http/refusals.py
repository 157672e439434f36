"""What a client is told that gets no answer: OpenAI's form of an error, with the right status.

OpenAI's SDKs, and so the gateways, try again by themselves after 408, 409, 429 and from 500 on.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

from serving.http_errors import error_body
from session.ports import FailureReason
from wire.errors import ProtocolError

RETRY_AFTER_S = 1
_STATUSES: Mapping[str, int] = {
    "invalid_request": 400,
    "rate_limit_exceeded": 429,
    "provider_unreachable": 504,
    "provider_error": 500,
}
"""Code of a failure → status. What is left is a matter of this server's own account elsewhere: no
fault of the client, nor one that goes away."""
_ELSEWHERE = 502


class Refusal(Exception):
    """A call that is not answered."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        param: str | None = None,
        *,
        retry_after_s: int | None = None,
        closes: bool = False,
    ) -> None:
        """Describe it.

        Args:
            status: HTTP status.
            code: For programs.
            message: For people: the thing, the reason and the remedy.
            param: The parameter at fault.
            retry_after_s: When another attempt is worth it; None: that is not known.
            closes: Whether the connection ends with the answer.
        """
        super().__init__(message)
        type_ = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.error = ProtocolError(code, message, param, type_=type_)
        self.retry_after_s = retry_after_s
        self.closes = closes

    @property
    def body(self) -> dict[str, object]:
        """The error as OpenAI writes it."""
        return error_body(self.error)

    def response(self) -> JSONResponse:
        """Return the answer."""
        headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        if self.closes:
            headers["Connection"] = "close"
        return JSONResponse(self.body, self.status, headers)


def full(what: str, parallel: int, queue: int) -> Refusal:
    """Return why a call finds no place.

    Args:
        what: The engine, `recogniser` or `voice`.
        parallel: Calls that it works on.
        queue: Calls that wait.
    """
    return Refusal(
        503,
        "server_overloaded",
        f"The {what} works on {parallel} calls, and {queue} wait: try again, or another server "
        "(model_server.queue).",
        retry_after_s=RETRY_AFTER_S,
    )


def failed(reason: FailureReason) -> Refusal:
    """Return what a client is told of an engine's failure."""
    return Refusal(_STATUSES.get(reason.code, _ELSEWHERE), reason.code, reason.message)


async def refused(_request: Request, error: Exception) -> JSONResponse:
    """Answer a `Refusal`, or what a parser refused."""
    if isinstance(error, Refusal):
        return error.response()
    if isinstance(error, ProtocolError):
        return JSONResponse(error_body(error), 400)
    raise error
