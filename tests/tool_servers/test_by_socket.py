"""MCP servers as a client sees them, over the wire of the whole product."""

from __future__ import annotations

import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.support.running_server import running, scripted_settings, serving
from tests.tool_servers.fake_http import FakeMcp, tool


async def _name(socket: ClientConnection, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set a session's tools; returns the items of the lists that end."""
    await socket.send(
        json.dumps({"type": "session.update", "session": {"type": "realtime", "tools": tools}})
    )
    items, ended, updated = [], 0, False
    while not updated or ended < len(tools):
        event = json.loads(await socket.recv())
        assert event["type"] != "error", event
        updated = updated or event["type"] == "session.updated"
        ended += event["type"] in ("mcp_list_tools.completed", "mcp_list_tools.failed")
        if event["type"] == "conversation.item.done":
            items.append(event["item"])
    return items


async def test_a_session_may_replace_its_servers_as_often_as_it_likes():
    """The bound is on those that it names at once."""
    fake = FakeMcp()
    fake.tools = [tool("any")]
    async with serving(fake.app) as port:
        url = f"http://127.0.0.1:{port}"
        settings = scripted_settings(mcp={"allowed_hosts": [url]})
        async with running(settings) as server, connect(server.url) as socket:
            for round_ in range(3):
                labels = [f"s{round_}-{number}" for number in range(40)]
                items = await _name(
                    socket,
                    [
                        {"type": "mcp", "server_label": label, "server_url": f"{url}/mcp"}
                        for label in labels
                    ],
                )
                assert [item.get("error") for item in items] == [None] * 40
                assert {item["server_label"] for item in items} == {*labels}
                assert await _name(socket, []) == []
