"""A conversation whose tools are an MCP server's, in Python, by the `openai` package.

    pip install 'openai[realtime]'
    python examples/mcp_tools.py docs                              # a server of the operator's
    python examples/mcp_tools.py docs https://mcp.example.com/mcp  # one at a host that is allowed

REALTIME_URL (http://localhost:8000/v1) and REALTIME_API_KEY name another server, which has to know
the MCP server: README.md, "Tools of MCP servers".

Type to it, or pipe lines into it. With the embedded stack, say the words of a tool's name.

How it goes: the session is told of the MCP server once. When the model wants a tool, the server
asks whether it may call it, unless that was said beforehand; it calls it, and tells of the result
by itself. The program runs no tools.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import WebSocketException

URL = os.environ.get("REALTIME_URL", "http://localhost:8000/v1")
KEY = os.environ.get("REALTIME_API_KEY", "none")


async def ask(text: str) -> str:
    """Ask who types; the end of the input is an empty line."""
    print(text, end="", flush=True)
    return str(await asyncio.to_thread(sys.stdin.readline)).strip()


async def connect(session: AsyncRealtimeConnection, tool: dict[str, Any]) -> None:
    """Tell the session of the MCP server, and wait for its tools."""
    await session.session.update(
        session={"type": "realtime", "output_modalities": ["text"], "tools": [tool]}  # type: ignore[list-item]
    )
    async for event in session:
        if event.type == "error":
            raise SystemExit(event.error.message)
        if event.type == "conversation.item.done" and event.item.type == "mcp_list_tools":
            failed = (event.item.model_extra or {}).get("error")
            if failed:
                raise SystemExit(failed["message"])
            print("Tools:", ", ".join(known.name for known in event.item.tools))
            return


async def approve(session: AsyncRealtimeConnection, request: Any) -> None:
    """Ask whether a call may be made."""
    answer = await ask(f"  {request.name}({request.arguments}): may it? [y/n] ")
    await session.conversation.item.create(
        item={  # type: ignore[arg-type]
            "type": "mcp_approval_response",
            "approval_request_id": request.id,
            "approve": answer.lower().startswith("y"),
        }
    )


async def answered(session: AsyncRealtimeConnection) -> None:
    """Show what happens, up to the end of the answer in words."""
    async for event in session:
        if event.type == "error":
            print(event.error.message)
            return
        if event.type == "response.output_text.done":
            print("Assistant:", event.text)
        elif event.type == "conversation.item.done" and event.item.type == "mcp_call":
            outcome = event.item.output if event.item.error is None else event.item.error
            print(f"  {event.item.name}({event.item.arguments}) → {outcome}")
        elif event.type == "conversation.item.done" and event.item.type == "mcp_approval_request":
            await approve(session, event.item)
        elif event.type == "response.done":
            # Behind a call, or a request to be allowed one, there is more to come.
            made = {item.type for item in event.response.output or []}
            if not made & {"mcp_call", "mcp_approval_request"}:
                return


async def talk(label: str, url: str | None) -> None:
    """Talk, until the input ends."""
    tool = {"type": "mcp", "server_label": label, **({"server_url": url} if url else {})}
    client = AsyncOpenAI(api_key=KEY, base_url=URL)
    async with client.realtime.connect(model="gpt-realtime") as session:
        await connect(session, tool)
        while line := await ask("You: "):
            await session.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": line}],
                }
            )
            await session.response.create()
            await answered(session)
    print()


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description="Talk to a model with the tools of an MCP server.")
    parser.add_argument("label", help="the MCP server's label")
    parser.add_argument("url", nargs="?", help="its URL; none: the operator has named it")
    args = parser.parse_args()
    try:
        asyncio.run(talk(args.label, args.url))
    except (OSError, OpenAIError, WebSocketException) as error:
        sys.exit(f"No session with {URL} ({error}). Start a server: make run")


if __name__ == "__main__":
    main()
