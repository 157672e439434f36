"""How the clients here reach a Realtime server by the official `openai` SDK, and say why not."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from openai import AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.websocket_connection_options import WebSocketConnectionOptions
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from clients.starting_server import wait_while_starting
from settings.installation import start_server
from settings.localisation import _
from settings.openai_variables import forget_vendor
from settings.origins import is_here

LOCAL_URL = "ws://localhost:8000/v1/realtime"
DEFAULT_MODEL = "gpt-realtime"

Connect = Callable[[], AbstractAsyncContextManager[AsyncRealtimeConnection]]
LOST = (OSError, WebSocketException, OpenAIError, ImportError)
"""What the SDK raises when there is no connection or no longer one.

An `ImportError` is of a proxy of a kind for which a library is missing.
"""


class ClientError(Exception):
    """Why there is nothing to check. The message is one line and names the remedy."""


def make_client(url: str, api_key: str) -> AsyncOpenAI:
    """Build an SDK client for a Realtime address given as ws, wss, http or https URL."""
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
            raise ValueError
        if parts.port == 0:  # one that is no number or too large raises by itself
            raise ValueError
    except ValueError:
        told = _("--url '{url}' is no ws:// or http:// address; try {example}.")
        raise ClientError(told.format(url=url, example=LOCAL_URL)) from None
    path = parts.path.rstrip("/").removesuffix("/realtime") if parts.path.strip("/") else "/v1"
    secure = "s" if parts.scheme in ("wss", "https") else ""
    websocket, http = (
        urlunsplit((scheme + secure, parts.netloc, path, parts.query, ""))
        for scheme in ("ws", "http")
    )
    # Without the environment, which names proxies, it would also miss one's own certificates.
    direct: dict[str, Any] = {"trust_env": False, "verify": ssl.create_default_context()}
    try:
        client = AsyncOpenAI(
            websocket_base_url=websocket,
            base_url=http,
            api_key=api_key,
            http_client=DefaultAsyncHttpxClient(**direct) if is_here(http) else None,
        )
    except (ImportError, ValueError) as error:  # a proxy of a kind that cannot be used
        raise ClientError(_explain_proxy(error, url)) from error
    if not is_openai(url):
        forget_vendor(client)
    return client


def is_openai(url: str) -> bool:
    """Return whether an address is of OpenAI's own service, which is asked only what it knows."""
    host = urlsplit(url if "://" in url else f"ws://{url}").hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def dial(
    client: AsyncOpenAI, model: str, notices: bool = False
) -> AbstractAsyncContextManager[AsyncRealtimeConnection]:
    """Return a connection, still to be opened, by the proxy of the environment if there is one.

    Args:
        client: As `make_client` returns it.
        model: Name of the model, which the server may ignore.
        notices: Whether to ask for what the user may want to know (`docs/wire.md` §D.9), which
            other servers ignore.
    """
    query = {"notices": "echo"} if notices else {}
    if not is_here(str(client.websocket_base_url or client.base_url)):
        return client.realtime.connect(model=model, extra_query=query)
    # The SDK passes on what its type does not list.
    direct = cast(WebSocketConnectionOptions, {"proxy": None})
    return client.realtime.connect(
        model=model, extra_query=query, websocket_connection_options=direct
    )


@asynccontextmanager
async def connected(
    url: str, api_key: str, model: str, patience_s: float = 0.0
) -> AsyncIterator[AsyncRealtimeConnection]:
    """Open a connection and close it in the end.

    Args:
        url: Address of the server, as ws, wss, http or https URL.
        api_key: Key for it.
        model: Name of the model, which the server may ignore.
        patience_s: How long to wait for a server that is starting, in seconds.

    Raises:
        ClientError: There is no connection.
    """
    client = make_client(url, api_key)
    try:
        try:
            connection = await dial(client, model).__aenter__()
        except InvalidStatus as refused:
            unready = refused.response.status_code == 503
            if not unready or not await wait_while_starting(url, patience_s):
                raise
            connection = await dial(client, model).__aenter__()
    except LOST as error:
        raise ClientError(explain(error, url)) from error
    try:
        yield connection
    finally:
        await connection.close()
        await client.close()


async def say(connection: AsyncRealtimeConnection, text: str) -> None:
    """Put a message of the user into the conversation and ask for an answer."""
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )
    await connection.response.create()


def explain(error: Exception, url: str) -> str:
    """Say in one line why there is no connection, and what to do."""
    remedy = _("Is the server running ({command}), and is {url} its address?").format(
        command=start_server(), url=url
    )
    if not is_here(url):
        remedy = _("Check the address (--url) and the network.")
    if isinstance(error, ImportError):
        return _explain_proxy(error, url)
    if isinstance(error, ConnectionClosed):
        close = error.rcvd
        reason = f"{close.code} {close.reason}".strip() if close else _("without a reason")
        return _("{url} closed the connection: {reason}.").format(url=url, reason=reason)
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status == 401:
            told = _("{url} refused the API key (HTTP 401). {remedy}")
            return told.format(url=url, remedy=_key_remedy())
        if status in (403, 404):
            return _(
                "{url}: no Realtime at this path (HTTP {status}), or not for this key. The path "
                "is mostly /v1/realtime; check --url and --api-key."
            ).format(url=url, status=status)
        if status == 503:
            return _("{url} is not ready (HTTP 503): it is starting, stopping or full.").format(
                url=url
            )
        told = _("{url} answered HTTP {status} instead of a WebSocket. {remedy}")
        return told.format(url=url, status=status, remedy=remedy)
    refused = isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error)
    reason = _("connection refused") if refused else str(error) or type(error).__name__
    told = _("Cannot connect to {url}: {reason}. {remedy}")
    return told.format(url=url, reason=reason, remedy=remedy)


def explain_refusal(event: Any, url: str) -> str:
    """Say in one line what a server has against a session: its first event is this `error`."""
    error = getattr(event, "error", None)
    reason = str(getattr(error, "message", None) or _("without a reason")).rstrip(".")
    remedy = f" {_key_remedy()}" if getattr(error, "code", None) == "invalid_api_key" else ""
    return _("{url} refused the session: {reason}.").format(url=url, reason=reason) + remedy


def _explain_proxy(error: Exception, url: str) -> str:
    return _(
        "Cannot connect to {url} by the proxy that the environment names: {reason}. Name another, "
        "or set NO_PROXY={host} if it can be reached without."
    ).format(url=url, reason=str(error).rstrip("."), host=urlsplit(url).hostname)


def _key_remedy() -> str:
    return _("Give the right key by --api-key or OPENAI_API_KEY.")
