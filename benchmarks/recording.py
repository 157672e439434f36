"""What recording costs of a conversation's CPU, and whether it delays audio.

    python -m benchmarks.recording [--callers N] [--seconds S] [--rounds N] [--scripted] [--json]

The callers of `sessions_per_core` talk to three servers, started one after the other and over
again: one that records nothing, one that writes audio as FLAC, and one that writes it as WAV. The
CPU of each is all that its process uses, the writing thread's included. Its ratio to the first
server's is taken round by round, so that other load of the machine affects both alike; the median
is shown. So is how long the first audio of an answer takes, and how long a player had nothing to
play.

One run differs from the next by more than a recording costs. What recording takes by itself is
therefore counted apart (`benchmarks.recording_alone`), and its share of a conversation's CPU is
shown.

Recogniser, model and voice are those that the server starts with. With `--scripted` they cost
nothing, as services elsewhere do: this is the least that a conversation can cost, and so the
largest share that recording can have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import sessions_per_core as per_core
from benchmarks.local_server import DESCRIPTION, LocalServer, configured_server, scripted_server
from benchmarks.recording_alone import Cost, alone
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
    first_audio_ms: float
    """Median of the server's own latency, from the end of a turn to the first audio."""
    first_audio_ratio: float
    """How many times that of a server that records nothing."""
    dry_ms: float
    """Longest time a player had nothing to play in the middle of an answer."""
    kib: float
    """KiB on disk per session-second."""
    noting_ms: float
    """CPU of recording itself per session-second, in ms: what the event loop does."""
    writing_ms: float
    """What the writing thread does."""
    share: float
    """Both, as a share of the CPU of a conversation that is not recorded."""


async def measured(server: LocalServer, callers: int, seconds: float) -> per_core.Trial:
    """Let callers talk to a server."""
    trial = await per_core.trial(server, callers, seconds)
    if trial.problem:
        raise ClientError(f"A conversation went wrong: {trial.problem}.")
    await asyncio.to_thread(server.emptied)
    return trial


async def run(callers: int, seconds: float, rounds: int, *, scripted: bool) -> list[Figures]:
    """Measure all ways.

    Args:
        callers: Conversations at once.
        seconds: For how long each time; a turn takes 10.
        rounds: How often each server is measured.
        scripted: Whether nothing is recognised, and the voice is a hum.
    """
    cores = sorted(os.sched_getaffinity(0))
    # A server that moves from core to core uses more or less CPU by chance.
    pinned = partial(scripted_server, core=cores[0] if len(cores) > 1 else None)
    start = pinned if scripted else configured_server
    found: dict[str, list[per_core.Trial]] = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        folders = {
            kind: Path(stack.enter_context(tempfile.TemporaryDirectory())) for kind in KINDS[1:]
        }
        for number in range(rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                # A process keeps what it is faster or slower by than others of its kind.
                with (
                    start(RECORDING__DIR=str(folders[kind]), RECORDING__AUDIO=kind)
                    if kind in folders
                    else start()
                ) as server:
                    found[kind].append(await measured(server, callers, seconds))
        talked_s = rounds * callers * (seconds + per_core.WARM_UP_S)
        return [_figures(kind, found, folders.get(kind), talked_s) for kind in KINDS]


def _figures(
    kind: str, found: dict[str, list[per_core.Trial]], folder: Path | None, talked_s: float
) -> Figures:
    trials = found[kind]
    pairs = list(zip(trials, found["none"], strict=True))
    ratios = [with_.cpu_ms / without.cpu_ms for with_, without in pairs]
    waits = [with_.p50_ms / without.p50_ms for with_, without in pairs if without.p50_ms]
    size, own = 0, Cost(0.0, 0.0)
    if folder is not None:
        size = sum(path.stat().st_size for path in folder.iterdir())
        longest = max(folder.glob("*.jsonl"), key=lambda path: path.stat().st_size)
        own = alone(longest, "flac" if kind == "flac" else "wav")
    return Figures(
        kind,
        median(trial.cpu_ms for trial in trials),
        median(ratios),
        min(ratios),
        max(ratios),
        median(trial.p50_ms for trial in trials),
        median(waits or [1.0]),
        max(trial.dry_ms for trial in trials),
        size / 1024 / talked_s,
        own.noting_ms,
        own.writing_ms,
        own.ms / median(trial.cpu_ms for trial in found["none"]),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--callers", type=int, default=12, help="conversations at once")
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
    print(
        f"{'audio':<8}{'CPU, ms/s':>10}{'ratio':>8}{'range':>16}{'first audio, ms':>17}{'ratio':>8}"
        f"{'dry, ms':>9}{'KiB/s':>8}{'noting, ms/s':>14}{'writing, ms/s':>15}{'share':>8}"
    )
    for one in figures:
        spread = f"{one.lowest:.3f} to {one.highest:.3f}"
        print(
            f"{one.audio:<8}{one.cpu_ms:>10.2f}{one.ratio:>8.3f}{spread:>16}"
            f"{one.first_audio_ms:>17.1f}{one.first_audio_ratio:>8.2f}{one.dry_ms:>9.0f}"
            f"{one.kib:>8.1f}{one.noting_ms:>14.3f}{one.writing_ms:>15.3f}{one.share:>8.1%}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
