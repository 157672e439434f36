"""What recording costs of a conversation's CPU: servers with and without it, in turn.

    python -m benchmarks.recording [--callers N] [--seconds S] [--rounds N] [--scripted] [--json]

The callers of `sessions_per_core` talk to three servers, one after the other and over again: one
that records nothing, one that writes audio as FLAC, and one that writes it as WAV. The CPU of each
is all that its process uses, the writing thread's included. Its ratio to the first server's is
taken round by round, so that other load of the machine affects both alike; the median is shown.

Recogniser, model and voice are those that the server starts with. With `--scripted` they cost
nothing, as services elsewhere do: this is the least that a conversation can cost, and so the
largest share that recording can have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks import sessions_per_core as per_core
from benchmarks.local_server import DESCRIPTION, LocalServer, configured_server, scripted_server
from clients.sdk import ClientError

KINDS = ("none", "flac", "wav")


@dataclass(frozen=True)
class Figures:
    """What one way of recording costs."""

    audio: str
    """`none`: nothing is recorded."""
    cpu_ms: float
    """CPU per session-second, in ms."""
    ratio: float
    """How many times that of a server that records nothing."""
    lowest: float
    highest: float
    """The range of the ratio."""
    kib: float
    """KiB on disk per session-second."""


async def measured(server: LocalServer, callers: int, seconds: float) -> float:
    """Let callers talk to a server; returns its CPU per session-second, in ms."""
    talking = await per_core.gather_callers(server, callers, per_core.conversation())
    cpu, _taken, _late = await per_core.cpu_while(server, talking, seconds)
    problem = next((caller.problem for caller in talking if caller.problem), None)
    for caller in talking:
        caller.leave()
    if problem:
        raise ClientError(f"A conversation went wrong: {problem}.")
    await asyncio.to_thread(server.emptied)
    return 1000 * cpu / callers


async def run(callers: int, seconds: float, rounds: int, *, scripted: bool) -> list[Figures]:
    """Measure all ways.

    Args:
        callers: Conversations at once.
        seconds: For how long each time; a turn takes 10.
        rounds: How often each server is measured.
        scripted: Whether nothing is recognised, and the voice is a hum.
    """
    start = scripted_server if scripted else configured_server
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        servers: dict[str, LocalServer] = {}
        folders: dict[str, Path] = {}
        for kind in KINDS:
            if kind == "none":
                servers[kind] = stack.enter_context(start())
                continue
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            folders[kind] = Path(folder)
            server = start(RECORDING__DIR=folder, RECORDING__AUDIO=kind)
            servers[kind] = stack.enter_context(server)
        for number in range(rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                found[kind].append(await measured(servers[kind], callers, seconds))
        talked_s = rounds * callers * (seconds + per_core.WARM_UP_S)
        return [_figures(kind, found, folders.get(kind), talked_s) for kind in KINDS]


def _figures(
    kind: str, found: dict[str, list[float]], folder: Path | None, talked_s: float
) -> Figures:
    ratios = [with_ / without for with_, without in zip(found[kind], found["none"], strict=True)]
    size = 0 if folder is None else sum(path.stat().st_size for path in folder.iterdir())
    return Figures(
        kind,
        median(found[kind]),
        median(ratios),
        min(ratios),
        max(ratios),
        size / 1024 / talked_s,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--callers", type=int, default=4, help="conversations at once")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server")
    parser.add_argument("--scripted", action="store_true", help="with stages that cost nothing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(argv)
    try:
        figures = asyncio.run(
            run(given.callers, given.seconds, given.rounds, scripted=given.scripted)
        )
    except ClientError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if given.json:
        print(json.dumps([asdict(one) for one in figures]))
        return 0
    print(DESCRIPTION if given.scripted else "the server's own stack")
    print(f"{'audio':<8}{'CPU, ms/s':>10}{'ratio':>8}{'range':>16}{'KiB/s':>8}")
    for one in figures:
        spread = f"{one.lowest:.3f} to {one.highest:.3f}"
        print(f"{one.audio:<8}{one.cpu_ms:>10.2f}{one.ratio:>8.3f}{spread:>16}{one.kib:>8.1f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
