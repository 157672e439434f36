"""Bodies of requests, of a bounded size, and whose sender does not keep us waiting."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from wire.errors import ProtocolError

MAX_BODY_BYTES = 1024 * 1024
"""Largest request body, in bytes."""
STALL_S = 30.0
"""Seconds for which nothing of a body may come."""
LEAST_BYTES_PER_S = 4096
"""How fast a body has to come, beyond its first `stall_s`: a byte now and then is no upload."""


class BodyStalled(ProtocolError):
    """The client does not go on with its request."""

    def __init__(self, came: int, stall_s: float) -> None:
        """Describe it.

        Args:
            came: Bytes that came.
            stall_s: Seconds for which nothing may come.
        """
        super().__init__(
            "request_timeout",
            f"The request's body does not go on: {came} bytes came, and then nothing for "
            f"{stall_s:g} s, or less than {LEAST_BYTES_PER_S} bytes per second. Send it again.",
        )


class BodyCutOff(ProtocolError):
    """The client has gone before the end of its request, and is told nothing any more."""

    def __init__(self) -> None:
        """Describe it."""
        super().__init__("request_cut_off", "The connection ended in the middle of the request.")


async def read_body(
    request: Request, most: int = MAX_BODY_BYTES, stall_s: float = STALL_S
) -> bytes:
    """Read the body of a request.

    Args:
        request: The request.
        most: Largest body, in bytes.
        stall_s: Seconds for which nothing of it may come.

    Raises:
        ProtocolError: It is too large.
        BodyStalled: It does not come.
        BodyCutOff: The client has gone.
    """
    body = bytearray()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(stall_s) as bound:
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise ProtocolError(
                        "invalid_value", f"The request body is larger than {most} bytes."
                    )
                slowest = begun + len(body) / LEAST_BYTES_PER_S
                bound.reschedule(min(loop.time(), slowest) + stall_s)
    except TimeoutError:
        raise BodyStalled(len(body), stall_s) from None
    except ClientDisconnect:
        raise BodyCutOff from None
    return bytes(body)
