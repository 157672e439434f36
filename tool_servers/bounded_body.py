"""What of an answer's body is read: not what is compressed, too long, or of too many values.

A body is read as JSON on the event loop, which other sessions share. A long text costs it next to
nothing; what costs is each value, so a short body of very many values would stall them all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable

import httpx2

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Longest message that is read: one answer, or one event of a stream. Servers send a result twice,
as text and structured, and pictures, which nobody is told."""
VALUES_PER_KIB = 2048
"""Values that an answer may have for each KiB of a result that is taken: as many as there can be,
were it nothing but marks between them, and came it twice."""
LEAST_VALUES = 64 * VALUES_PER_KIB
"""Values that an answer may have in any case: a list of tools has many."""
ENVELOPE_VALUES = 256
"""Values that it may have beside: those of the message in which a result comes."""

_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2,}")
"""What ends an event of a stream."""


class TooLong(httpx2.StreamError):
    """An answer is longer than any that is read, or has more values."""


class Compressed(httpx2.StreamError):
    """An answer is compressed, although the request forbids it."""


class Values:
    """Counts the values of one answer, or of each event of a stream, by the marks beside them.

    Marks within texts count as well: to tell those apart would take as long as reading it all.
    """

    def __init__(self, most: int, *, streams: bool) -> None:
        """Start with none.

        Args:
            most: Values that an answer may have.
            streams: Whether each event is an answer.
        """
        self._most = most
        self._streams = streams
        self._count = 0
        self._end = b""
        """The line breaks with which the last piece ended."""

    def take(self, piece: bytes) -> None:
        """Count what a piece has; raises `TooLong` once there are too many."""
        if not self._streams:
            self._add(piece)
            return
        joined = self._end + piece
        first, *others = _END.split(joined)
        self._add(first)
        for event in others:
            self._count = 0
            self._add(event)
        self._end = joined[len(joined.rstrip(b"\r\n")) :][-3:]

    def _add(self, piece: bytes) -> None:
        # An object is more work than a number.
        self._count += piece.count(b",") + piece.count(b"[") + 2 * piece.count(b"{")
        if self._count > self._most:
            raise TooLong(f"it has more than {self._most} values, and no more are read")


class BoundedBody(httpx2.AsyncByteStream):
    """An answer's body, which fails if it is compressed, or once it is too much."""

    def __init__(
        self,
        stream: httpx2.AsyncByteStream,
        encoding: str,
        values: Values,
        *,
        streams: bool,
        noted: Callable[[httpx2.StreamError], None],
    ) -> None:
        """Bound a body.

        Args:
            stream: The body.
            encoding: Its content encoding.
            values: Counts what it has.
            streams: Whether it is a stream of events, of which `mcp` bounds the length of each.
            noted: Told why it fails.
        """
        self._stream = stream
        self._encoding = encoding
        self._values = values
        self._limit = None if streams else MAX_MESSAGE_BYTES
        self._noted = noted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces; raises `TooLong` and `Compressed`."""
        try:
            self._check_encoding()
            taken = 0
            async for piece in self._stream:
                taken += len(piece)
                if self._limit is not None and taken > self._limit:
                    raise TooLong(f"it is longer than {self._limit // 1024} KiB")
                self._values.take(piece)
                yield piece
        except (TooLong, Compressed) as error:
            self._noted(error)
            raise

    def _check_encoding(self) -> None:
        if self._encoding != "identity":
            raise Compressed(
                f"it is compressed ({self._encoding}), although the request forbids it "
                "(Accept-Encoding: identity)"
            )

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()
