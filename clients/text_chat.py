"""A chat with a server in the terminal: what is typed is sent, the answer printed as it comes."""

from __future__ import annotations

import asyncio
import signal
import threading

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime.realtime_session_create_request_param import (
    RealtimeSessionCreateRequestParam,
)
from websockets.exceptions import ConnectionClosed

from clients.sdk import ClientError, connected, explain, say
from settings.localisation import _

CHAT_SESSION: RealtimeSessionCreateRequestParam = {
    "type": "realtime",
    "output_modalities": ["text"],
    "audio": {"input": {"turn_detection": None}},
}


async def chat(url: str, api_key: str, model: str, patience_s: float = 0.0) -> None:
    """Chat in the terminal until the end of input or Ctrl-C; Ctrl-C stops an answer.

    Args:
        url: Address of the server.
        api_key: Key for it.
        model: Name of the model.
        patience_s: How long to wait for a server that is starting, in seconds.

    Raises:
        ClientError: There is no connection, or no longer one.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    stop_answer = asyncio.Event()
    answering = False

    def interrupted() -> None:
        if answering:
            stop_answer.set()
        else:
            lines.put_nowait(None)

    def on_ctrl_c(*_signal: object) -> None:
        if answering and stop_answer.is_set():
            raise KeyboardInterrupt  # the server does not stop: leave
        loop.call_soon_threadsafe(interrupted)

    def read() -> None:
        # Not sys.stdin: a thread that waits inside it cannot be left behind at exit.
        with open(0, encoding="utf-8", errors="replace", closefd=False) as terminal:
            for line in terminal:
                loop.call_soon_threadsafe(lines.put_nowait, line.strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)

    signal.signal(signal.SIGINT, on_ctrl_c)
    async with connected(url, api_key, model, patience_s) as connection:
        await connection.session.update(session=CHAT_SESSION)
        print(_("Type a message. Ctrl-C stops an answer, Ctrl-D ends the chat."))
        threading.Thread(target=read, daemon=True).start()
        while True:
            print("> ", end="", flush=True)
            line = await lines.get()
            if line is None:
                break
            if not line:
                continue
            answering = True
            stop_answer.clear()
            canceller = asyncio.create_task(_cancel_on(stop_answer, connection))
            try:
                await say(connection, line)
                await print_answer(connection)
            except ConnectionClosed as error:
                raise ClientError(explain(error, url)) from error
            finally:
                answering = False
                canceller.cancel()
    print()


async def _cancel_on(stop: asyncio.Event, connection: AsyncRealtimeConnection) -> None:
    await stop.wait()
    await connection.response.cancel()


async def print_answer(connection: AsyncRealtimeConnection) -> None:
    """Print an answer as it is written."""
    async for event in connection:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
        elif event.type == "error" and event.error.code != "response_cancel_not_active":
            print(f"[{event.error.message}]")
            return
        elif event.type == "response.done":
            status, details = event.response.status, event.response.status_details
            reason = details.error if details and details.error else None
            print("" if status == "completed" else f" [{getattr(reason, 'message', status)}]")
            return
