"""Is one tree of this repository faster than another? The same load on both, in turn.

Yesterday's figures do not compare with today's machine. Here servers are started from two
checkouts, and the same callers talk to each in turn, many times, so that other load affects both
alike. Only the wire is measured, so the trees need have nothing in common but `python main.py` and
the settings of the scripted providers.

Each pair of runs gives a ratio; median and range are shown. If the range spans 1, there is hardly a
difference. Comparing a tree with itself shows the machine's noise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from statistics import median

from benchmarks import sessions_per_core as per_core
from benchmarks.local_server import DESCRIPTION, LocalServer
from benchmarks.scenarios import SLOW_LLM, barge_in, manual_commit
from clients.sdk import ClientError

WORSE = 1.05
"""Ratio from which the new tree counts as worse, if nearly all pairs agree."""
DISSENT = 0.2
"""Share of the pairs that may disagree."""
OPENED = 20
"""Sessions that are opened, one after the other, while conversations run."""

Figures = Mapping[str, float]
"""What is measured → its value; a smaller one is better."""


@dataclass(frozen=True)
class Scale:
    """The size of one run."""

    callers: int = 30
    """Conversations at once."""
    seconds: float = 10.0
    """Seconds for which they are measured; a turn takes 10 s."""
    commits: int = 30
    """Manual turns, after a tenth as many for warm-up."""
    interruptions: int = 2


async def conversations(server: LocalServer, scale: Scale) -> Figures:
    """Measure many conversations at once."""
    callers = await per_core.gather_callers(server, scale.callers, per_core.conversation())
    cpu, taken, late = await per_core.cpu_while(server, callers, scale.seconds)
    opening = await per_core.opening_beside(server, callers, OPENED)
    heard = [answer for caller in callers for answer in caller.answers if answer.first_audio]
    problem = next((caller.problem for caller in callers if caller.problem), None)
    for caller in callers:
        caller.leave()
    if problem or not heard:
        raise ClientError(f"A conversation went wrong: {problem or 'nobody got an answer'}.")
    after_stopped = [1000 * ((answer.first_audio or 0) - answer.stopped) for answer in heard]
    after_silence = [1000 * ((answer.first_audio or 0) - answer.decided) for answer in heard]
    return {
        "CPU per session-second, ms": 1000 * cpu / scale.callers,
        "speech_stopped → first audio, ms": median(after_stopped),
        "end of the silence → first audio, ms": median(after_silence),
        "connect → session.created, ms": opening,
        TAKEN: 100 * taken,
        LATE: 1000 * late,
    }


async def own_share(server: LocalServer, scale: Scale) -> Figures:
    """Measure manual turns with instant providers: what remains is the server's own share."""
    await manual_commit(server.url, max(1, scale.commits // 10))
    before = server.cpu_seconds() or 0.0
    waits = await manual_commit(server.url, scale.commits)
    used = (server.cpu_seconds() or 0.0) - before
    return {
        "own share: commit → first audio, ms": median(waits),
        "CPU of a manual turn, ms": 1000 * used / scale.commits,
    }


async def interruption(server: LocalServer, scale: Scale) -> Figures:
    """Measure a barge-in while the model is still writing."""
    return {
        "barge-in: voice → response.done, ms": median(
            await barge_in(server.url, scale.interruptions)
        )
    }


TAKEN = "core taken by other programs, %"
LATE = "latest chunk of a caller, ms"
NOT_OURS = (TAKEN, LATE)
"""Figures of the machine, which tell how reliable the others are."""


@dataclass(frozen=True)
class Load:
    """A measurement that runs against a fresh server."""

    run: Callable[[LocalServer, Scale], Awaitable[Figures]]
    instant: bool = False
    """Whether the providers answer at once."""
    llm_options: str | None = None

    def on(self, tree: Path, scale: Scale) -> Figures:
        """Start a server from a tree and measure it."""
        settings = {"LLM__OPTIONS": self.llm_options} if self.llm_options else {}
        return per_core.with_server(
            lambda server: self.run(server, scale), instant=self.instant, tree=tree, **settings
        )


LOADS = {
    "conversations": Load(conversations),
    "own-share": Load(own_share, instant=True),
    "barge-in": Load(interruption, llm_options=SLOW_LLM),
}


def in_turn(load: Load, old: Path, new: Path, pairs: int, scale: Scale) -> list[list[Figures]]:
    """Measure both trees `pairs` times; the new one goes first every other time.

    Returns:
        The figures of the old tree, and those of the new one.
    """
    found: list[list[Figures]] = [[], []]
    for number in range(pairs):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append(load.on((old, new)[which], scale))
    return found


@dataclass(frozen=True)
class Row:
    """One figure of both trees."""

    name: str
    old: float
    new: float
    ratios: tuple[float, ...]
    """New to old, pair by pair."""

    @property
    def worse(self) -> bool:
        """Whether the new tree is worse by more than the noise."""
        dissent = sum(ratio <= 1 for ratio in self.ratios) / len(self.ratios)
        worse = median(self.ratios) > WORSE and dissent <= DISSENT
        return worse and self.name not in NOT_OURS

    def __str__(self) -> str:
        line = f"{self.name:<40}{self.old:>10.2f}{self.new:>10.2f}"
        if self.name in NOT_OURS:
            return line
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}"
        return f"{line}{median(self.ratios):>8.3f}   {spread}{'   WORSE' if self.worse else ''}"


HEADER = f"{'medians':<40}{'old':>10}{'new':>10}{'ratio':>8}   range of the pairs"


def rows(old: Sequence[Figures], new: Sequence[Figures]) -> list[Row]:
    """Compare the figures of some pairs."""
    return [
        Row(
            name,
            median(figures[name] for figures in old),
            median(figures[name] for figures in new),
            tuple(
                after[name] / before[name] if before[name] else 1.0
                for before, after in zip(old, new, strict=True)
            ),
        )
        for name in old[0]
    ]


def ladder(old: Path, new: Path, counts: Sequence[int], seconds: float) -> Row:
    """Count the conversations that one core carries; larger is better, so the ratio is inverted."""
    trials: list[list[per_core.Trial]] = [[], []]
    for count in counts:
        for which, tree in enumerate((old, new)):
            done = trials[which]
            if len(done) > 1 and not done[-1].carried and not done[-2].carried:
                continue
            use = partial(per_core.trial, count=count, seconds=seconds)
            done.append(per_core.with_server(use, tree=tree))
    for pair in zip_longest(*trials):
        for name, trial in zip(("old", "new"), pair, strict=True):
            if trial is not None:
                print(f"{name} {per_core.row(trial)}", flush=True)
    before, after = map(per_core.carried, trials)
    return Row("conversations on one core", before, after, (before / max(after, 1),))


def main(argv: Sequence[str] | None = None) -> None:
    """Compare two trees."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", type=Path, help="a checkout")
    parser.add_argument("new", type=Path, help="the one to be compared with it")
    parser.add_argument("--pairs", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--only", choices=LOADS, action="append", help="one kind of load; repeat")
    parser.add_argument("--callers", type=int, default=Scale.callers, help="(default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=Scale.seconds, help="of conversations, each time"
    )
    parser.add_argument(
        "--commits", type=int, default=Scale.commits, help="manual turns (default: %(default)s)"
    )
    parser.add_argument(
        "--ladder", metavar="N,N", help="also count what one core carries, e.g. 75,90,100,110,125"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures")
    arguments = parser.parse_args(argv)
    old, new = arguments.old, arguments.new
    scale = Scale(arguments.callers, arguments.seconds, arguments.commits)
    print(f"{DESCRIPTION}; one core.\nold: {old}\nnew: {new}\n\n{HEADER}", flush=True)
    saved: dict[str, list[list[Figures]]] = {}
    found: list[Row] = []
    try:
        for name in arguments.only or LOADS:
            saved[name] = in_turn(LOADS[name], old, new, arguments.pairs, scale)
            found += (compared := rows(*saved[name]))
            print("\n".join(map(str, compared)), flush=True)
        if arguments.ladder:
            counts = [int(count) for count in arguments.ladder.split(",")]
            print(f"\n    {per_core.HEADER}", flush=True)
            found.append(ladder(old, new, counts, arguments.seconds))
            print(f"\n{found[-1]}")
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    if arguments.json:
        arguments.json.write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
    raise SystemExit(int(any(row.worse for row in found)))


if __name__ == "__main__":
    main()
