"""What of MCP servers a model is offered: tools as functions, each by a name of its own (§B.13).

Two servers may have tools of the same name, and a function of the client's may have it too; a
model knows names alone.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from session.mcp import McpServer, McpTool
from session.mcp_settings import McpUse, ToolEntry
from session.ports import FailureReason

Lists = Mapping[McpServer, Sequence[McpTool]]
"""Server → the tools that it has listed: a label may stand for another one in a response."""
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Names of functions that every model service takes."""
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A server's tool, and the name of the function by which a model calls it."""

    use: McpUse
    tool: McpTool
    called: str
    """The function's name."""

    @property
    def needs_approval(self) -> bool:
        """Whether a call waits for the client's approval."""
        return self.use.needs_approval(self.tool)

    def function(self, about: str | None = None) -> dict[str, Any]:
        """Return the function, as the model is given it.

        Args:
            about: What is said of its server with this tool.
        """
        words = [self.tool.description, f"({self.use.label}: {about})" if about else ""]
        return {
            "type": "function",
            "name": self.called,
            "description": " ".join(filter(None, words)),
            "parameters": self.tool.input_schema,
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """The functions that the model of a response may call."""

    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: str | dict[str, Any] = "auto"
    """`auto`, `none`, `required`, or one function."""
    mcp_tools: Mapping[str, NamedTool] = field(default_factory=dict)
    """Name of a function → the tool for which it stands, offered or not; others are the
    client's."""
    one_call: bool = False
    """Whether calls are to be made one at a time (`parallel_tool_calls` is false)."""
    server: str | None = None
    """The server of which alone tools may be called; None: any."""
    bound: int | None = None
    """Responses in a row after calls, because of which nothing may be called; None: not for that.
    """
    unmet: FailureReason | None = None
    """Why the `tool_choice` that was asked for cannot be."""

    def refusal(self, called: str, *, first: bool) -> str | None:
        """Return why a tool is not run although the model calls it; None: it is.

        Services keep most models from calls that they may not make, and not all of them do.

        Args:
            called: The function's name.
            first: Whether the response has made no call before.
        """
        if self.bound is not None:
            return f"{self.bound} responses in a row have followed calls, and no more tools are run"
        if self.choice == "none":
            return "no tool may be called in this response (tool_choice is 'none')"
        if isinstance(self.choice, dict) and called != self.choice["name"]:
            return f"this response may call '{self.choice['name']}' alone (tool_choice)"
        if all(function["name"] != called for function in self.tools):
            return f"this response may call tools of the server '{self.server}' alone (tool_choice)"
        if self.one_call and not first:
            return "one tool is called at a time (parallel_tool_calls is false)"
        return None


def offer(
    tools: Sequence[ToolEntry],
    choice: str | dict[str, Any],
    lists: Lists,
    *,
    may_ask: bool = True,
    one_call: bool = False,
) -> Offer:
    """Return what the model is offered.

    Args:
        tools: The functions and servers of the response.
        choice: Its `tool_choice`.
        lists: What the servers have listed so far.
        may_ask: Whether the client can be asked for approval; if not, tools that need it are left
            out.
        one_call: Whether calls are to be made one at a time.
    """
    functions = [tool for tool in tools if not isinstance(tool, McpUse)]
    found = [
        (use, tool)
        for use in tools
        if isinstance(use, McpUse)
        for tool in lists.get(use.server, ())
        if use.allows(tool) and (may_ask or not use.needs_approval(tool))
    ]
    named = _named(found, [str(function["name"]) for function in functions])
    if isinstance(choice, dict) and choice["type"] == "mcp":
        return replace(_of_server(functions, named, choice), one_call=one_call)
    offered = [*functions, *_functions(named)]
    unmet = None
    if choice == "required" and not offered:
        unmet = _cannot("tool_choice is 'required', but there are no tools.")
    elif isinstance(choice, dict) and all(tool["name"] != choice["name"] for tool in functions):
        unmet = _cannot(f"tool_choice names '{choice['name']}', which is not among the tools.")
    return Offer(offered, choice, _by_name(named), one_call, unmet=unmet)


def _of_server(
    functions: list[dict[str, Any]], named: list[NamedTool], choice: dict[str, Any]
) -> Offer:
    """Let the model call one tool of a server, or any of it."""
    label, name = choice["server_label"], choice["name"]
    asked = [t for t in named if t.use.label == label and name in (None, t.tool.name)]
    if not asked:
        what = f"the tool '{name}' of the MCP server" if name else "the MCP server"
        reason = f"tool_choice names {what} '{label}', of which no such tool is loaded."
        return Offer(unmet=_cannot(reason))
    if name is None:
        return Offer([*_functions(asked)], "required", _by_name(named), server=label)
    offered = [*functions, *_functions(named)]
    forced = {"type": "function", "name": asked[0].called}
    return Offer(offered, forced, _by_name(named))


def _functions(named: Iterable[NamedTool]) -> Iterator[dict[str, Any]]:
    """Yield tools as functions; what there is to say of a server is said with its first one."""
    told: set[str] = set()
    for tool in named:
        use = tool.use
        yield tool.function(None if use.label in told else use.fields.server_description)
        told.add(use.label)


def _cannot(reason: str) -> FailureReason:
    return FailureReason(reason, "invalid_tool_choice", "invalid_request_error")


def _by_name(named: list[NamedTool]) -> Mapping[str, NamedTool]:
    return {tool.called: tool for tool in named}


def _named(found: list[tuple[McpUse, McpTool]], taken: list[str]) -> list[NamedTool]:
    """Name each tool: as its server does, if that tells it apart and every model takes it."""
    counts = Counter([*taken, *(tool.name for _, tool in found)])
    used = set(taken)
    named: list[NamedTool] = []
    for use, tool in found:
        called = tool.name
        if counts[called] > 1 or called in used or not _PLAIN.fullmatch(called):
            called = _own_name(f"{use.label}__{tool.name}", used)
        used.add(called)
        named.append(NamedTool(use, tool, called))
    return named


def _own_name(wanted: str, used: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", wanted)[:_LONGEST]
    again = 0
    while plain in used:
        again += 1
        digest = hashlib.sha256(f"{again} {wanted}".encode()).hexdigest()[:8]
        plain = f"{plain[: _LONGEST - 9]}_{digest}"
    return plain
