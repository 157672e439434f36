"""Drives a session whose MCP servers are the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from session.decisions import SpeechStopped
from session.effects import CallMcpTool, ListMcpTools
from session.mcp import McpError, McpServer, McpTool
from session.reports import McpCallCompleted, McpCallFailed, McpListFailed, McpToolsListed
from settings.mcp_settings import McpConfig
from tests.support.session_driver import Driver, of, session_config
from tests.support.strict_reader import Event
from wire.errors import ProtocolError

URL = "https://mcp.example.com/mcp"
DOCS = {"type": "mcp", "server_label": "docs", "server_url": URL, "require_approval": "never"}
SEARCH = McpTool("search", "Search the docs.", {"type": "object", "properties": {}})
READ = McpTool("read", "", {"type": "object"}, {"readOnlyHint": True})
FAILED = McpError("http_error", "The server answered 503.", 503)


def check_server(server: McpServer) -> None:
    """Refuse what is not at `mcp.example.com`, as a server with an allow-list does."""
    if server.url is None or not server.url.startswith("https://mcp.example.com/"):
        raise ProtocolError("invalid_value", f"'{server.label}' is not allowed.")


class McpDriver(Driver):
    """A session that may use servers at `mcp.example.com`."""

    def __init__(self, check: Callable[[McpServer], None] = check_server, **groups: Any) -> None:
        mcp = McpConfig(**groups.pop("mcp", {}))
        super().__init__(session_config(check_server=check, mcp=mcp, **groups))

    def connect(self, *tools: McpTool, **said: Any) -> list[Event]:
        """Name a server, and let it list its tools."""
        self.update(tools=[{**DOCS, **said}])
        return self.listed(*(tools or (SEARCH, READ)))

    def listed(self, *tools: McpTool) -> list[Event]:
        """The server that was asked last lists its tools."""
        return self.report(McpToolsListed(self.lists[-1].item_id, tools))

    def list_failed(self) -> list[Event]:
        """The server that was asked last does not list its tools."""
        return self.report(McpListFailed(self.lists[-1].item_id, FAILED))

    def asks(self) -> list[Event]:
        """The model calls `search`, and is done."""
        return self.call("{}", name="search") + self.finish("tool_calls")

    def found(self, output: str = "42", at: int = -1) -> list[Event]:
        """The tool gives its result."""
        return self.report(McpCallCompleted(self.calls[at].item_id, output))

    def broken(self, error: McpError = FAILED) -> list[Event]:
        """The tool that was called last gives no result."""
        return self.report(McpCallFailed(self.calls[-1].item_id, error))

    def approve(self, events: list[Event], *, yes: bool = True, **said: Any) -> list[Event]:
        """Answer the request among events."""
        (request,) = requests(events)
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": request["id"],
            "approve": yes,
            **said,
        }
        return self.send("conversation.item.create", item=item)

    def interrupts_and_speaks(self, *, stops: bool = True) -> list[Event]:
        """The user speaks, whatever the server is at."""
        onset_ms = int(self.inside.buffer.written_ms) // 32 * 32
        events = self.append(96)
        events += self.interrupts(onset_ms)
        events += self.append(960)
        return events + (self.stops() if stops else [])

    def stops(self) -> list[Event]:
        """The user's turn is over."""
        return self.decided(SpeechStopped(int(self.inside.buffer.written_ms) // 32 * 32))

    @property
    def turn(self) -> str:
        """The item of the user's last turn."""
        return str(of(self.events, "input_audio_buffer.speech_started")[-1]["item_id"])

    @property
    def lists(self) -> list[ListMcpTools]:
        """The lists that were asked for."""
        return self.kind(ListMcpTools)

    @property
    def calls(self) -> list[CallMcpTool]:
        """The calls that were made."""
        return self.kind(CallMcpTool)

    @property
    def offered(self) -> list[str]:
        """The functions that the model was offered last."""
        return [tool["name"] for tool in self.requests[-1].tools]


def requests(events: list[Event]) -> list[Event]:
    """The requests for approval among events."""
    done = of(events, "conversation.item.done")
    return [event["item"] for event in done if event["item"]["type"] == "mcp_approval_request"]
