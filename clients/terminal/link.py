"""The connection to the server, which reconnects when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from websockets.exceptions import ConnectionClosedOK

from clients.sdk import LOST, Connect, explain, explain_refusal
from clients.terminal.view import Link, View
from settings.localisation import _

RETRY_S = (1, 30)
"""The first wait before another attempt to connect, and the longest."""

Handle = Callable[[RealtimeServerEvent, AsyncRealtimeConnection], Awaitable[None]]


class KeptConnection:
    """Connects, passes server events on, and reconnects."""

    def __init__(
        self, connect: Connect, view: View, url: str, retry_s: tuple[int, int] = RETRY_S
    ) -> None:
        """Prepare; `run` connects.

        Args:
            connect: Opens a connection of the SDK.
            view: Is told whether there is a connection, and why not.
            url: Address for messages.
            retry_s: The first wait before another attempt, and the longest; it doubles between.
        """
        self._connect, self._view, self._url = connect, view, url
        self._first_s, self._longest_s = retry_s
        self._retry = asyncio.Event()
        self._connection: AsyncRealtimeConnection | None = None

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def live(self) -> AsyncRealtimeConnection:
        """Return the connection.

        Raises:
            ConnectionError: There is none.
        """
        if self._connection is None:
            raise ConnectionError(_("Not sent: there is no connection. R tries to connect now."))
        return self._connection

    def retry_now(self) -> None:
        """End the wait before the next attempt to connect."""
        self._retry.set()

    async def run(self, handle: Handle, lost: Callable[[], None]) -> None:
        """Stay connected until cancelled; wait longer after each failure.

        Args:
            handle: Takes every event of the server.
            lost: Is called when a connection or an attempt has ended.
        """
        wait_s, sessions = self._first_s, 0
        while True:
            answered, refusal = False, ""
            self._view.show_link(Link("connecting"))
            reason = _("{url} closed the connection.").format(url=self._url)
            try:
                async with self._connect() as self._connection:
                    while True:
                        event = await self._connection.recv()
                        if not answered and getattr(event, "type", None) == "error":
                            # The server refuses the session and is about to close the connection.
                            refusal = explain_refusal(event, self._url)
                            self._view.show_text(f"outage {sessions}", "problem", refusal)
                        else:
                            answered = True
                            await handle(event, self._connection)
            except ConnectionClosedOK:
                pass
            except LOST as error:
                reason = explain(error, self._url)
            except ValueError:
                told = _("{url} sent something that is not JSON. Is it Realtime?")
                reason = told.format(url=self._url)
            finally:
                self._connection = None
                lost()
            if answered:
                wait_s, sessions = self._first_s, sessions + 1
            # Consecutive failed attempts share a line of the conversation.
            self._view.show_text(f"outage {sessions}", "problem", refusal or reason)
            await self._wait(wait_s)
            wait_s = min(2 * wait_s, self._longest_s)

    async def _wait(self, seconds: int) -> None:
        self._retry.clear()
        for left in range(seconds, 0, -1):
            self._view.show_link(Link("offline", left))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._retry.wait(), 1)
                return
