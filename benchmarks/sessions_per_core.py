"""How many conversations does one core carry?

The server is pinned to one core, the callers run on the others. Every caller streams in real time,
20 ms at a time: a pause, a spoken question, and quiet in which the answer is listened to. The quiet
is a room's noise, not digital silence, so that Silero scores all of it.

The server's own latency is counted from the chunk that completes the silence after a turn to the
first audio of the answer: with speculative turns the answer is ready by then, so the rest is the
server's. A number of callers is carried if its 99th percentile is within 100 ms and no player runs
dry. The share of time for which other programs used the server's core is printed too: above a few
percent, the result is invalid.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, TypeVar

import numpy as np

from audio.pcm import WIRE_RATE, read_wav, silence
from benchmarks.clip import speech_chunks
from benchmarks.crowd import Caller, append_frames, join, talk
from benchmarks.local_server import DESCRIPTION, ROOT, LocalServer, scripted_server
from clients.sdk import ClientError

QUESTION = Path(__file__).resolve().parent / "data" / "question.wav"
LIMIT_MS = 100.0
"""Limit in ms for the 99th percentile of the server's own latency."""
WARM_UP_S = 2.0
ROOM = 20.0
"""Level of a quiet room: standard deviation of its samples."""
BESIDE = 50
"""Conversations that run while sessions are opened, and idle sessions whose memory is measured."""

T = TypeVar("T")


@dataclass(frozen=True)
class Trial:
    """The result of one number of callers."""

    sessions: int
    answers: int
    p50_ms: float
    p99_ms: float
    dry_ms: float
    """Longest time a player had nothing to play in the middle of an answer."""
    cpu_ms: float
    """CPU time of the server per session-second."""
    core: float
    """Share of the core the server used."""
    taken: float
    """Share of the time the server was ready to run while other programs had its core."""
    callers_late_ms: float
    """Largest delay of a chunk behind its schedule: the callers must not be the limit."""
    problem: str | None = None

    @property
    def carried(self) -> bool:
        """Whether all were served in time."""
        return not self.problem and self.p99_ms <= LIMIT_MS and self.dry_ms == 0


def session(*, detect: bool = True) -> dict[str, Any]:
    """Return what a caller configures."""
    detection = {"type": "server_vad", "silence_duration_ms": 500} if detect else None
    audio = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
    return {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": audio}}


def room(ms: int) -> bytes:
    """Return the noise of a quiet room."""
    noise = np.random.default_rng(0).normal(0, ROOM, ms * WIRE_RATE // 1000)
    return noise.astype("<i2").tobytes()


def conversation() -> list[bytes]:
    """Return the frames of a turn: 10 s in all."""
    speech = b"".join(speech_chunks(read_wav(QUESTION)))
    return append_frames(room(1200) + speech + room(5900))


async def gather_callers(
    server: LocalServer, count: int, script: Sequence[bytes], *, detect: bool = True
) -> list[Caller]:
    """Open sessions, each at another position of the script."""
    callers: list[Caller] = []
    for index in range(count):
        caller, _ = await join(server.url, script, session(detect=detect))
        caller.position = Random(index).randrange(len(script)) if script else 0
        callers.append(caller)
    return callers


async def cpu_while(
    server: LocalServer, callers: Sequence[Caller], seconds: float
) -> tuple[float, float, float]:
    """Let callers talk.

    Returns:
        CPU seconds of the server per second, seconds per second for which others used its core, and
        the callers' largest delay, in seconds.
    """
    before: list[float] = []

    def over(now: float) -> bool:
        if now >= WARM_UP_S and not before:
            before.extend((server.cpu_seconds() or 0.0, server.waited_seconds()))
        return now >= WARM_UP_S + seconds

    late = await talk(callers, over)
    used, waited = (server.cpu_seconds() or 0.0) - before[0], server.waited_seconds() - before[1]
    return used / seconds, waited / seconds, late


async def trial(server: LocalServer, count: int, seconds: float) -> Trial:
    """Let `count` callers talk for so long."""
    return await judged(server, await gather_callers(server, count, conversation()), seconds)


async def judged(
    server: LocalServer, callers: Sequence[Caller], seconds: float, held_ms: float = 0.0
) -> Trial:
    """Let callers talk for so long, and leave.

    Args:
        server: The server.
        callers: Its callers.
        seconds: How long.
        held_ms: What a player holds back, and has to play while nothing comes.
    """
    count = len(callers)
    cpu, taken, late = await cpu_while(server, callers, seconds)
    answers = [answer for caller in callers for answer in caller.answers]
    waits = [1000 * (a.first_audio - a.decided) for a in answers if a.first_audio is not None]
    for caller in callers:
        caller.leave()
    return Trial(
        sessions=count,
        answers=len(waits),
        p50_ms=float(np.percentile(waits, 50)) if waits else 0.0,
        p99_ms=float(np.percentile(waits, 99)) if waits else 0.0,
        dry_ms=max(0.0, 1000 * max((answer.late_s for answer in answers), default=0.0) - held_ms),
        cpu_ms=1000 * cpu / count,
        core=cpu,
        taken=taken,
        callers_late_ms=1000 * late,
        problem=next((caller.problem for caller in callers if caller.problem), None),
    )


async def stages(server: LocalServer, count: int, seconds: float) -> dict[str, float]:
    """Measure what each stage adds, in ms of CPU per session-second."""
    kinds = {
        "receive, parse and keep audio": (append_frames(room(10_000)), False),
        "cut it into windows": (append_frames(silence(10_000)), True),
        "Silero": (append_frames(room(10_000)), True),
        "turns and answers": (conversation(), True),
    }
    found: dict[str, float] = {}
    for name, (script, detect) in kinds.items():
        callers = await gather_callers(server, count, script, detect=detect)
        cpu, _, _ = await cpu_while(server, callers, seconds)
        for caller in callers:
            caller.leave()
        await asyncio.sleep(1)
        found[name] = 1000 * cpu / count - sum(found.values())
    return found


async def megabytes_per_idle_session(server: LocalServer) -> float:
    """Measure the memory of an idle session, from `BESIDE` of them."""
    first = await gather_callers(server, BESIDE, [])
    before = server.memory_mb()
    more = await gather_callers(server, BESIDE, [])
    weight = (server.memory_mb() - before) / BESIDE
    for caller in [*first, *more]:
        caller.leave()
    return weight


async def opening_ms(server: LocalServer) -> float:
    """Measure the median time from connecting to `session.created` beside conversations."""
    callers = await gather_callers(server, BESIDE, conversation())
    opening = await opening_beside(server, callers, 40)
    for caller in callers:
        caller.leave()
    return opening


async def opening_beside(server: LocalServer, callers: Sequence[Caller], times: int) -> float:
    """Open sessions, one after the other, while callers talk; return the median time in ms."""
    background = asyncio.create_task(talk(callers, lambda _now: False))
    await asyncio.sleep(WARM_UP_S)
    taken = []
    for _ in range(times):
        extra, opened = await join(server.url, [], session())
        extra.leave()
        taken.append(1000 * opened)
        await asyncio.sleep(0.1)
    background.cancel()
    await asyncio.wait([background])
    return median(taken)


def with_server(
    use: Callable[[LocalServer], Awaitable[T]],
    *,
    instant: bool = False,
    tree: Path = ROOT,
    **settings: str,
) -> T:
    """Run a server on the first core, and `use` on the others.

    Args:
        use: Uses the server.
        instant: See `scripted_server`.
        tree: The checkout that the server is started from.
        **settings: See `scripted_server`.

    Raises:
        ClientError: The machine has one core, or the server does not start.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2 or shutil.which("taskset") is None:
        raise ClientError("Two cores and taskset are needed: one core is the server's alone.")

    async def using(server: LocalServer) -> T:
        return await use(server)

    with scripted_server(instant=instant, core=cores[0], tree=tree, **settings) as server:
        os.sched_setaffinity(0, cores[1:])
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                return runner.run(using(server))
        finally:
            os.sched_setaffinity(0, cores)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


HEADER = (
    f"{'sessions':>8}{'answers':>9}{'median':>8}{'p99':>8}{'dry':>6}{'CPU ms/s':>10}"
    f"{'core':>7}{'taken':>7}{'callers late':>14}"
)


def row(result: Trial) -> str:
    """Render a trial as a line under `HEADER`."""
    verdict = result.problem or ("" if result.carried else "too many")
    return (
        f"{result.sessions:>8}{result.answers:>9}{result.p50_ms:>8.0f}{result.p99_ms:>8.0f}"
        f"{result.dry_ms:>6.0f}{result.cpu_ms:>10.2f}{result.core:>7.0%}{result.taken:>7.0%}"
        f"{result.callers_late_ms:>14.0f}  {verdict}"
    )


def ladder(
    counts: Sequence[int],
    seconds: float,
    one: Callable[[LocalServer, int, float], Awaitable[Trial]] = trial,
) -> list[Trial]:
    """Try numbers of callers, a fresh server each, until two in a row are too many."""
    results: list[Trial] = []
    for count in counts:
        result = with_server(lambda server, count=count: one(server, count, seconds))  # type: ignore[misc]
        print(row(result), flush=True)
        results.append(result)
        if len(results) > 1 and not results[-1].carried and not results[-2].carried:
            break
    return results


def carried(results: Sequence[Trial]) -> int:
    """Return the largest number that was carried."""
    return max((result.sessions for result in results if result.carried), default=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sessions_per_core")
    parser.add_argument("--sessions", default="25,50,75,100,125,150,175,200", metavar="N,N")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each trial")
    parser.add_argument("--json", metavar="FILE", help="save all figures")
    arguments = parser.parse_args(argv)
    print(f"{DESCRIPTION}; one core. Own latency in ms, CPU in ms per session-second.\n{HEADER}")
    try:
        results = ladder([int(count) for count in arguments.sessions.split(",")], arguments.seconds)
        by_stage = with_server(lambda server: stages(server, BESIDE, 6.0))
        weight = with_server(megabytes_per_idle_session)
        opening = with_server(opening_ms)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"\n{carried(results)} sessions are carried by one core.")
    print(f"\nCPU by stage, ms per session-second, {BESIDE} sessions")
    for name, cost in by_stage.items():
        print(f"  {name:<34}{cost:>8.2f}")
    print(f"\nmemory per extra idle session {weight:.2f} MB")
    print(f"connect to session.created beside {BESIDE} conversations: median {opening:.1f} ms")
    if arguments.json:
        figures = {
            "trials": [asdict(result) for result in results],
            "stages_ms": by_stage,
            "idle_session_mb": weight,
            "opening_ms": opening,
        }
        Path(arguments.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
