"""Whether the client of a call is still there: one that has gone must not keep an engine busy.

All waiting goes through `Client`, whose tasks are asyncio's own: the scopes that frameworks cancel
responses by would cancel, again and again, also the tidying up of an engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")


class ClientGone(Exception):
    """The client has closed its connection, or takes nothing any more."""


class Client:
    """The client of one call, whose request has been read."""

    def __init__(self, receive: Receive) -> None:
        """Watch it from the first `wait_for` on; `close` ends that.

        Args:
            receive: The application's.
        """
        self._receive = receive
        self._gone: asyncio.Task[None] | None = None

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work for the client; cancel it if that goes meanwhile.

        Raises:
            ClientGone: It has gone.
        """
        if self._gone is None:
            self._gone = asyncio.create_task(self._until_gone(), name="client of a model")
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, self._gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if task.cancelled():
            raise ClientGone
        return task.result()

    async def close(self) -> None:
        """Watch no longer."""
        if self._gone is not None:
            self._gone.cancel()
            await asyncio.wait([self._gone])

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
