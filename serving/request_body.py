"""Bodies of requests, of a bounded size."""

from __future__ import annotations

from fastapi import Request

from wire.errors import ProtocolError

MAX_BODY_BYTES = 1024 * 1024
"""Largest request body, in bytes."""


async def read_body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        most: Largest body, in bytes.

    Raises:
        ProtocolError: It is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ProtocolError("invalid_value", f"The request body is larger than {most} bytes.")
    return bytes(body)
