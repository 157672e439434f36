"""Serves a client until its session ends, and tells why it did.

A session ends when the client leaves, when the session itself closes the connection, or when the
connection is lost. Every kind of session is served so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from flow.work_queue import WorkQueue
from peers.base import Peer, PeerGone, PeerStalled
from session.effects import Close
from session.ports import CloseReason
from session.reports import PlaybackReport


class SessionOver(Exception):
    """The session ended, and all its output was delivered to the client."""


async def serve(
    peer: Peer,
    work: WorkQueue,
    report: Callable[[PlaybackReport], None],
    take_input: Callable[[], Awaitable[None]],
    closing: asyncio.Future[Close],
) -> str:
    """Serve a client until its session ends.

    Args:
        peer: The client.
        work: The session's asynchronous work, which is carried out meanwhile.
        report: Takes reports of a peer that plays the audio itself.
        take_input: Takes what the client sends, until it leaves.
        closing: Why the session closes the connection; it is set before `Peer.finish` is called.

    Returns:
        Why the session ended, for the log.
    """

    async def deliver() -> None:
        await peer.deliver(report)
        raise SessionOver

    reason = "the client left"
    try:
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(deliver()), group.create_task(work.carry_out())]
            await take_input()
            for task in background:
                task.cancel()
    except* SessionOver:
        close = closing.result()
        reason = close.message or close.reason.value
        await peer.close(close.reason, close.message)
    except* PeerGone:
        reason = "the connection was lost"
    except* PeerStalled:
        reason = CloseReason.SLOW_READER.value
        await peer.close(CloseReason.SLOW_READER, "The client does not read what it is sent.")
    return reason
