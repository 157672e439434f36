"""WebRTC calls against WebSocket sessions of the same server: `python -m benchmarks.calls`.

Both say the same: a spoken question in a room's noise, ten seconds for a turn with its answer,
which a call plays at its own pace. Ratios and differences come from one run, so that they mean
something on any machine; how many calls a core carries depends on it. The server has a core alone.

What a call costs is all that the server's process uses while callers talk and listen, the paced
playing of their answers with it: calls and WebSocket sessions take turns with one server, each over
whole turns, so that both have said and heard the same.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from time import monotonic
from typing import Any

import numpy as np

from audio.pcm import read_wav
from benchmarks import sessions_per_core as per_core
from benchmarks.bar import Bar
from benchmarks.call_client import CallCaller, join_call, opus_frames
from benchmarks.call_loss import LOSS, lossy_call
from benchmarks.clip import speech_chunks
from benchmarks.crowd import CHUNK_MS, Caller, append_frames, join, talk
from benchmarks.local_server import LocalServer
from benchmarks.process import Holdings, holdings
from clients.sdk import ClientError

PAIR = 4
"""Callers of each kind that talk at once when delays are compared."""
TALKING = 20
"""Callers whose costs are compared, and whose frames are timed."""
TURN_S = 10.0
"""A turn with its answer."""
SOAKING = 8
"""Calls that go on for long."""
OPENINGS = 15
HELD_MS = 60.0
"""What players hold back at least; a frame that is later than this is missed."""

Join = Callable[[str, Sequence[bytes], dict[str, Any]], Awaitable[tuple[Caller, float]]]


@dataclass(frozen=True)
class Script:
    """A turn, as it is sent."""

    frames: list[bytes]
    voiced: int
    """The frame with the last voiced sample."""


@dataclass(frozen=True)
class Kind:
    """A way to have a session."""

    join: Join
    script: Script


def kinds() -> tuple[Kind, Kind]:
    """Return WebSocket and call, with the same words for both."""
    before, speech = per_core.room(1200), speech_chunks(read_wav(per_core.QUESTION))
    pcm = before + b"".join(speech) + per_core.room(5900)
    voiced = 1200 // CHUNK_MS + len(speech) - 1
    return (
        Kind(join, Script(append_frames(pcm), voiced)),
        Kind(join_call, Script(opus_frames(pcm), voiced)),
    )


async def gather(server: LocalServer, kind: Kind, count: int) -> list[Caller]:
    """Open sessions, each at another place of the turn."""
    callers = []
    for index in range(count):
        caller, _ = await kind.join(server.url, kind.script.frames, per_core.session())
        caller.voiced = kind.script.voiced
        caller.position = Random(index).randrange(len(kind.script.frames))
        callers.append(caller)
    return callers


async def leave(callers: Sequence[Caller]) -> None:
    """End sessions, and wait until the calls among them are gone."""
    for caller in callers:
        caller.leave()
    await asyncio.gather(*(caller.left() for caller in callers if isinstance(caller, CallCaller)))


def waits_ms(callers: Sequence[Caller]) -> list[float]:
    """Return the times from the last voiced sample to the first sound of an answer."""
    return [
        1000 * (answer.first_audio - answer.spoken)
        for caller in callers
        for answer in caller.answers
        if answer.first_audio is not None and answer.spoken
    ]


def problem(callers: Sequence[Caller]) -> str | None:
    """Return what went wrong with one of them."""
    return next((caller.problem for caller in callers if caller.problem), None)


async def opening(server: LocalServer) -> list[Bar]:
    """Measure from the POST to `session.created`, and from connecting a WebSocket."""
    socket, call = kinds()
    taken: dict[str, list[float]] = {"call": [], "socket": []}
    for _ in range(OPENINGS):
        for name, kind in (("socket", socket), ("call", call)):
            caller, opened = await kind.join(server.url, [], per_core.session())
            taken[name].append(1000 * opened)
            await leave([caller])
    print(f"  connect → session.created by WebSocket {median(taken['socket']):.0f} ms")
    return [Bar("call: POST → session.created", median(taken["call"]), 150)]


async def first_audio(server: LocalServer, seconds: float) -> list[Bar]:
    """Let both kinds talk at once, and compare how long they wait for an answer."""
    socket, call = kinds()
    sockets = await gather(server, socket, PAIR)
    calls = await gather(server, call, PAIR)
    await talk([*sockets, *calls], lambda now: now > seconds)
    await leave([*sockets, *calls])
    if failed := problem([*sockets, *calls]):
        raise ClientError(failed)
    by_socket, by_call = waits_ms(sockets), waits_ms(calls)
    if not by_socket or not by_call:
        raise ClientError("There was no answer; let them talk for longer (--seconds).")
    print(
        f"  last voiced sample → first audio, {len(by_socket)} and {len(by_call)} turns: "
        f"WebSocket {median(by_socket):.0f} ms, call {median(by_call):.0f} ms"
    )
    later = median(by_call) - median(by_socket)
    return [Bar("call: first audio, later than by WebSocket", later, 25)]


async def costs(
    server: LocalServer, count: int, turns: int, rounds: int = 2
) -> tuple[list[float], list[float], list[float]]:
    """Let WebSocket sessions and calls talk in turn.

    Returns:
        CPU in ms per session-second of each round: WebSocket sessions, calls; and the spacings of
        the calls' frames in ms.
    """
    socket, call = kinds()
    found: tuple[list[float], list[float]] = [], []
    spacings: list[float] = []
    for _ in range(rounds):
        for kind, into in zip((socket, call), found, strict=True):
            callers = await gather(server, kind, count)
            cpu, _, _ = await per_core.cpu_while(server, callers, turns * TURN_S)
            if failed := problem(callers):
                raise ClientError(failed)
            into.append(1000 * cpu / count)
            spacings += [
                spacing
                for caller in callers
                if isinstance(caller, CallCaller)
                for spacing in caller.spacings_ms
            ]
            await leave(callers)
    return found[0], found[1], spacings


async def talking(server: LocalServer, count: int, turns: int) -> list[Bar]:
    """Compare what sessions cost, and time the frames of calls."""
    sockets, calls, spacings = await costs(server, count, turns, rounds=5)
    print(
        f"  CPU ms per session-second, {count} that talk, medians of {len(calls)} rounds: "
        f"WebSocket {median(sockets):.1f}, call {median(calls):.1f}"
    )
    ratio = median(calls) / median(sockets)
    low, middle, high = np.percentile(spacings, [1, 50, 99])
    print(f"  spacing of frames: p1 {low:.1f}, median {middle:.1f}, p99 {high:.1f} ms")
    return [
        Bar("CPU of a talking call / of a WebSocket session", ratio, 1.4, "×"),
        Bar(f"{count} calls: spacing of 20 ms frames, p99", float(high), 30),
    ]


async def decision_s(server: LocalServer) -> float:
    """Measure how long behind the last voiced sample a turn of the script is found to be over.

    A WebSocket session tells, whose clock begins with the first chunk.
    """
    (caller,) = await gather(server, kinds()[0], 1)
    await talk([caller], lambda _now: any(answer.spoken for answer in caller.answers))
    await leave([caller])
    return next(answer.decided - answer.spoken for answer in caller.answers if answer.spoken)


async def trial(server: LocalServer, count: int, seconds: float) -> per_core.Trial:
    """Let `count` calls talk for so long."""
    silence_s = await decision_s(server)
    callers = await gather(server, kinds()[1], count)
    for caller in callers:
        if isinstance(caller, CallCaller):
            caller.silence_s = silence_s
    return await per_core.judged(server, callers, seconds, HELD_MS)


def carried(counts: Sequence[int], seconds: float) -> list[Bar]:
    """Find how many calls a core carries, and print each trial."""
    print(f"\n{per_core.HEADER}", flush=True)
    trials = per_core.ladder(counts, seconds, trial)
    return [Bar("calls on one core", per_core.carried(trials), 25, "calls", at_least=True)]


def losing(seconds: float) -> list[Bar]:
    """Lose packets on the way to the server."""
    heard = asyncio.run(lossy_call(seconds))
    print(
        f"  {LOSS:.0%} of the packets lost: {heard.kept:.2%} of the audio's time kept, "
        f"{heard.concealed:.1%} of it concealed; "
        f"mouth → session p50 {heard.p50_ms:.0f} ms, p95 {heard.p95_ms:.0f} ms"
    )
    return [
        Bar(f"audio kept at {LOSS:.0%} loss", 100 * heard.kept, 99, "%", at_least=True),
        Bar(f"mouth → session at {LOSS:.0%} loss, p95", heard.p95_ms, 70),
    ]


SETTLED_MINUTES = 5.0
"""Shorter calls say nothing of growth: buffers, caches and arenas still get their size."""


@dataclass(frozen=True)
class Look:
    """The server, and the clocks of its calls, at one moment."""

    at_s: float
    held: Holdings
    tasks: int
    ahead_ms: float
    """How far the farthest clock of what is played is from this one's."""


async def long_calls(server: LocalServer, minutes: float) -> list[Bar]:
    """Let a few calls talk for long, and watch what the server holds and how its clocks run.

    The conversations keep little audio, so that memory may grow by their words alone.
    """
    tasks_before = server.tasks()
    files_before = holdings(server.pid).files
    callers = await gather(server, kinds()[1], SOAKING)
    calls = [caller for caller in callers if isinstance(caller, CallCaller)]
    looks: list[Look] = []

    async def watch() -> None:
        start = monotonic()
        while True:
            await asyncio.sleep(60 * minutes / 12)
            ahead = max((caller.ahead_ms for caller in calls), key=abs)
            now = holdings(server.pid)
            tasks = await asyncio.to_thread(server.tasks)
            looks.append(Look(monotonic() - start, now, tasks, ahead))
            print(f"  {looks[-1].at_s:6.0f} s {now} {tasks:4} tasks, clock {ahead:+.0f} ms")

    watching = asyncio.create_task(watch())
    await talk(callers, lambda now: now > 60 * minutes)
    watching.cancel()
    failed = problem(callers)
    answers = sum(len(caller.answers) for caller in callers)
    sent_s = sum(len(caller.sent) for caller in callers) * CHUNK_MS / 1000
    await leave(callers)
    left = await asyncio.to_thread(server.emptied)
    if failed or left or len(looks) < 4:
        raise ClientError(failed or f"{left} calls are still open, after {len(looks)} looks.")
    early, late = looks[len(looks) // 4], looks[-1]
    print(f"  {answers} answers in {sent_s / 60:.0f} call-minutes")
    after = holdings(server.pid)
    growth = Bar("memory more per call-minute, late in a long call", _growth(looks), 0.1, "MB")
    if minutes < SETTLED_MINUTES:
        print(f"  {growth.value:.2f} MB more per call-minute, most of it for warming up")
    return [
        Bar("clock of what a call plays, drift", abs(late.ahead_ms - early.ahead_ms), 100),
        *([growth] if minutes >= SETTLED_MINUTES else []),
        Bar("tasks more, late in a long call", _fewest(looks, 1) - _fewest(looks, 0), 0, ""),
        Bar("files more, late in a long call", late.held.files - early.held.files, 0, ""),
        Bar("tasks left behind by calls", server.tasks() - tasks_before, 0, ""),
        Bar("files left behind by calls", after.files - files_before, 0, ""),
    ]


def _growth(looks: Sequence[Look]) -> float:
    """Return the MB that a minute of a call adds, by the slope of the later looks.

    The first third is left out: buffers, caches and the arenas of threads grow to their size there.
    """
    later = looks[len(looks) // 3 :]
    slope = np.polyfit(
        [look.at_s / 60 for look in later], [look.held.memory_mb for look in later], 1
    )
    return float(slope[0]) / SOAKING


def _fewest(looks: Sequence[Look], half: int) -> int:
    """Return the fewest tasks of the first or second half: an answer in progress has its own."""
    middle = len(looks) // 2
    return min(look.tasks for look in (looks[middle:] if half else looks[:middle]))


def run(
    *, seconds: float = 12.0, minutes: float = 1.0, counts: Sequence[int] = (10, 20, 30, 40, 50)
) -> list[Bar]:
    """Measure everything.

    Args:
        seconds: Of each trial with a crowd.
        minutes: Of the long calls.
        counts: Numbers of calls that are tried on one core.

    Raises:
        ClientError: The server does not answer as it should.
    """
    print("\nWebRTC calls", flush=True)
    bars = per_core.with_server(opening, instant=True)
    bars += per_core.with_server(lambda server: first_audio(server, 2.5 * TURN_S))
    bars += per_core.with_server(lambda server: talking(server, TALKING, 1))
    bars += losing(20.0)
    bars += per_core.with_server(
        lambda server: long_calls(server, minutes), SERVER__KEPT_AUDIO_MINUTES=str(minutes / 20)
    )
    return bars + carried(counts, seconds)


def cpu_ratio() -> float:
    """Return what a call costs, relative to a WebSocket session with the same audio."""

    async def measured(server: LocalServer) -> float:
        sockets, calls, _ = await costs(server, 6, 1, rounds=1)
        return calls[0] / sockets[0]

    return per_core.with_server(measured)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each trial with a crowd")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the long calls")
    parser.add_argument("--calls", default="10,20,30,40,50,60,70,80", metavar="N,N")
    arguments = parser.parse_args(argv)
    try:
        bars = run(
            seconds=arguments.seconds,
            minutes=arguments.minutes,
            counts=[int(count) for count in arguments.calls.split(",")],
        )
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    print()
    for bar in bars:
        print(bar)


if __name__ == "__main__":
    main()
