"""Bodies of requests, of a bounded size."""

from __future__ import annotations

from fastapi import Request

from wire.errors import ProtocolError

MAX_BODY_BYTES = 1024 * 1024
"""Largest request body, in bytes."""


async def read_body(request: Request) -> bytes:
    """Read the body of a request.

    Raises:
        ProtocolError: It is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProtocolError(
                "invalid_value", f"The request body is larger than {MAX_BODY_BYTES} bytes."
            )
    return bytes(body)
