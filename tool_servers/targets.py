"""What is connected to for an MCP server that a client named, or why nothing is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from session.mcp import McpServer
from settings.localisation import in_english
from settings.mcp_headers import (
    is_authorization,
    is_header_name,
    is_header_value,
    is_of_transport,
    is_scheme_alone,
)
from settings.mcp_hosts import AllowedHost, Place, read_place
from settings.mcp_settings import McpConfig, McpServerConfig
from tool_servers.hidden import all_of, among, keys_of, values_of, without, without_begun
from tool_servers.reach import entry_for
from tool_servers.settings_within import in_path
from wire.errors import ProtocolError, listed

_OURS = frozenset(
    {
        *("forwarded", "host", "via"),
        *("cf-connecting-ip", "fastly-client-ip", "true-client-ip", "x-client-ip", "x-host"),
        *("x-cluster-client-ip", "x-http-method", "x-http-method-override", "x-method-override"),
    }
)
_OUR_FAMILIES = ("proxy-", "x-forwarded", "x-original-", "x-real-", "x-rewrite-")
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
    keys: tuple[str, ...]
    """Those of them that no result may show either."""
    allowed: AllowedHost | None
    """Why a client may name it; None: the operator did, and nothing else of it is checked."""
    tools: frozenset[str] | None = None
    """The tools that sessions may see; None: all."""


@dataclass(frozen=True, slots=True)
class ProcessTarget:
    """A server that the operator's command runs."""

    label: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str | None
    secrets: tuple[str, ...]
    keys: tuple[str, ...]
    tools: frozenset[str] | None = None


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
    given = [(name, _bare(value)) for name, value in server.headers]
    given.append(("authorization", _bare(server.authorization or "")))
    return HttpTarget(server.label, place, headers, values_of(given), (), entry)


def target_of_operator(label: str, configured: McpServerConfig) -> Target:
    """Return what is connected to for a server of the operator."""
    tools = configured.allowed_tools
    seen = None if tools is None else frozenset(tools)
    if configured.url is None:
        env = {name: value.get_secret_value() for name, value in configured.env.items()}
        given = [*env.items(), *among(configured.args)]
        assert configured.command is not None
        return ProcessTarget(
            label,
            configured.command,
            tuple(configured.args),
            env,
            configured.cwd,
            all_of(given),
            keys_of(given),
            seen,
        )
    headers = [(name, value.get_secret_value()) for name, value in configured.headers.items()]
    given = [*headers]
    if configured.authorization is not None:
        token = configured.authorization.get_secret_value()
        headers.append(("Authorization", _authorization(token)))
        given.append(("authorization", token))
    place = read_place(configured.url)
    given += in_path(place.path)
    return HttpTarget(label, place, tuple(headers), all_of(given), keys_of(given), None, seen)


def redacted(text: str, target: Target) -> str:
    """Return an error's text without anything that is sent to the target alone."""
    return without(text, target.secrets)


def redacted_so_far(text: str, is_whole: bool, target: Target) -> str:
    """Return the same of a text which may be but the beginning of what was said."""
    return redacted(text if is_whole else without_begun(text, target.secrets), target)


def without_keys(text: str, target: Target) -> str:
    """Return a result's text without the target's keys; what can be a plain word stays."""
    return without(text, target.keys)


def _by_label(server: McpServer, config: McpConfig) -> Target:
    configured = config.servers.get(server.label)
    if configured is None:
        has = (
            f"those of its operator are {listed(config.servers)}"
            if config.servers
            else "its operator has named none"
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
    given = [(name, _bare(value)) for name, value in server.headers]
    names = Counter(name.lower() for name, _value in given)
    for name, value in given:
        shown = name if is_header_name(name) else "?"
        if shown == "?" or not is_header_value(value):
            raise _refused(
                f"The header '{shown}' of MCP server '{server.label}' has characters that no "
                "header has, or is too long.",
                "headers",
            )
        is_ours = name.lower() in _OURS or name.lower().startswith(_OUR_FAMILIES)
        if is_ours or is_of_transport(name):
            raise _refused(
                f"The header '{name}' of MCP server '{server.label}' is not a client's to set: "
                "leave it out.",
                "headers",
            )
        if names[name.lower()] > 1:
            raise _refused(
                f"The header '{name}' of MCP server '{server.label}' is given in two spellings, "
                "which are one header: leave out one of them.",
                "headers",
            )
        if is_authorization(name) and is_scheme_alone(value):
            raise _refused(
                f"The header '{name}' of MCP server '{server.label}' is empty: it has no token "
                f"behind '{value}'.",
                "headers",
            )
    if server.authorization is not None:
        token = _bare(server.authorization)
        if not token or is_scheme_alone(token):
            raise _refused(
                f"The authorization of MCP server '{server.label}' is empty: leave it out.",
                "authorization",
            )
        if not is_header_value(token):
            raise _refused(
                f"The authorization of MCP server '{server.label}' has characters that no token "
                "has, such as a line break.",
                "authorization",
            )
        if any(is_authorization(name) for name, _value in given):
            raise _refused(
                f"The MCP server '{server.label}' has both authorization and a header "
                "Authorization: leave out one of them.",
                "authorization",
            )
        given.append(("Authorization", _authorization(token)))
    return tuple(given)


def _authorization(token: str) -> str:
    """Return the value of the header: a token that stands alone is a bearer's."""
    return token if " " in token else f"Bearer {token}"


def _bare(value: str) -> str:
    """Return a value without the spaces around it, which are none of it in a header."""
    return value.strip(" \t")


def _refused(message: str, field: str | None = None) -> ProtocolError:
    """Return the refusal of a server; `field` of the tool, if it is not what names the server."""
    return ProtocolError("invalid_value", message, field)
