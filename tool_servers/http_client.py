"""The HTTP client for one MCP server: where it may connect, how much it reads, what it notes.

A client that a user's URL leads somewhere looks its name up once, checks what it finds, and from
then on connects to that address alone: a name that answers differently the second time (DNS
rebinding) changes nothing. It uses no proxy of the environment, which would look the name up for
itself. The operator's own servers are reached as the operator's other services are, by those
proxies too.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache, partial
from http import HTTPStatus
from typing import Any

import httpx2

from settings.mcp_hosts import AllowedHost, address_of
from tool_servers.bounded_body import BoundedBody, Values
from tool_servers.reach import Address, may_connect
from tool_servers.refusals import names_session, told, words_of
from tool_servers.targets import HttpTarget, redacted_so_far

SILENCE_S = 300.0
"""Seconds that a stream may say nothing; servers send comments to keep it open."""
SESSION_HEADER = "mcp-session-id"
RESUMES_HEADER = "last-event-id"
CONNECTIONS = 20
"""Connections to one server at once: calls that run, and those that it has forgotten."""


class NotAllowed(httpx2.ConnectError):
    """The server's name stands for an address that a client may not make this server reach."""


@dataclass(slots=True)
class Attempt:
    """What HTTP has said of one request to an MCP server, which `mcp` does not pass on."""

    status: int | None = None
    """The status, if it was not a success."""
    said: str = ""
    """What the server said beside it, without the target's secrets."""
    in_session: bool = False
    """Whether the request named a session that the server had begun."""
    tells_of_session: bool = False
    """Whether what it said is of its sessions."""
    is_taken: bool = False
    """Whether a POST of it was answered with success, so that what it asks for may be done."""
    unsent: httpx2.TransportError | None = None
    """Why no connection stood, so that the server knows nothing of the request."""
    unusable: httpx2.StreamError | None = None
    """Why its answer was not read."""
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with any of them."""

    @property
    def is_forgotten(self) -> bool:
        """Whether the server does not know the connection, and so has not taken the request."""
        if self.status == HTTPStatus.NOT_FOUND:
            return True
        refused = self.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
        return refused and self.in_session and self.tells_of_session

    @property
    def can_be_repeated(self) -> bool:
        """Whether the server has certainly not taken the request, so that it may be made again.

        `is_taken` alone does not tell: an answer may be lost, of which nothing is known here.
        """
        return not self.is_taken and (self.unsent is not None or self.is_forgotten)

    @property
    def may_be_forgotten(self) -> bool:
        """Whether it may have forgotten the connection, in words that nobody knows."""
        return self.in_session and self.status == HTTPStatus.BAD_REQUEST

    def cannot_use(self, error: httpx2.StreamError) -> None:
        """Note why the answer was not read."""
        self.unusable = error
        self.failed.set()


ATTEMPT: ContextVar[Attempt | None] = ContextVar("ATTEMPT", default=None)
"""The request that is being made; `mcp` carries the context of whoever asks into its own tasks."""


@cache
def trusted() -> ssl.SSLContext:
    """Return whose certificates are trusted: those of the system, or of SSL_CERT_FILE.

    Reading them takes the event loop 20 ms, so it is done once.
    """
    return httpx2.create_ssl_context()


def http_client(
    target: HttpTarget,
    connect_timeout_s: float,
    most_values: int,
    headers: dict[str, str] | None = None,
    timeout: httpx2.Timeout | None = None,
    auth: httpx2.Auth | None = None,
) -> httpx2.AsyncClient:
    """Return a client for one server.

    Args:
        target: The server.
        connect_timeout_s: Seconds within which a connection has to stand.
        most_values: Values that an answer may have.
        headers: As `mcp` gives them to a factory; it has none of its own.
        timeout: As `mcp` gives it; the streams of all transports have the same here.
        auth: As `mcp` gives it; credentials are headers here.
    """
    del timeout
    sent = {"Accept-Encoding": "identity", **(headers or {}), **dict(target.headers)}
    return _Noting(
        headers=sent,
        auth=auth,
        verify=trusted(),
        timeout=httpx2.Timeout(connect_timeout_s, read=SILENCE_S),
        limits=httpx2.Limits(max_connections=CONNECTIONS),
        transport=_Pinned(target) if target.allowed is not None else None,
        trust_env=target.allowed is None,
        event_hooks={"response": [partial(_note, target, most_values)]},
    )


class _Noting(httpx2.AsyncClient):
    """Notes for whoever asked that a request has not reached the server."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, as `httpx2.AsyncClient` does."""
        try:
            return await super().send(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            attempt = ATTEMPT.get()
            if attempt is not None and not _resumes(request):
                attempt.unsent = error
                attempt.failed.set()
            raise


class _Pinned(httpx2.AsyncBaseTransport):
    """Sends requests to the address that was checked, whatever its name stands for later."""

    def __init__(self, target: HttpTarget) -> None:
        self._target = target
        self._inner = httpx2.AsyncHTTPTransport(
            verify=trusted(), limits=httpx2.Limits(max_connections=CONNECTIONS)
        )
        self._addresses: list[str] = []
        """Where the server may be, checked; the first is where it was found last."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; raises `NotAllowed`, and what httpx2 raises."""
        place = self._target.place
        host = request.url.host
        literal = address_of(host)
        if (str(literal) if literal else host.removesuffix(".").lower()) != place.host:
            # Redirects to other hosts are not followed; if ever they were, they would end here.
            raise NotAllowed(f"{host} is not the host of this MCP server")
        if not self._addresses:
            port = request.url.port or place.port
            self._addresses = await _checked_addresses(self._target, port)
        for address in [*self._addresses]:
            try:
                response = await self._inner.handle_async_request(_sent_to(address, request))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = error
                continue
            self._addresses = [address]
            return response
        # The next request looks the name up anew: the server may have moved.
        self._addresses = []
        raise failure

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


async def _checked_addresses(target: HttpTarget, port: int) -> list[str]:
    """Return the addresses of a server at which a client may make this server connect to it.

    Raises:
        NotAllowed: There is none such.
        httpx2.ConnectError: The name is not known.
    """
    place, allowed = target.place, target.allowed
    assert allowed is not None
    literal = address_of(place.host)
    if literal is not None:
        found = [literal]
    else:
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(
                place.host, port, type=socket.SOCK_STREAM
            )
        except OSError as error:
            raise httpx2.ConnectError(f"the name {place.host} is not known ({error})") from None
        # What a row names beside an address is the interface of a link-local one.
        read = [address_of(str(row[4][0]).partition("%")[0]) for row in rows]
        found = [address for address in dict.fromkeys(read) if address is not None]
    checked = [str(address) for address in found if may_connect(address, allowed)]
    if not checked:
        raise NotAllowed(_not_allowed(place.host, found, allowed))
    return checked


def _not_allowed(host: str, found: Iterable[Address], allowed: AllowedHost) -> str:
    """Return why a client may not make this server connect to a host, and what would allow it."""
    named = replace(allowed, host=host, below=False)
    if any(may_connect(address, named) for address in found):
        return (
            f"{host} is at an address that is not a public one; to allow that, its operator "
            "names this host itself in mcp.allowed_hosts"
        )
    return (
        f"{host} is at an address that is not a public one, nor one of a network of one's own: it "
        "is link-local, kept for clouds' machines, or another in disguise; of those only the "
        "address itself can be named in mcp.allowed_hosts"
    )


def _sent_to(address: str, request: httpx2.Request) -> httpx2.Request:
    """Return a request that goes to an address and is otherwise the same, its Host included."""
    extensions = dict(request.extensions)
    if address_of(request.url.host) is None:
        # The certificate is checked against the name.
        extensions["sni_hostname"] = request.url.host
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _resumes(request: httpx2.Request) -> bool:
    """Return whether a request only asks for the rest of an answer that has begun.

    `mcp` makes it in the name of the call. That it fails says that the answer is lost, and nothing
    of the call itself, which the server has taken.
    """
    return request.method != "POST" and RESUMES_HEADER in request.headers


async def _note(target: HttpTarget, most_values: int, response: httpx2.Response) -> None:
    """Note a failure for whoever asked, and bound what is read of the answer."""
    attempt = ATTEMPT.get()
    encoding = response.headers.pop("content-encoding", "identity")
    streams = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = BoundedBody(
        response.stream,
        encoding.lower(),
        Values(most_values, streams=streams),
        streams=streams,
        noted=attempt.cannot_use if attempt is not None else lambda _error: None,
    )
    if attempt is None or _resumes(response.request):
        return
    if response.is_success:
        attempt.is_taken = attempt.is_taken or response.request.method == "POST"
        # One that was made before, to learn which MCP a server speaks, may have been refused.
        attempt.status, attempt.said, attempt.tells_of_session = None, "", False
        return
    attempt.status = response.status_code
    attempt.in_session = SESSION_HEADER in response.request.headers
    if response.is_error and encoding.lower() == "identity":
        words = await words_of(response)
        attempt.tells_of_session = names_session(words)
        attempt.said = told(words, partial(redacted_so_far, target=target))
    attempt.failed.set()
