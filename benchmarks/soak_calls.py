"""Makes and drops calls for a long time, to find leaks: `make soak-calls`.

First 200 are made and dropped, connected or not. Then several callers at once hold short calls with
a server of its own: spoken and written turns, interruptions, hang-ups of both sides, and tabs that
are closed. After the warm-up memory may grow only by a limit per thousand calls, and when all have
gone nothing of them may be there.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import cycle
from time import monotonic

from benchmarks.local_server import LocalServer, scripted_server
from benchmarks.process import holdings
from benchmarks.soak import Soak, verdict
from clients.sdk import ClientError
from tests.support.rtc_caller import Caller, calling
from tests.support.running_server import plain_http
from tests.support.wire_client import speech

STORM = 200
"""Calls that are made and dropped before the long part."""
BAR_MB = 5.0
"""Limit in MB for the growth of memory per thousand calls."""
SPEECH = speech()


async def _spoken(caller: Caller, _server: LocalServer) -> None:
    caller.microphone.say(SPEECH)
    await caller.until("output_audio_buffer.stopped")


async def _written(caller: Caller, _server: LocalServer) -> None:
    for _ in range(2):
        _say(caller)
        await caller.until("output_audio_buffer.stopped")


async def _interrupted(caller: Caller, _server: LocalServer) -> None:
    _say(caller)
    await caller.until("output_audio_buffer.started")
    caller.send("output_audio_buffer.clear")
    await caller.until("output_audio_buffer.cleared")


async def _hung_up(caller: Caller, server: LocalServer) -> None:
    _say(caller)
    await caller.until("output_audio_buffer.started")
    async with plain_http(timeout=45) as http:
        ended = await http.post(f"{server.http}{caller.location}/hangup")
    if not ended.is_success:
        raise AssertionError(f"hangup: {ended.status_code} {ended.text}")
    await caller.ended()


async def _closed(caller: Caller, _server: LocalServer) -> None:
    _say(caller)
    await caller.until("output_audio_buffer.started")
    caller.channel.close()


async def _vanished(caller: Caller, _server: LocalServer) -> None:
    _say(caller)
    await caller.until("output_audio_buffer.started")
    assert caller.connection.sctp is not None
    for protocol in caller.connection.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


def _say(caller: Caller) -> None:
    content = [{"type": "input_text", "text": "hi"}]
    caller.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    caller.send("response.create")


CALLS: list[Callable[[Caller, LocalServer], Awaitable[None]]] = [
    *(_spoken, _written, _interrupted, _hung_up, _closed, _vanished)
]


class CallSoak(Soak):
    """Callers that come and go until their time is up."""

    def __init__(self, server: LocalServer, seconds: float) -> None:
        """Prepare.

        Args:
            server: The server to test.
            seconds: How long.
        """
        super().__init__(server, seconds)
        self._kinds = cycle(CALLS)

    async def _call(self) -> None:
        while monotonic() - self._started < self._seconds:
            kind = next(self._kinds)
            try:
                async with calling(self._server.http) as caller:
                    await kind(caller, self._server)
            # Whatever fails in one call is recorded; the others go on.
            except Exception as error:
                self.errors.append(f"{kind.__name__.strip('_')}: {error!r}")
            self.sessions += 1


async def storm(server: LocalServer, calls: int) -> None:
    """Make calls and drop them at once."""
    for _ in range(calls):
        async with calling(server.http):
            pass


def main(argv: list[str] | None = None) -> None:
    """Run the soak test of calls."""
    parser = argparse.ArgumentParser(description="Hold calls for a long time; watch the server.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--bar", type=float, default=BAR_MB, metavar="MB")
    arguments = parser.parse_args(argv)
    try:
        with scripted_server(instant=True) as server:
            # What the first call leaves for all later ones is there before anything is counted.
            asyncio.run(storm(server, 1))
            server.emptied()
            before, idle = holdings(server.pid), server.tasks()
            asyncio.run(storm(server, STORM))
            server.settle(before.files, idle)
            after, running = holdings(server.pid), server.tasks()
            print(f"{STORM} calls made and dropped: {before} before, {after} after", flush=True)
            soak = CallSoak(server, 60 * arguments.minutes)
            asyncio.run(soak.run(arguments.clients))
            server.settle(after.files, running)
            left = server.emptied()
            tasks = idle, server.tasks()
            problems = verdict(soak, left, holdings(server.pid), tasks, arguments.bar)
            if running > idle:
                problems.append(f"{running} tasks after {STORM} calls, {idle} before")
            if after.files > before.files:
                problems.append(f"{after.files} files after {STORM} calls, {before.files} before")
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
