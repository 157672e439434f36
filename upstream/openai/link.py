"""One connection to a Realtime service: what is sent waits its turn, what comes is handed over.

It connects in the background, so that nobody waits for it: what is to be sent meanwhile is kept,
up to a bound. It ends once, with the reason, and is never opened again.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pipecat.utils.errors import ErrorCategory, classify_http_status_code
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from upstream.failures import UpstreamFailure, category_of, lost, nonsense
from upstream.openai.wire import Event

MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""What may wait to be sent, a minute of audio; who sends more waits."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Longest message of a service: some minutes of audio in one event."""
HANG_UP_S = 0.5
"""Longest wait for the service to close the connection, in seconds."""
SHOWN_CHARACTERS = 200
"""Characters of a service's own message that are shown."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service is, and how it is reached."""

    url: str
    headers: dict[str, str] = field(repr=False)
    timeout_s: float
    security: ssl.SSLContext | None = None
    direct: bool = False
    """Whether it is on this machine, where no proxy is asked."""

    def dial(self) -> connect:
        """Return the connection to enter."""
        way: dict[str, Any] = {"proxy": None} if self.direct else {}
        if self.security is not None:
            way["ssl"] = self.security
        return connect(
            self.url,
            additional_headers=self.headers,
            open_timeout=self.timeout_s,
            close_timeout=HANG_UP_S,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            **way,
        )


class Link:
    """A connection, from the attempt to its end."""

    def __init__(
        self,
        address: Address,
        greeting: Event,
        on_event: Callable[[Link, Event], Awaitable[None]],
        on_end: Callable[[Link, UpstreamFailure], Awaitable[None]],
    ) -> None:
        """Begin to connect.

        Args:
            address: The service.
            greeting: The first event to send.
            on_event: Takes what the service sends, in order; the next is read when it returns.
            on_end: Told once why the connection is over, unless `close` ended it.
        """
        self._address = address
        self._on_event = on_event
        self._on_end = on_end
        self._unsent: deque[str] = deque()
        self._bytes = 0
        self._moved = asyncio.Event()
        self._dropped: UpstreamFailure | None = None
        self.alive = True
        """Whether what is sent may arrive."""
        self.expires_at: float | None = None
        """When the service ends its session, in Unix time; None: it does not tell, or not yet."""
        self.send_soon(greeting)
        self._task = asyncio.create_task(self._run(), name="upstream")

    async def send(self, event: Event) -> None:
        """Send an event behind all others; waits while too much is unsent."""
        while self._bytes > MAX_UNSENT_BYTES and self.alive:
            await self._next_move()
        self.send_soon(event)

    def send_soon(self, event: Event) -> None:
        """Send an event behind all others, without waiting; of a dead link it goes nowhere."""
        if not self.alive:
            return
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        self._unsent.append(text)
        self._bytes += len(text)
        self._moved.set()

    def drop(self, failure: UpstreamFailure) -> None:
        """End a connection that is of no use any more, for this reason."""
        if self._dropped is None:
            self._dropped = failure
            self.alive = False
            self._task.cancel()

    async def close(self) -> None:
        """End the connection, and wait until it is gone."""
        self.alive = False
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            failure = await self._converse()
        except asyncio.CancelledError:
            if self._dropped is None:
                self._over()
                raise
            failure = self._dropped
        self._over()
        await self._on_end(self, failure)

    def _over(self) -> None:
        self.alive = False
        self._unsent.clear()
        self._bytes = 0
        self._moved.set()

    async def _converse(self) -> UpstreamFailure:
        """Connect and talk until the connection is over; return why it is."""
        try:
            async with self._address.dial() as socket:
                writer = asyncio.create_task(self._write(socket), name="to upstream")
                try:
                    return await self._read(socket)
                finally:
                    writer.cancel()
                    await asyncio.wait([writer])
                    await socket.close()
        except InvalidStatus as refusal:
            return _refused(refusal)
        except TimeoutError:
            return lost(f"no connection within {self._address.timeout_s:g} s")
        # An import fails where a library for the proxy of the environment is missing.
        except (OSError, WebSocketException, ImportError) as error:
            return lost(f"no connection ({_reason(error)})")

    async def _read(self, socket: ClientConnection) -> UpstreamFailure:
        opened = False
        refusal: UpstreamFailure | None = None
        try:
            async for message in socket:
                event = _event(message)
                if event is None:
                    return nonsense("it sent what is no Realtime event")
                if not opened and event["type"] == "error":
                    # A wrong key or model is told by an event, then the socket closes (§D.7).
                    refusal = error_of(event)
                    continue
                if event["type"] == "session.created":
                    opened = True
                    self._note_end(event)
                await self._on_event(self, event)
                if self._dropped is not None:
                    # What has come already would be read without a pause for the cancellation.
                    return self._dropped
        except ConnectionClosed as closed:
            return refusal or lost(f"the connection was lost ({_closing(closed)})")
        return refusal or lost(f"the service closed the connection ({_close_code(socket)})")

    def _note_end(self, created: Event) -> None:
        session = created.get("session")
        expires_at = session.get("expires_at") if isinstance(session, dict) else None
        if isinstance(expires_at, int | float) and expires_at > 0:
            self.expires_at = expires_at

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while True:
                while not self._unsent:
                    await self._next_move()
                text = self._unsent.popleft()
                await socket.send(text)
                self._bytes -= len(text)
                self._moved.set()
        except ConnectionClosed:
            # The reader finds that out, too, and tells why.
            return

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()


def error_of(event: Event) -> UpstreamFailure:
    """Return the failure that an `error` event, or one's `error`, tells."""
    error = event.get("error")
    if not isinstance(error, dict):
        return nonsense("it sent an error without a reason")
    code = error.get("code") or error.get("type") or "no code"
    said = " ".join(str(error.get("message") or "").split())
    shown = str(code) if str(code).replace("_", "").isalnum() else "…"
    return UpstreamFailure(category_of(error), shown[:60], said[:SHOWN_CHARACTERS])


def _event(message: str | bytes) -> Event | None:
    if isinstance(message, bytes):
        return None
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return None
    return event


def _refused(refusal: InvalidStatus) -> UpstreamFailure:
    response = refusal.response
    status = response.status_code
    said = " ".join((response.body or b"").decode(errors="replace").split())
    category = classify_http_status_code(status)
    if category is ErrorCategory.UNKNOWN and 300 <= status < 500:
        category = ErrorCategory.INVALID_REQUEST
    return UpstreamFailure(category, f"status {status}", said[:SHOWN_CHARACTERS])


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, OSError) and str(error) else type(error).__name__


def _closing(closed: ConnectionClosed) -> str:
    return f"close code {closed.rcvd.code}" if closed.rcvd is not None else "without a close"


def _close_code(socket: ClientConnection) -> str:
    return f"close code {socket.close_code}"
