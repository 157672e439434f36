"""What a server says beside an HTTP status that is no success, and whether it has forgotten us.

`mcp` reads such a body only where it is a whole message of JSON-RPC. Many a server leaves out its
id, or answers in plain words, and those are what tells people what is wrong. They also tell that a
server does not know a connection any more: MCP prescribes 404 for that, and servers made with the
TypeScript SDK's examples, with older Python SDKs and with others answer 400 or 401.
"""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

import anyio
import httpx2

PATIENCE_S = 1.0
"""Seconds that the body of a refusal is waited for."""
MOST_BYTES = 4096
"""Bytes of it that are looked at."""
MOST_WORDS = 300
"""Characters of plain text that are told."""

_OF_SESSION = re.compile(r"session|not initiali[sz]ed", re.IGNORECASE)
"""Words of a server that does not know a connection."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a refusal says, as the server wrote it."""

    said: str = ""
    is_whole: bool = True
    """Whether that is all of it."""


def names_session(words: Words) -> bool:
    """Return whether a server refuses a request because it does not know its session."""
    return _OF_SESSION.search(_joined(words.said)) is not None


def told(words: Words, redact: Callable[[str, bool], str]) -> str:
    """Return what people are told of a refusal: one line, and no more of it than they read.

    Args:
        words: The server's.
        redact: Takes secrets out of a text, of which it is told whether it is whole. Of half a
            secret nothing would tell that it is one, so it is asked before anything is cut.
    """
    return _joined(redact(words.said, words.is_whole))


async def words_of(response: httpx2.Response) -> Words:
    """Return what a refusal says, as far as that comes at once; it can still be read as a whole.

    Args:
        response: The refusal; it is not compressed.

    Returns:
        Its words; empty if there are none for people, such as a page of HTML.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if not is_json and kind != "text/plain":
        return Words()
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    body = response.stream = _Peeked(response.stream)
    with anyio.move_on_after(PATIENCE_S), suppress(httpx2.HTTPError, httpx2.StreamError):
        await body.peek(MOST_BYTES)
    if is_json:
        return Words(_message(body.seen))
    # A character of which the end is missing is none of the text.
    text = getincrementaldecoder("utf-8")("replace").decode(body.seen, final=body.ended)
    return Words(text, body.ended)


class _Peeked(httpx2.AsyncByteStream):
    """A body of which the beginning has been read, and is read again."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream
        self._pieces = aiter(stream)
        self.seen = b""
        self.ended = False
        """Whether that is all of it."""

    async def peek(self, most: int) -> None:
        """Read the beginning; raises what reading raises."""
        async for piece in self._pieces:
            self.seen += piece
            if len(self.seen) >= most:
                return
        self.ended = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield all that can be read."""
        yield self.seen
        async for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        """Close the body."""
        await self._stream.aclose()


def _message(body: bytes) -> str:
    """Return the words in JSON: those of JSON-RPC's error, or as other services have them."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    error = told.get("error")
    inner = error.get("message") if isinstance(error, dict) else None
    words = [inner, told.get("error_description"), told.get("message"), told.get("detail"), error]
    return next((one for one in words if isinstance(one, str)), "")


def _joined(words: str) -> str:
    """Return words in one line, and no more of them than people read."""
    line = " ".join(words.split())
    return line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS]}…"
