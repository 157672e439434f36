"""Bounds replies of providers: a service that never stops sending must not fill the memory.

The limit counts received bytes, so replies must not be compressed: they are requested without
compression, and one that is compressed all the same is refused before it is unpacked.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from math import inf
from typing import Any, Protocol

import aiohttp
import httpx2

from providers.base import StageFailure

MIB = 1024 * 1024
MAX_REPLY_BYTES = {"stt": 1 * MIB, "llm": 64 * MIB, "tts": 64 * MIB}
"""Longest reply to one request in bytes, far beyond any turn: a transcript, a response of 128,000
one-token deltas, 20 minutes of speech for one clause."""
MAX_NOTE_BYTES = 4 * MIB
"""Longest other reply in bytes: an error, or a list that was looked up (`GET`)."""

UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""Request headers that ask for replies without compression."""
_COMPRESSIONS = {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"}


class ReplyTooLong(StageFailure):
    """A service sends more than any turn can need."""


class ReplyCompressed(StageFailure):
    """A service, or a proxy before it, compresses although the request forbids it."""

    remedy = (
        "Have the server, or the proxy before it, not compress: it was asked not to "
        "(Accept-Encoding: identity)."
    )


class _Bounded:
    """A reply's body, which fails once it is too long."""

    def __init__(self, stream: Any, limit: int, encoding: str) -> None:
        self._stream = stream
        self._limit = limit
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for piece in self._stream:
            taken += len(piece)
            if failure := self._objection(taken):
                raise failure
            yield piece

    def _objection(self, taken: int) -> StageFailure | None:
        if _is_compressed(self._encoding):
            return _compressed(self._encoding)
        if taken > self._limit:
            return ReplyTooLong(f"the reply is longer than {self._limit // MIB} MiB")
        return None

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded(kind: str) -> Callable[[Any], Awaitable[None]]:
    """Return a response hook, for httpx and httpx2, that ends too long replies to a stage.

    Use it with clients that send `UNCOMPRESSED`.

    Args:
        kind: `stt`, `llm` or `tts`.
    """

    async def bound(response: Any) -> None:
        # Without this header no HTTP library decompresses the body.
        encoding = response.headers.pop("content-encoding", "")
        limit = MAX_REPLY_BYTES[kind]
        if response.is_error or response.request.method == "GET":
            limit = min(limit, MAX_NOTE_BYTES)
        kind_of_body = _like(type(response.stream))  # type: ignore[arg-type] # classes are hashable
        response.stream = kind_of_body(response.stream, limit, encoding)

    return bound


@cache
def _like(stream: type[object]) -> type[_Bounded]:
    """Return the class of bodies for the library that a stream is of.

    Some vendors' clients use httpx, others httpx2.
    """
    base = next(base for base in stream.__mro__ if base.__name__ == "AsyncByteStream")
    return type("Bounded", (_Bounded, base), {})


async def refuse_compressed(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Refuse compressed replies: a middleware for clients of aiohttp that send `UNCOMPRESSED`."""
    response = await handler(request)
    encoding = response.headers.get("Content-Encoding", "")
    if _is_compressed(encoding):
        response.close()
        raise _compressed(encoding)
    return response


def _is_compressed(encoding: str) -> bool:
    """Return whether a `Content-Encoding` names a compression; some servers write `utf-8` there."""
    return not _COMPRESSIONS.isdisjoint(name.strip().lower() for name in encoding.split(","))


def _compressed(encoding: str) -> ReplyCompressed:
    """Return the reason why a reply in `encoding` is refused."""
    return ReplyCompressed(f"the reply is compressed ({encoding.strip()[:40]})")


@functools.cache
def trusted() -> ssl.SSLContext:
    """Return a TLS context with the system's certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""
    return httpx2.create_ssl_context()


class _Headers(Protocol):
    def __setitem__(self, name: str, value: str) -> None: ...

    def pop(self, name: str, default: str | None = None) -> str | None: ...


class _Response(Protocol):
    status_code: int

    @property
    def headers(self) -> _Headers: ...


TOO_MANY = 429


MOST_WAIT_S = 2.0
"""Longest `Retry-After` that is obeyed: what a full server of models, or one that starts, says."""


async def wait_briefly(response: _Response) -> None:
    """Make a client library retry soon or not at all (a response hook of httpx).

    It would obey any `Retry-After`, which may be a minute of silence for a user who waits for an
    answer: longer ones are dropped, and it retries after half a second. After too many requests
    (429) it must not retry at all.
    """
    for name, per_second in (("retry-after", 1), ("retry-after-ms", 1000)):
        asked = response.headers.pop(name, None)
        if asked is not None and _seconds(asked) <= MOST_WAIT_S * per_second:
            response.headers[name] = asked
    if response.status_code == TOO_MANY:
        response.headers["x-should-retry"] = "false"


def _seconds(asked: str) -> float:
    try:
        # NaN is no wait: what compares with it is false.
        return float(asked)
    except ValueError:
        # A date, by somebody else's clock.
        return inf
