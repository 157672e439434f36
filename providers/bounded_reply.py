"""Replies of providers have an end: a service that never stops sending must not fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

MIB = 1024 * 1024
MAX_REPLY_BYTES = {"stt": 16 * MIB, "llm": 64 * MIB, "tts": 512 * MIB}
"""Longest reply to one request: far beyond any turn. Speech is taken as fast as it is heard."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for piece in self._stream:
            taken += len(piece)
            if taken > self._limit:
                raise httpx2.RemoteProtocolError(
                    f"the reply is longer than {self._limit // MIB} MiB"
                )
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded(kind: str) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a response hook that ends too long replies to a stage: `stt`, `llm` or `tts`."""
    limit = MAX_REPLY_BYTES[kind]

    async def bound(response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Bounded(response.stream, limit)

    return bound
