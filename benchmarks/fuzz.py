"""Sends hostile messages to a server of its own and checks that it survives: `make fuzz`.

Several clients at once send bursts of invalid, forged and untimely messages. After every burst the
same session must complete a normal turn; every event received is validated against the official
SDK's types. At the end no session may be open, and the server must hold no more resources than
after the first tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from itertools import count
from time import monotonic

from benchmarks.local_server import LocalServer, scripted_server
from benchmarks.process import Holdings, holdings
from clients.sdk import ClientError
from tests.hostile.attack import attack, normal_turn
from tests.hostile.messages import Hostility, Message
from tests.hostile.recordings import record
from tests.support.wire_client import WireClient, client

BURST = 250
BURSTS = 4
"""Bursts per session."""
GROWTH = 1.25
"""Limit for memory at the end, relative to that after the first tenth."""
POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads of asyncio's default executor, which it starts as needed."""


class Campaign:
    """A fuzz run: several clients at once against one server."""

    def __init__(self, server: LocalServer, recorded: list[Message], wanted: int) -> None:
        """Prepare.

        Args:
            server: The target.
            recorded: Messages of good sessions.
            wanted: How many messages to send.
        """
        self._server = server
        self._recorded = recorded
        self._wanted = wanted
        self._seeds = count()
        self._started = monotonic()
        self._reported = 0
        self.sent = 0
        self.sessions = 0
        self.warm: Holdings | None = None
        """What the server held after the first tenth."""

    async def fire(self, clients: int) -> None:
        """Send the messages.

        Raises:
            AssertionError: An answer was not well-formed, or a session did not recover.
            TimeoutError: An answer did not come.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client())

    async def _client(self) -> None:
        while self.sent < self._wanted:
            seed = next(self._seeds)
            hostility = Hostility(seed, self._recorded)
            async with client(self._server.url) as wire:
                for number in range(BURSTS):
                    self.sent += await attack(wire, hostility.frames(BURST))
                    await normal_turn(wire, spoken=(seed + number) % BURSTS == 0)
                    _forget(wire)
                    self._report()
                if seed % 10 == 0:
                    await wire.socket.send(hostility.broken_text().data, text=True)
            self.sessions += 1

    def _report(self) -> None:
        tenth = self.sent * 10 // self._wanted
        if tenth == self._reported:
            return
        self._reported = tenth
        now = holdings(self._server.pid)
        self.warm = self.warm or now
        done = f"{monotonic() - self._started:7.0f} s {self.sent:8} messages"
        print(f"{done} {self.sessions:5} sessions  {now}", flush=True)


def _forget(wire: WireClient) -> None:
    wire.events.clear()
    wire.sent.clear()


async def run(server: LocalServer, messages: int, clients: int) -> list[str]:
    """Run a campaign; return what is wrong with the server afterwards."""
    idle = holdings(server.pid)
    campaign = Campaign(server, await record(server.url), messages)
    await campaign.fire(clients)
    left = await asyncio.to_thread(server.emptied)
    now, warm = holdings(server.pid), campaign.warm or holdings(server.pid)
    print(f"{campaign.sent} messages in {campaign.sessions} sessions; {left} left open.")
    problems = [f"{left} sessions are still open"] if left else []
    if now.memory_mb > GROWTH * warm.memory_mb:
        problems.append(f"memory grew from {warm.memory_mb:.0f} to {now.memory_mb:.0f} MB")
    if now.files > warm.files:
        problems.append(f"{now.files - warm.files} files are still open")
    if now.threads > idle.threads + POOL:
        problems.append(f"{now.threads} threads, where there were {idle.threads} at first")
    return problems


def main(argv: list[str] | None = None) -> None:
    """Run the fuzz test."""
    parser = argparse.ArgumentParser(description="Fire hostile messages at a server of its own.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args(argv)
    try:
        with scripted_server() as server:
            problems = asyncio.run(run(server, arguments.messages, arguments.clients))
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
