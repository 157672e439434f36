"""Drives openai-agents with an MCP server among the session's tools, and its defaults otherwise.

The SDK has no hosted MCP tools for Realtime sessions, so the session is changed by a raw message.
"""

from __future__ import annotations

import sys
from typing import Any

from agents import set_tracing_disabled
from agents.realtime.model_inputs import RealtimeModelSendRawMessage

from tests.foreign_clients.python import scenarios
from tests.foreign_clients.python.drive_openai_agents import Say, Talk, talking

SERVER_URL = sys.argv[2]


async def _raw(talk: Talk, kind: str, **fields: Any) -> None:
    message = {"type": kind, "other_data": fields}
    await talk.session.model.send_event(RealtimeModelSendRawMessage(message=message))


async def _connect(talk: Talk, approval: str) -> None:
    tool = {
        "type": "mcp",
        "server_label": "city",
        "server_url": SERVER_URL,
        "require_approval": approval,
    }
    await _raw(talk, "session.update", session={"type": "realtime", "tools": [tool]})
    await talk.until(lambda: "mcp_list_tools.completed" in talk.raw)


async def tool(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await _connect(talk, "never")
        await talk.session.send_message("what is the weather in Oslo?")
        await talk.answered(2)
        await talk.until(lambda: "21C" in " ".join(talk.spoken_by("assistant")))
        await talk.session.send_message("hello")
        await talk.answered(3)
        await talk.until(lambda: "Hello" in " ".join(talk.spoken_by("assistant")))


async def approved(url: str, say: Say) -> None:
    async with talking(url, say) as talk:
        await _connect(talk, "always")
        await talk.session.send_message("what is the weather in Oslo?")
        await talk.until(lambda: bool(talk.waiting))
        item = {
            "id": "item_approval",
            "type": "mcp_approval_response",
            "approval_request_id": talk.waiting[0],
            "approve": True,
        }
        await _raw(talk, "conversation.item.create", item=item)
        await talk.answered(2)
        await talk.until(lambda: "21C" in " ".join(talk.spoken_by("assistant")))


if __name__ == "__main__":
    set_tracing_disabled(True)
    scenarios.run(tool, approved)
