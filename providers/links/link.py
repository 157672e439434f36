"""One connection to a service: what is sent waits its turn, what comes is handed over.

It connects in the background, so that nobody waits for it: what is to be sent meanwhile is kept,
up to a bound. It ends once, with the reason, and is never opened again.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from pipecat.utils.errors import ErrorCategory, classify_http_status_code
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from providers.http_clients import trusted
from providers.links.failures import KEPT_CHARACTERS, LinkFailure, lost, nonsense, shut_out
from settings.origins import is_here

Event = dict[str, Any]

MAX_UNSENT_BYTES = 4 * 1024 * 1024
"""What may wait to be sent, a minute of audio; who sends more waits."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Longest message of a service: some minutes of audio in one event."""
PONG_S = 300.0
"""Longest wait for the answer to a ping, in seconds. It comes behind all that the service has sent,
and on a call that is read no faster than it is heard; Gemini also takes tens of seconds for it."""
HANG_UP_S = 0.5
"""Longest wait for the service to close the connection, in seconds."""
_BARRIER = ""
"""Stands among what is to be sent where an answer is to be awaited."""
LOOP = 508
"""The status of a server of ours that has passed the session on itself ("Loop Detected")."""
SHOWN_HOST = 100
"""Characters of a host's name that are shown."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service is, and how it is reached."""

    url: str
    headers: dict[str, str] = field(repr=False)
    timeout_s: float
    security: ssl.SSLContext | None = None
    direct: bool = False
    """Whether it is on this machine, where no proxy is asked."""
    passing: dict[str, str] = field(default_factory=dict)
    """Headers that are no secret."""

    @classmethod
    def of(cls, url: str, key: str | None, timeout_s: float) -> Address:
        """Return the address of a URL, which is sent the key, if there is one, as a bearer's."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        security = trusted() if url.startswith("wss:") else None
        return cls(url, headers, timeout_s, security, is_here(url))

    @property
    def keyed(self) -> bool:
        """Whether it is sent a key."""
        return bool(self.headers)

    def dial(self) -> connect:
        """Return the connection to enter."""
        way: dict[str, Any] = {"proxy": None} if self.direct else {}
        if self.security is not None:
            way["ssl"] = self.security
        return _Dialling(
            self.url,
            additional_headers={**self.headers, **self.passing},
            open_timeout=self.timeout_s,
            close_timeout=HANG_UP_S,
            ping_timeout=PONG_S,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            **way,
        )


class _Dialling(connect):
    """Goes where it was told to go: a key of a vendor's own header would be sent along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow no redirect."""
        return exc


class Link(ABC):
    """A connection, from the attempt to its end; a protocol reads messages and ends its way."""

    def __init__(self, address: Address) -> None:
        """Begin to connect to `address`."""
        self._address = address
        self._unsent: deque[str] = deque()
        self._bytes = 0
        self._moved = asyncio.Event()
        self._answered = asyncio.Event()
        self._dropped: LinkFailure | None = None
        self.alive = True
        """Whether what is sent may arrive."""
        self.failure = lost("the connection was lost")
        """Why it is over, once it is."""
        self._task = asyncio.create_task(self._run(), name="link")

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

    def wait_for_answer(self) -> None:
        """Send what follows only when `answered` has been called."""
        if self.alive:
            self._unsent.append(_BARRIER)
            self._moved.set()

    def answered(self) -> None:
        """Send what was held back."""
        self._answered.set()

    def drop(self, failure: LinkFailure) -> None:
        """End a connection that is of no use any more, for this reason."""
        if self._dropped is None:
            self._dropped = self.failure = failure
            self.alive = False
            self._task.cancel()

    async def close(self) -> None:
        """End the connection, and wait until it is gone."""
        self.alive = False
        self._task.cancel()
        await asyncio.wait([self._task])

    @abstractmethod
    def read(self, message: str | bytes) -> Event | None:
        """Read a message; None: it is none of the protocol's."""

    @abstractmethod
    async def came(self, event: Event) -> None:
        """Take what the service sent; the next is read when it returns."""

    @abstractmethod
    async def ended(self, failure: LinkFailure) -> None:
        """Take why the connection is over; called once, unless `close` ended it."""

    def closed(self, code: int | None, reason: str) -> LinkFailure:
        """Return what it means that the connection was closed; without a code: it broke off."""
        if code is None:
            return lost("the connection was lost (without a close)")
        return lost(f"the service closed the connection (close code {code})")

    async def _run(self) -> None:
        try:
            failure = await self._converse()
        except asyncio.CancelledError:
            if self._dropped is None:
                self._over()
                raise
            failure = self._dropped
        self.failure = failure
        self._over()
        await self.ended(failure)

    def _over(self) -> None:
        self.alive = False
        self._unsent.clear()
        self._bytes = 0
        self._moved.set()

    async def _converse(self) -> LinkFailure:
        """Connect and talk until the connection is over; return why it is."""
        try:
            async with self._address.dial() as socket:
                writer = asyncio.create_task(self._write(socket), name="to a service")
                try:
                    return await self._read(socket)
                finally:
                    writer.cancel()
                    await asyncio.wait([writer])
                    await socket.close()
        except InvalidStatus as refusal:
            return _refused(refusal, self._address)
        except TimeoutError:
            return lost(f"no connection within {self._address.timeout_s:g} s")
        # An import fails where a library for the proxy of the environment is missing.
        except (OSError, WebSocketException, ImportError) as error:
            return lost(f"no connection ({_reason(error)})")

    async def _read(self, socket: ClientConnection) -> LinkFailure:
        try:
            async for message in socket:
                event = self.read(message)
                if event is None:
                    return nonsense("it sent what is no message of its protocol")
                await self.came(event)
                if self._dropped is not None:
                    # What has come already would be read without a pause for the cancellation.
                    return self._dropped
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                return self.closed(None, "")
            return self.closed(closed.rcvd.code, closed.rcvd.reason)
        return self.closed(socket.close_code, socket.close_reason or "")

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while True:
                while not self._unsent:
                    await self._next_move()
                text = self._unsent.popleft()
                if text is _BARRIER:
                    await self._answered.wait()
                    continue
                await socket.send(text)
                self._bytes -= len(text)
                self._moved.set()
        except ConnectionClosed:
            # The reader finds that out, too, and tells why.
            return

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()


def _refused(refusal: InvalidStatus, address: Address) -> LinkFailure:
    response = refusal.response
    status = response.status_code
    if status == LOOP:
        return LinkFailure(
            ErrorCategory.INVALID_REQUEST,
            f"it leads back to a server that has passed the session on already (status {status})",
        )
    if 300 <= status < 400:
        return _elsewhere(status, address.url, response.headers.get("Location", ""))
    said = " ".join((response.body or b"").decode(errors="replace").split())
    category = classify_http_status_code(status)
    if category is ErrorCategory.AUTHENTICATION:
        return shut_out(f"status {status}", keyed=address.keyed)
    if category is ErrorCategory.UNKNOWN and 300 <= status < 500:
        category = ErrorCategory.INVALID_REQUEST
    return LinkFailure(category, f"status {status}", said[:KEPT_CHARACTERS])


def _elsewhere(status: int, url: str, location: str) -> LinkFailure:
    """Return the failure of a service that sends us to another address."""
    try:
        parts = urlsplit(urljoin(url, location))
        host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        host = ""
    named = f" to {host[:SHOWN_HOST]}" if host.isprintable() and host else ""
    return LinkFailure(
        ErrorCategory.INVALID_REQUEST,
        f"it redirects{named} (status {status}), and redirects are not followed: the key, and all "
        "that is said, goes to the configured address alone",
    )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, OSError) and str(error) else type(error).__name__
