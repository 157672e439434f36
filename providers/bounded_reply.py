"""Replies of providers have an end: a service that never stops sending must not fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import httpx2

MIB = 1024 * 1024
MAX_REPLY_BYTES = {"stt": 16 * MIB, "llm": 64 * MIB, "tts": 512 * MIB}
"""Longest reply to one request: far beyond any turn. Speech is taken as fast as it is heard."""


class ReplyTooLong(Exception):
    """A service sends more than any turn can need."""


class _Bounded(httpx.AsyncByteStream, httpx2.AsyncByteStream):
    """A reply's body, for either library: the vendors' clients are not agreed on one."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for piece in self._stream:
            taken += len(piece)
            if taken > self._limit:
                raise ReplyTooLong(f"the reply is longer than {self._limit // MIB} MiB")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded(kind: str) -> Callable[[Any], Awaitable[None]]:
    """Return a response hook that ends too long replies to a stage: `stt`, `llm` or `tts`."""

    async def bound(response: httpx.Response | httpx2.Response) -> None:
        response.stream = _Bounded(response.stream, MAX_REPLY_BYTES[kind])

    return bound
