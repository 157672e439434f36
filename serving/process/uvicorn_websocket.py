"""uvicorn's WebSockets: cheap for audio, safe against clients that stop reading or never stop.

uvicorn pauses reading after each message until the application has taken it: two needless system
calls per message, at fifty audio messages a second. Here reading pauses only when messages have
piled up.

Before it closes a connection, uvicorn waits without limit until the client has received everything,
so a client that stops reading would keep its session. Here a closing connection is cut when the
rest does not leave in time. A client that is sending counts as alive, even if its pong is still
queued behind what it sent. And the application learns at once that a client is gone, even while
reading from it is paused; whether it has closed or was lost, which uvicorn reports alike; and, when
it asks, whether the client is still there (`peers/connection.py`).

Frames are parsed by the websockets library alone. Bypassing its parser for whole messages would
save 3 to 5 µs a message, 2 to 4 % of a conversation's cost, but needs the parser's state, which the
library does not expose.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import uvicorn
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame

from config import Settings
from peers.connection import CONNECTION

MIB = 1024 * 1024
CUT_AFTER_S = 5.0
"""Seconds that a closing connection has to send what is still queued for the client."""
CLOSE_WITHIN_S = 2
"""Seconds that a server that shuts down waits for connections that it has closed."""
FRAGMENT = 512 * 1024
"""Characters per fragment of a long message; sending one takes about 1 ms."""
AHEAD = 16
"""Messages that may wait for the application before reading pauses."""
SMALL_BYTES = 64 * 1024
"""A message of more bytes than this pauses reading at once, to bound memory."""
MAX_FRAGMENTS = 4096
"""Most fragments of one message: enough for 4 KiB each, too few for empty ones to fill memory."""

VIRTUAL = "testing.virtual_clock:VirtualClockLoop"
"""How uvicorn finds that event loop."""


class RealtimeWebSocket(WebSocketsSansIOProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heard_at = self.loop.time()
        self._cut: asyncio.TimerHandle | None = None
        self._heard = asyncio.Event()
        """Set by whatever arrives; cleared by who waits for it."""
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        connection: socket.socket | None = transport.get_extra_info("socket")
        interval, timeout = self.ping_interval, self.ping_timeout
        if connection is None or connection.family not in (socket.AF_INET, socket.AF_INET6):
            return
        if interval and timeout and hasattr(socket, "TCP_USER_TIMEOUT"):
            # While reading is paused, a lost peer shows only in TCP: what is sent to it stays
            # unacknowledged.
            patience_ms = round(1000 * (interval + timeout))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_ms)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._cut is not None:
            self._cut.cancel()
        self.gone.set()
        self._heard.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes; they also count as a sign of life."""
        self._heard_at = self.loop.time()
        self._heard.set()
        # What a client sends after a protocol violation is dropped.
        if self.conn.parser_exc is None:
            super().data_received(data)

    @property
    def closed_with(self) -> int | None:
        """The code with which the client has closed, 1005 without one; None: it did not close.

        What it says to a close of the server's does not count: some repeat the code, others do not.
        """
        received = self.conn.close_rcvd
        return None if received is None or not self.conn.close_rcvd_then_sent else received.code

    async def answers(self, within_s: float) -> bool:
        """Ping the client, and return whether anything comes from it within `within_s` seconds."""
        if self.close_sent or self.transport.is_closing():
            return False
        self._heard.clear()
        self.conn.send_ping(os.urandom(4))
        self.transport.write(b"".join(self.conn.data_to_send()))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._heard.wait()
        if self.gone.is_set():
            return False
        # While reading is paused, what comes waits unread in the socket.
        return self._heard.is_set() or self.read_paused

    def give_up(self, reason: str) -> None:
        """Cut the connection: its client is gone; `reason` is for the log."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.fail(1011, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1011, "reason": reason})
        # What waits to be sent would hold it up.
        self.transport.abort()

    def handle_parser_exception(self) -> None:
        """Close the connection after a protocol violation, such as too large a message."""
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # Keep reading and dropping: closing now would reset the connection before the client has
        # read the close frame. While this timer is set, uvicorn does not close by itself.
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CUT_AFTER_S, self.transport.abort)

    def handle_cont(self, event: Frame) -> None:
        """Handle a continuation frame."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
            return
        self.frames = []
        self.conn.fail(1009, f"A message may have {MAX_FRAGMENTS} fragments at most.")
        self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Queue a complete message; pause reading only if many messages wait."""
        data = b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            try:
                text = data.decode()
            except UnicodeDecodeError:
                self.conn.fail(1007, "")
                self.handle_parser_exception()
                return
            self.queue.put_nowait({"type": "websocket.receive", "text": text})
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        crowded = len(data) > SMALL_BYTES or self.queue.qsize() > AHEAD
        if crowded and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def keepalive_timeout(self) -> None:
        """Close a connection without a pong in time, unless the pong may still be queued."""
        # While reading is paused, a pong waits unread in the socket. The next ping finds out
        # whether the connection is still alive.
        if self.read_paused or self._heard_at > self.ping_sent_at:
            self.send_keepalive_ping()
            return
        super().keepalive_timeout()
        reason = "keepalive ping timeout"
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1011, "reason": reason})
        self._cut_soon()

    async def send(self, message: Any) -> None:
        """Send an ASGI message; a close never waits until the send buffer has room."""
        if message["type"] == "websocket.close":
            self.writable.set()
            await super().send(message)
            self._cut_soon()
        elif len(message.get("text") or "") > FRAGMENT:
            await self._send_in_fragments(message["text"])
        else:
            await super().send(message)

    async def _send_in_fragments(self, text: str) -> None:
        """Send a long message in fragments, yielding to other sessions between them."""
        send: Callable[[bytes, bool], None] = self.conn.send_text
        for start in range(0, len(text), FRAGMENT):
            await self.writable.wait()
            if self.disconnected or self.close_sent:
                raise ClientDisconnected
            end = start + FRAGMENT
            try:
                send(text[start:end].encode(), end >= len(text))
            except InvalidState:
                # The client's close has arrived, between two fragments.
                raise ClientDisconnected from None
            self.transport.write(b"".join(self.conn.data_to_send()))
            send = self.conn.send_continuation
            await asyncio.sleep(0)

    async def run_asgi(self) -> None:
        """Run the application; a refused handshake counts as complete."""
        app = self.app
        cast(dict[str, Any], self.scope)[CONNECTION] = self

        async def served(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)
            # uvicorn would log a missing handshake even where it has sent a refusal instead.
            self.handshake_complete = self.handshake_complete or self.close_sent

        self.app = served
        await super().run_asgi()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application has returned: cut the connection if it does not close in time."""
        super().on_task_complete(task)
        self._cut_soon()

    def _cut_soon(self) -> None:
        if self._cut is None:
            self._cut = self.loop.call_later(CUT_AFTER_S, self.transport.abort)


def server_config(app: Any, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration for this server."""
    limits, verbose = settings.limits, settings.server.verbose
    virtual = settings.server.virtual_clock
    return uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        loop=VIRTUAL if virtual else "auto",
        log_config=None,
        log_level="info" if verbose else "error",
        access_log=verbose,
        ws=RealtimeWebSocket,
        ws_max_size=int(limits.message_mib * MIB),
        ws_per_message_deflate=False,
        # Whether a client is there is a matter of the machine's time.
        ws_ping_interval=None if virtual else limits.ping_interval_s,
        ws_ping_timeout=limits.ping_timeout_s,
        timeout_graceful_shutdown=CLOSE_WITHIN_S,
    )
