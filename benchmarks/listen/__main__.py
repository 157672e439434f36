"""Does the server listen like a good listener? Counted through its socket, in one table.

make listen                                     all points, of the voices held out
make listen ARGS="--only ends --split tuning"   what a parameter may be tuned on
make listen ARGS="--record docs/listening.json --name now"
make listen ARGS="--tree ../older-checkout"     another checkout's server
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from loguru import logger

from benchmarks.bars import state
from benchmarks.listen import cleaned, conversations, echo, ends, floor, levels, wordless
from benchmarks.listen.counts import PROMISED, broken
from benchmarks.listen.row import Row
from benchmarks.listen.servers import lifelike_server, told_server
from benchmarks.listen.voices import Split, voices
from benchmarks.local_server import ROOT
from clients.sdk import ClientError

Measurement = Callable[[str, Split, float], list[Row]]

TOLD: dict[str, Measurement] = {
    "floor": floor.run,
    "noise": wordless.steady,
    "transcripts": lambda url, split, _scale: wordless.transcripts(url, split),
    "ends": ends.run,
    "quiet": levels.quiet,
    "background": levels.background,
    "queued": lambda url, split, _scale: conversations.queued(url, split),
    "words": conversations.heard_words,
    "files": lambda url, split, _scale: conversations.filed(url, split),
}
"""Name → a measurement with a server that is told what is said."""
LIFELIKE: dict[str, Measurement] = {
    "echo": echo.run,
    "music": wordless.musical,
    "cleaned": cleaned.run,
}
"""Name → one with a server that has a recogniser and a voice."""


def measure(tree: Path, scales: Mapping[str, float], split: Split) -> list[Row]:
    """Measure what is named, each with its share of the trials; return it by points.

    Raises:
        ClientError: A server does not start.
    """
    rows = []
    for server_of, measurements in ((told_server, TOLD), (lifelike_server, LIFELIKE)):
        for name, measured in measurements.items():
            if name not in scales:
                continue
            begun = time.monotonic()
            # A server each: nothing is left behind from the one before.
            with server_of(tree) as server:
                found = measured(server.url, split, scales[name])
            rows += found
            print(f"\n{name}: {time.monotonic() - begun:.0f} s", flush=True)
            for row in found:
                print(f"{row.bar}  of {row.trials}", flush=True)
    return sorted(rows, key=lambda row: row.point[0])


def record(file: Path, name: str, machine: str, rows: Iterable[Row]) -> None:
    """Keep rows in a JSON file under a name, in place of rows of the same bars."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    before = {row["name"]: row for row in kept.get(name, {}).get("rows", [])}
    now = {row.bar.name: row.kept() for row in rows}
    kept[name] = {"machine": machine, "rows": list({**before, **now}.values())}
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, print, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.listen",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everything = [*TOLD, *LIFELIKE]
    parser.add_argument(
        "--only", metavar="NAME,NAME", help=f"some of {', '.join(everything)}", default=""
    )
    parser.add_argument("--split", choices=("held-out", "tuning"), default="held-out")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the trials")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout to listen to")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the figures as JSON")
    parser.add_argument("--name", default="now", help="of the figures (default: %(default)s)")
    parser.add_argument("--counts", action="store_true", help="only what CI promises")
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name] or everything
    if unknown := set(names) - set(everything):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    logger.disable("pipecat")
    begun = time.monotonic()
    split: Split = arguments.split
    scales = dict.fromkeys(names, arguments.scale)
    if arguments.counts:
        scales = {name: part.scale for name, part in PROMISED.items()}
    speakers = ", ".join(map(str, [*voices(split), *voices(split, "zh")]))
    before = state()
    print(f"{split}: {speakers}\nThe machine before: {before}", flush=True)
    try:
        rows = measure(arguments.tree, scales, split)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    print("\n" + "\n".join(f"{row.point:<18}{row.bar}  of {row.trials}" for row in rows))
    behind = state()
    print(f"\n{time.monotonic() - begun:.0f} s. The machine behind: {behind}")
    if arguments.record:
        record(arguments.record, arguments.name, f"before, {before}; behind, {behind}", rows)
    if arguments.counts:
        faults = broken(rows)
        print("\n".join(("", "Not kept:", *faults) if faults else ("", "All is kept.")))
        raise SystemExit(int(bool(faults)))
    raise SystemExit(int(not all(row.bar.met for row in rows)))


if __name__ == "__main__":
    main()
