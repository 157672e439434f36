"""What is taken out of an answer before `mcp` reads it, which would fail it, or take too long.

`mcp` makes an object of each tool and of each part of a result, on the event loop; so no more of
them are left than one too many, by which the answer is refused.
"""

from __future__ import annotations

from typing import Any

from mcp.shared.message import SessionMessage
from mcp.types import (
    CONNECTION_CLOSED,
    ErrorData,
    JSONRPCError,
    JSONRPCResponse,
    Tool,
    ToolAnnotations,
)
from pydantic import ValidationError

from tool_servers.targets import Target

MOST_PARTS = 1000
"""Parts of a result that are read."""

_STREAM_ENDED = "SSE stream "
"""How errors begin that `mcp` puts in the place of answers that will not come."""
_UNREAD = ("outputSchema", "_meta", "icons", "execution")
"""Fields of a tool that nobody reads here."""
_LEFT_OUT = "left out"
"""Where a tool's reason stands, among what servers may add to it."""


class _Reason(str):
    """Why a tool is left out, or whose an error is: no server can write one into its answer."""

    __slots__ = ()


def mend_answer(message: SessionMessage, target: Target, most_tools: int) -> None:
    """Take out of a message what keeps a list of tools or a result from being read.

    * Tools that sessions may not see, and those beyond one too many.
    * Input schemas that are none by MCP, and descriptions and annotations of the wrong type: one
      such tool would fail all of the list. Of the tool its name is left, and a note why it is left
      out (`left_out`), so that it counts all the same.
    * Schemas of results. `mcp` would check every result against them, on the event loop. A pattern
      in a schema can take years on a text that was made for it, and both come from a server that
      may be a stranger's. The model reads the result as it is.
    * Parts of a result beyond one too many.

    An error of the server's with a code by which `mcp` tells of lost connections is marked as the
    server's own (`is_servers_own`).

    Args:
        message: What a server says.
        target: The server.
        most_tools: Tools that it may have.
    """
    answer = message.message
    if isinstance(answer, JSONRPCError) and answer.error.code == CONNECTION_CLOSED:
        if not answer.error.message.startswith(_STREAM_ENDED):
            answer.error.data = _Reason("the server's own")
        return
    if not isinstance(answer, JSONRPCResponse):
        return
    tools, parts = answer.result.get("tools"), answer.result.get("content")
    if isinstance(parts, list):
        del parts[MOST_PARTS + 1 :]
    if not isinstance(tools, list):
        return
    if target.tools is not None:
        tools[:] = [tool for tool in tools if (name := _name(tool)) is None or name in target.tools]
    del tools[most_tools + 1 :]
    for tool in tools:
        if not isinstance(tool, dict):
            continue
        for unread in _UNREAD:
            tool.pop(unread, None)
        why, name = _unreadable(tool), _name(tool)
        if why is not None and name is not None:
            tool.clear()
            schema, reason = {"type": "object"}, {_LEFT_OUT: _Reason(why)}
            tool.update(name=name, inputSchema=schema, _meta=reason)


def is_servers_own(error: ErrorData) -> bool:
    """Return whether an error that could be of a lost connection was sent by the server."""
    return isinstance(error.data, _Reason)


def left_out(tool: Tool) -> str | None:
    """Return why `mend_answer` found that a tool has to be left out; None: it did not."""
    reason = (tool.meta or {}).get(_LEFT_OUT)
    return str(reason) if isinstance(reason, _Reason) else None


def _name(tool: object) -> str | None:
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else None


def _unreadable(tool: dict[str, Any]) -> str | None:
    """Return why `mcp` does not read a tool that has a name; None: it does."""
    wrong = _wrong(tool.get("inputSchema"))
    if wrong is not None:
        return f"its input schema is no JSON Schema ({wrong})"
    for field in ("title", "description"):
        if not isinstance(tool.get(field), str | None):
            return f"its {field} is no text"
    annotations = tool.get("annotations")
    try:
        ToolAnnotations.model_validate({} if annotations is None else annotations)
    except ValidationError:
        return "its annotations are not what MCP prescribes"
    return None


def _wrong(schema: object) -> str | None:
    """Return why `mcp` does not take an input schema; None: it does."""
    if schema is None:
        return "there is none"
    if not isinstance(schema, dict):
        return "it is no object"
    if schema.get("type") != "object":
        return "its type is not object"
    properties, required = schema.get("properties"), schema.get("required")
    if properties is not None and not (
        isinstance(properties, dict)
        and all(isinstance(value, dict | bool) for value in properties.values())
    ):
        return "its properties are none"
    if required is not None and not (
        isinstance(required, list) and all(isinstance(name, str) for name in required)
    ):
        return "what it requires are no names"
    if not isinstance(schema.get("$schema"), str | None):
        return "its $schema is no text"
    return None
