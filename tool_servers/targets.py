"""What is connected to for an MCP server that a client named, or why nothing is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from config import MIN_SECRET_LENGTH
from session.mcp import McpServer
from settings.localisation import in_english
from settings.mcp_hosts import AllowedHost, Place, read_place
from settings.mcp_settings import McpConfig, McpServerConfig
from tool_servers.reach import entry_for
from wire.errors import ProtocolError, listed

HIDDEN = "***"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_HEADER_VALUE = re.compile(r"[\t -~]{0,8192}")
_OURS = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "expect", "forwarded", "host", "keep-alive", "last-event-id", "te"),
        *("trailer", "transfer-encoding", "upgrade", "via"),
        *("cf-connecting-ip", "fastly-client-ip", "true-client-ip", "x-client-ip", "x-host"),
        *("x-cluster-client-ip", "x-http-method", "x-http-method-override", "x-method-override"),
    }
)
_OUR_FAMILIES = ("mcp-", "proxy-", "x-forwarded", "x-original-", "x-real-", "x-rewrite-")
"""Headers that decide who is spoken to, how, and for whom: those are not a client's to set. Proxies
set them, and what is behind a proxy believes them."""


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """A server at a URL."""

    label: str
    place: Place
    headers: tuple[tuple[str, str], ...]
    secrets: tuple[str, ...]
    """Texts that no error may show, the longest first."""
    allowed: AllowedHost | None
    """Why a client may name it; None: the operator did, and nothing else of it is checked."""
    tools: frozenset[str] | None = None
    """The tools that sessions may see; None: all."""

    @property
    def name(self) -> str:
        """What people know it by."""
        return f"{self.label} ({self.place.origin})"


@dataclass(frozen=True, slots=True)
class ProcessTarget:
    """A server that the operator's command runs."""

    label: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None
    secrets: tuple[str, ...]
    tools: frozenset[str] | None = None

    @property
    def name(self) -> str:
        """What people know it by."""
        return f"{self.label} ({self.command})"


Target = HttpTarget | ProcessTarget


def target_of(server: McpServer, config: McpConfig) -> Target:
    """Return what is connected to for a server that a client named.

    Raises:
        ProtocolError: The client may not have it, or there is none.
    """
    if server.url is None:
        return _by_label(server, config)
    try:
        # It is told to a client, whoever reads the terminal.
        with in_english():
            place = read_place(server.url)
    except ValueError as error:
        raise _refused(f"The URL of MCP server '{server.label}' cannot be used: {error}.") from None
    entry = entry_for(place, config.hosts)
    if entry is None:
        raise _refused(
            f"The MCP server '{server.label}' at {place.origin} cannot be used: this server "
            "reaches only hosts that its operator allows (mcp.allowed_hosts), with https unless "
            "they allow http there. Ask for that, or give your model the tools as functions."
        )
    headers = _headers(server)
    secrets = [value for _name, value in server.headers]
    secrets.append(server.authorization or "")
    return HttpTarget(server.label, place, headers, _secrets(secrets), entry)


def target_of_operator(label: str, configured: McpServerConfig) -> Target:
    """Return what is connected to for a server of the operator."""
    tools = configured.allowed_tools
    seen = None if tools is None else frozenset(tools)
    if configured.url is None:
        env = {name: value.get_secret_value() for name, value in configured.env.items()}
        assert configured.command is not None
        return ProcessTarget(
            label,
            configured.command,
            tuple(configured.args),
            env,
            configured.cwd,
            _secrets([*env.values()]),
            seen,
        )
    headers = [(name, value.get_secret_value()) for name, value in configured.headers.items()]
    secrets = [value for _name, value in headers]
    if configured.authorization is not None:
        token = configured.authorization.get_secret_value()
        headers.append(("Authorization", _authorization(token)))
        secrets.append(token)
    place = read_place(configured.url)
    return HttpTarget(label, place, tuple(headers), _secrets(secrets), None, seen)


def redacted(text: str, target: Target) -> str:
    """Return `text` with the target's secrets redacted."""
    for secret in target.secrets:
        text = text.replace(secret, HIDDEN)
    return text


def _by_label(server: McpServer, config: McpConfig) -> Target:
    configured = config.servers.get(server.label)
    if configured is None:
        has = (
            f"those of its operator are {listed(config.servers)}"
            if config.servers
            else ("its operator has named none")
        )
        raise _refused(
            f"This server has no MCP server '{server.label}': {has} (mcp.servers). "
            "Name one of them, or give the server_url."
        )
    if server.authorization is not None or server.headers:
        raise _refused(
            f"The MCP server '{server.label}' is this server's own, which has its credentials: "
            "leave out authorization and headers.",
            "headers" if server.authorization is None else "authorization",
        )
    return target_of_operator(server.label, configured)


def _headers(server: McpServer) -> tuple[tuple[str, str], ...]:
    """Return the headers that a client sends along, checked."""
    given = list(server.headers)
    for name, value in given:
        shown = name if _HEADER_NAME.fullmatch(name) else "?"
        if shown == "?" or not _HEADER_VALUE.fullmatch(value):
            raise _refused(
                f"The header '{shown}' of MCP server '{server.label}' has characters that no "
                "header has, or is too long.",
                "headers",
            )
        if name.lower() in _OURS or name.lower().startswith(_OUR_FAMILIES):
            raise _refused(
                f"The header '{name}' of MCP server '{server.label}' is not a client's to set: "
                "leave it out.",
                "headers",
            )
    if server.authorization is not None:
        if not _HEADER_VALUE.fullmatch(server.authorization):
            raise _refused(
                f"The authorization of MCP server '{server.label}' has characters that no token "
                "has, such as a line break.",
                "authorization",
            )
        if any(name.lower() == "authorization" for name, _value in given):
            raise _refused(
                f"The MCP server '{server.label}' has both authorization and a header "
                "Authorization: leave out one of them.",
                "authorization",
            )
        given.append(("Authorization", _authorization(server.authorization)))
    return tuple(given)


def _authorization(token: str) -> str:
    """Return the value of the header: a token that stands alone is a bearer's."""
    return token if " " in token.strip() else f"Bearer {token.strip()}"


def _secrets(values: list[str]) -> tuple[str, ...]:
    """Return what of some values is redacted: those, and what follows a scheme such as `Bearer`."""
    parts = [*values, *(value.rpartition(" ")[2] for value in values)]
    found = {part for part in parts if len(part) >= MIN_SECRET_LENGTH}
    # Were one that is part of another taken out first, the rest of that would be left.
    return tuple(sorted(found, key=len, reverse=True))


def _refused(message: str, field: str | None = None) -> ProtocolError:
    """Return the refusal of a server; `field` of the tool, if it is not what names the server."""
    return ProtocolError("invalid_value", message, field)
