"""Opens and closes sessions with real turns for a long time, to find leaks: `make soak`.

Several clients at once hold short conversations with a server of its own: spoken and written turns,
barge-ins, cancelled and out-of-band responses, and clients that disconnect in the middle, with or
without a close frame. The server's resources are printed meanwhile. After the warm-up its memory
may grow only by a limit per thousand sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from time import monotonic

import numpy as np

from benchmarks.local_server import LocalServer, scripted_server
from benchmarks.process import Holdings, holdings
from clients.sdk import ClientError
from tests.support.wire_client import WireClient, client, speech

BAR_MB = 1.0
"""Limit in MB for the growth of memory per thousand sessions."""
WARM_UP = 0.5
"""Share of the run that is warm-up, in which memory may grow."""
LOOKS = 60
"""Number of samples of the server's resources."""
SPEECH = speech()


async def _spoken(wire: WireClient) -> None:
    await wire.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    for _ in range(2):
        await wire.append(SPEECH, len(SPEECH))
        await _completed(wire)


async def _written(wire: WireClient) -> None:
    await wire.update(output_modalities=["text"])
    for _ in range(3):
        await wire.say("hi")
        await _completed(wire)
    await wire.send("response.create", response={"conversation": "none"})
    await _completed(wire)


async def _interrupted(wire: WireClient) -> None:
    await wire.say("hi")
    await wire.until("response.output_audio.delta")
    await wire.append(SPEECH, len(SPEECH))
    await wire.until("response.done")
    await _completed(wire)


async def _cancelled(wire: WireClient) -> None:
    await wire.update(audio={"input": {"turn_detection": None}})
    await wire.append(SPEECH, len(SPEECH))
    await wire.send("input_audio_buffer.commit")
    await wire.send("response.create")
    await wire.until("response.created")
    await wire.send("response.cancel")
    await wire.until("response.done")


async def _gone(wire: WireClient) -> None:
    await wire.append(SPEECH, len(SPEECH))
    await wire.until("response.output_audio.delta")


async def _lost(wire: WireClient) -> None:
    await wire.append(SPEECH, len(SPEECH))
    await wire.until("response.created")
    wire.socket.transport.abort()


CONVERSATIONS: list[Callable[[WireClient], Awaitable[None]]] = [
    _spoken,
    _written,
    _interrupted,
    _cancelled,
    _gone,
    _lost,
]


async def _completed(wire: WireClient) -> None:
    response = (await wire.until("response.done"))["response"]
    if response["status"] != "completed":
        raise AssertionError(f"a response is {response['status']}: {response['status_details']}")


class Soak:
    """Clients that come and go until their time is up."""

    def __init__(self, server: LocalServer, seconds: float) -> None:
        """Prepare.

        Args:
            server: The server to test.
            seconds: How long.
        """
        self._server = server
        self._seconds = seconds
        self._started = monotonic()
        self._conversations = cycle(CONVERSATIONS)
        self.sessions = 0
        self.errors: list[str] = []
        self.looks: list[tuple[int, Holdings]] = []
        """Samples: the number of sessions so far, and the server's resources."""

    async def run(self, clients: int) -> None:
        """Talk until the time is up."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch())
            async with asyncio.TaskGroup() as callers:
                for _ in range(clients):
                    callers.create_task(self._call())
            watching.cancel()

    async def _call(self) -> None:
        while monotonic() - self._started < self._seconds:
            conversation = next(self._conversations)
            try:
                async with client(self._server.url) as wire:
                    await conversation(wire)
            # Whatever fails in one session is recorded; the others go on.
            except Exception as error:
                self.errors.append(f"{conversation.__name__.strip('_')}: {error!r}")
            self.sessions += 1

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / LOOKS)
            now = holdings(self._server.pid)
            tasks = await asyncio.to_thread(self._server.tasks)
            self.looks.append((self.sessions, now))
            print(
                f"{monotonic() - self._started:7.0f} s {self.sessions:7} sessions  {now}"
                f" {tasks:4} tasks {len(self.errors):4} errors",
                flush=True,
            )


def slope(looks: Sequence[tuple[int, Holdings]]) -> float:
    """Fit a line through memory after the warm-up: MB per 1,000 sessions."""
    warm = looks[int(len(looks) * WARM_UP) :]
    sessions = [count for count, _ in warm]
    if len(set(sessions)) < 2:
        raise ClientError("Too few sessions to tell how memory grows; run it longer (--minutes).")
    per_session, _ = np.polyfit(sessions, [held.memory_mb for _, held in warm], 1)
    return float(per_session * 1000)


def verdict(
    soak: Soak, left: int, after: Holdings, tasks: tuple[int, int], bar_mb: float
) -> list[str]:
    """Return what is wrong, if anything.

    Args:
        soak: The finished run.
        left: Sessions still open when all clients had gone.
        after: The server's resources then.
        tasks: Tasks of its event loop before the first session, and then.
        bar_mb: The most that memory may grow per 1,000 sessions.
    """
    growth = slope(soak.looks)
    print(
        f"{soak.sessions} sessions, {len(soak.errors)} errors, {growth:+.2f} MB per 1,000 sessions"
    )
    problems = [f"{left} sessions are still open"] if left else []
    problems += soak.errors[:5]
    if growth > bar_mb:
        problems.append(f"memory grows by more than {bar_mb:g} MB per 1,000 sessions")
    warm = soak.looks[int(len(soak.looks) * WARM_UP)][1]
    for name, then, when, now in (
        ("files", warm.files, "under load", after.files),
        ("threads", warm.threads, "under load", after.threads),
        ("tasks", tasks[0], "before the first session", tasks[1]),
    ):
        if now > then:
            problems.append(f"{now} {name}, where there were {then} {when}")
    return problems


def main(argv: list[str] | None = None) -> None:
    """Run the soak test."""
    parser = argparse.ArgumentParser(description="Hold sessions for a long time; watch the server.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--bar", type=float, default=BAR_MB, metavar="MB")
    arguments = parser.parse_args(argv)
    try:
        with scripted_server() as server:
            idle = server.tasks()
            soak = Soak(server, 60 * arguments.minutes)
            asyncio.run(soak.run(arguments.clients))
            left = server.emptied()
            after = holdings(server.pid)
            tasks = idle, server.tasks()
            problems = verdict(soak, left, after, tasks, arguments.bar)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    for problem in problems:
        print(f"FAILED: {problem}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
