"""Requests on their way in: how long one may take, and what becomes of it when the server leaves.

A call has its seat before its request is read, so that no more requests are in memory than calls
may run and wait.
"""

from __future__ import annotations

from fastapi import Request

from models_http.connection import ClientGone
from models_http.engines import Engines
from models_http.refusals import Refusal
from serving.request_body import BodyCutOff, BodyStalled, read_body


async def upload(request: Request, engines: Engines, most: int, stall_s: float) -> bytes:
    """Read the body of a call's request.

    Args:
        request: The request.
        engines: Whose end is not delayed by it.
        most: Largest body, in bytes.
        stall_s: Seconds for which nothing of it may come.

    Raises:
        ClientGone: The client has gone before its end.
        ProtocolError: It is too large.
        Refusal: It does not come, or the server has begun to leave.
    """
    try:
        async with engines.until_draining():
            return await read_body(request, most, stall_s)
    except BodyCutOff:
        raise ClientGone from None
    except BodyStalled as error:
        # What still comes of it would be taken for the next request, or dropped for ever.
        raise Refusal(408, "request_timeout", error.message, closes=True) from None
    except TimeoutError:
        engines.check_ready()
        raise
