"""The MCP servers among the tools of a session or a response, as the client describes them (§B.13).

A server is described once; later its label alone will do. What a client says again of a label
that is known replaces what was said, field by field, and null takes it back; another URL, or none
where there was one, makes it another server. A response may say so for itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from session.mcp import McpServer, McpTool
from settings.mcp_settings import McpConfig, McpServerConfig
from wire.errors import ProtocolError
from wire.mcp_fields import ApprovalFilter, ToolFilter
from wire.session_fields import FunctionTool, McpServerTool

_NAMES = {"require_approval": "require_approval", "description": "server_description"}
"""Settings of an operator's server → what the wire calls them."""
_SECRET = {"authorization", "headers"}


@dataclass(frozen=True, slots=True)
class McpUse:
    """A server, which of its tools may be used, and which of them need approval."""

    server: McpServer
    fields: McpServerTool
    """All that the client has said of the server, and the operator where the client has not."""
    default: McpServerTool | None = None
    """What the operator says of its server of this label; None: it has none. It counts where the
    client names no URL."""

    @property
    def label(self) -> str:
        """The server's label."""
        return self.server.label

    def wire(self) -> dict[str, Any]:
        """Return it as sessions show it: what was said, without what is secret."""
        said = self.fields.model_dump(exclude_unset=True, exclude_none=True, exclude=_SECRET)
        return {"type": "mcp", **said}

    def allows(self, tool: McpTool) -> bool:
        """Return whether a tool may be used."""
        allowed = self.fields.allowed_tools
        return allowed is None or _matches(allowed, tool)

    def needs_approval(self, tool: McpTool) -> bool:
        """Return whether a call of a tool waits for the client's approval.

        It does unless the client has said otherwise, and where both filters name it.
        """
        asked = self.fields.require_approval
        if not isinstance(asked, ApprovalFilter):
            return asked != "never"
        if asked.always is not None and _matches(asked.always, tool):
            return True
        return asked.never is None or not _matches(asked.never, tool)


ToolEntry = dict[str, Any] | McpUse
"""A function, as `tool_echo` writes it, or a server."""
Known = Mapping[str, McpUse]
"""Label → what was said of the server so far."""


def operators(config: McpConfig) -> Known:
    """Return the operator's own servers, and what holds for each where a client says nothing."""
    return {label: _of_operator(label, server) for label, server in config.servers.items()}


def _of_operator(label: str, server: McpServerConfig) -> McpUse:
    said = server.model_dump(include={"require_approval", "description"}, exclude_none=True)
    known = {_NAMES[name]: value for name, value in said.items()}
    fields = McpServerTool.model_validate({"type": "mcp", "server_label": label, **known})
    return McpUse(McpServer(label), fields, fields)


def tool_entries(
    given: Sequence[FunctionTool | McpServerTool], known: Known, path: str
) -> tuple[ToolEntry, ...]:
    """Return the tools that a client names, in order.

    Args:
        given: The tools, as the client wrote them.
        known: The servers that the session knows.
        path: Where they are in the client's event, for errors.

    Raises:
        ProtocolError: Two servers share a label, or what is said of one contradicts itself.
    """
    entries: list[ToolEntry] = []
    labels: set[str] = set()
    for index, tool in enumerate(given):
        if isinstance(tool, FunctionTool):
            entries.append(tool_echo(tool))
            continue
        label = tool.server_label
        if label in labels:
            raise ProtocolError(
                "invalid_value",
                f"Two MCP servers are called '{label}'; give each its own label.",
                f"{path}[{index}].server_label",
            )
        labels.add(label)
        entries.append(_use(tool, known.get(label)))
    return tuple(entries)


def tool_echo(tool: FunctionTool) -> dict[str, Any]:
    """Write a function tool with every key, as the service echoes it (§C.1)."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
    }


def remembered(entries: Sequence[ToolEntry], known: Known, *, but: Collection[str] = ()) -> Known:
    """Return the servers that are known once a client has named these tools.

    Args:
        entries: The tools.
        known: The servers that were known before.
        but: Labels of which nothing is to be remembered.
    """
    named = {
        entry.label: entry
        for entry in entries
        if isinstance(entry, McpUse) and entry.label not in but
    }
    return {**known, **named} if named else known


def check_servers(
    entries: Sequence[ToolEntry], known: Known, check: Callable[[McpServer], None], path: str
) -> None:
    """Check the servers that are new to a session.

    Args:
        entries: The tools.
        known: The servers that the session knew before.
        check: Raises `ProtocolError` for a server that may not be used, with the field of the tool
            in its `param` where that is another than what names the server.
        path: Where the tools are in the client's event, for errors.

    Raises:
        ProtocolError: A server may not be used.
    """
    for index, entry in enumerate(entries):
        if not isinstance(entry, McpUse):
            continue
        before = known.get(entry.label)
        if before is not None and before.server == entry.server:
            continue
        try:
            check(entry.server)
        except ProtocolError as error:
            named_by = "server_label" if entry.server.url is None else "server_url"
            param = f"{path}[{index}].{error.param or named_by}"
            raise ProtocolError(error.code, error.message, param) from None


def _use(tool: McpServerTool, before: McpUse | None) -> McpUse:
    said, default = tool, None if before is None else before.default
    if before is not None and before.server.url is not None and _names_no_url(tool):
        # The client takes its server back, and all that it said of it.
        own = McpServer(before.label)
        before = None if default is None else McpUse(own, default, default)
    if before is not None and tool.server_url in (None, before.server.url):
        said = _merged(tool, before)
    headers = tuple((said.headers or {}).items())
    server = McpServer(said.server_label, said.server_url, said.authorization, headers)
    return McpUse(server, said, default)


def _names_no_url(tool: McpServerTool) -> bool:
    """Return whether a client says that a server has no URL, and not just nothing about it."""
    return tool.server_url is None and "server_url" in tool.model_fields_set


def _merged(tool: McpServerTool, before: McpUse) -> McpServerTool:
    """Return what is known of a server once more is said of it: null takes back what was said."""
    new = tool.model_dump(exclude_unset=True, exclude_none=True)
    taken_back = tool.model_fields_set - new.keys() - {"server_url"}
    # A key and a header may be two ways of saying the same.
    replaced = _SECRET if _SECRET & new.keys() else set()
    old = before.fields.model_dump(exclude_unset=True, exclude=taken_back | replaced)
    default: dict[str, Any] = {}
    if before.default is not None and before.server.url is None:
        default = before.default.model_dump(exclude_unset=True, include=taken_back)
    return McpServerTool.model_validate({**old, **default, **new})


def _matches(wanted: ToolFilter, tool: McpTool) -> bool:
    if wanted.tool_names is not None and tool.name not in wanted.tool_names:
        return False
    read_only = bool((tool.annotations or {}).get("readOnlyHint"))
    return wanted.read_only is None or wanted.read_only == read_only
