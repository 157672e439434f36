"""A connection to a Realtime service: its events, its errors, and when its session ends."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from pipecat.utils.errors import ErrorCategory

from providers.links.failures import (
    KEPT_CHARACTERS,
    LinkFailure,
    category_of,
    nonsense,
    shown_code,
    shut_out,
)
from providers.links.link import Address, Event, Link

HOSTED = "wss://api.openai.com/v1/realtime"


def is_hosted(url: str) -> bool:
    """Return whether a URL leads to OpenAI itself, which alone is sent OpenAI's key unasked."""
    return urlsplit(url).hostname == urlsplit(HOSTED).hostname


def realtime_url(address: str, asked: Mapping[str, str]) -> str:
    """Return the URL of the WebSocket.

    Args:
        address: As configured: a base URL of the SDK's form will do.
        asked: What to say in the query, beside what the address says there.
    """
    parts = urlsplit(re.sub(r"^http", "ws", address))
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path = f"{path or '/v1'}/realtime"
    query = "&".join(filter(None, [parts.query, urlencode(asked)]))
    return urlunsplit(parts._replace(path=path, query=query, fragment=""))


class RealtimeLink(Link):
    """A connection, from the attempt to its end."""

    def __init__(
        self,
        address: Address,
        greeting: Event | None,
        on_event: Callable[[RealtimeLink, Event], Awaitable[None]],
        on_end: Callable[[RealtimeLink, LinkFailure], Awaitable[None]],
    ) -> None:
        """Begin to connect.

        Args:
            address: The service.
            greeting: The first event to send; None: nothing is sent before the service has spoken.
            on_event: Takes what the service sends, in order; the next is read when it returns.
            on_end: Told once why the connection is over, unless `close` ended it.
        """
        super().__init__(address)
        self._on_event = on_event
        self._on_end = on_end
        self._opened = False
        self._refusal: LinkFailure | None = None
        self.expires_at: float | None = None
        """When the service ends its session, in Unix time; None: it does not tell, or not yet."""
        if greeting is not None:
            self.send_soon(greeting)

    def read(self, message: str | bytes) -> Event | None:
        """Read an event; None: it is none."""
        if isinstance(message, bytes):
            return None
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return None
        return event

    async def came(self, event: Event) -> None:
        """Take an event; one that refuses the session is kept for its end."""
        if not self._opened and event["type"] == "error":
            # A wrong key or model is told by an event, then the socket closes (§D.7).
            self._refusal = _not_let_in(event, keyed=self._address.keyed)
            return
        if event["type"] == "session.created":
            self._opened = True
            self._note_end(event)
        await self._on_event(self, event)

    async def ended(self, failure: LinkFailure) -> None:
        """Pass on why the connection is over."""
        await self._on_end(self, failure)

    def closed(self, code: int | None, reason: str) -> LinkFailure:
        """Return why the service closed the connection: it may have told so before."""
        return self._refusal or super().closed(code, reason)

    def _note_end(self, created: Event) -> None:
        session = created.get("session")
        expires_at = session.get("expires_at") if isinstance(session, dict) else None
        if isinstance(expires_at, int | float) and expires_at > 0:
            self.expires_at = expires_at


def error_of(event: Event) -> LinkFailure:
    """Return the failure that an `error` event, or one's `error`, tells."""
    error = event.get("error")
    if not isinstance(error, dict):
        return nonsense("it sent an error without a reason")
    code = error.get("code") or error.get("type") or "no code"
    said = " ".join(str(error.get("message") or "").split())
    shown = shown_code(code)
    category = category_of(error)
    if category is ErrorCategory.AUTHENTICATION:
        return shut_out(shown, keyed=True)
    return LinkFailure(category, shown, said[:KEPT_CHARACTERS])


def _not_let_in(event: Event, *, keyed: bool) -> LinkFailure:
    """Return why no session was opened: without a code, that there was no key (§D.7)."""
    failure, error = error_of(event), event.get("error")
    nameless = isinstance(error, dict) and not error.get("code")
    if not keyed and (nameless or failure.category is ErrorCategory.AUTHENTICATION):
        return shut_out("no session was opened", keyed=False)
    return failure
