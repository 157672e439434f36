"""How long does a caller wait? From the last voiced sample to the first sound of the answer.

Simulated callers stream a clip in real time, in chunks of 20 ms, and go on with silence. Every
time is counted from the moment the chunk that ends with the clip's last voiced sample was sent
(`clip.py` says how that sample is found), to the moment the event was received. The wait contains
the silence that ends a turn, 500 ms. The first turn of every session is a warm-up and has a column
of its own; median and maximum are those of all other turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from audio.pcm import read_wav
from benchmarks.caller import MILESTONES, SILENCE_MS, Measurement, measure
from benchmarks.clip import CHUNK_MS, speech_chunks
from benchmarks.local_server import DESCRIPTION, LocalServer, scripted_server
from clients.sdk import DEFAULT_MODEL, LOST, ClientError, dial, explain, make_client

QUESTION = Path(__file__).resolve().parent / "data" / "question.wav"


@dataclass(frozen=True)
class Delays:
    """Statistics of one milestone, in ms."""

    median: float
    max: float
    warm_up: float
    """Median of the sessions' first turns."""


def summarise(measurement: Measurement) -> dict[str, Delays]:
    """Sum up the turns: milestone → its delays."""
    warm_up = [turn.delays_ms() for turn in measurement.turns if turn.number == 0]
    counted = [turn.delays_ms() for turn in measurement.turns if turn.number > 0]
    return {
        name: Delays(
            median(delays[name] for delays in counted),
            max(delays[name] for delays in counted),
            median(delays[name] for delays in warm_up),
        )
        for name in MILESTONES.values()
    }


def cpu_ms_per_session_second(measurement: Measurement) -> float | None:
    """CPU time of the server for each second of each session; None where it is not known."""
    if measurement.cpu_s is None:
        return None
    return measurement.cpu_s * 1000 / measurement.session_s


def table(sessions: int, measurement: Measurement) -> str:
    """Render a measurement as plain text."""
    counted = sum(turn.number > 0 for turn in measurement.turns)
    who = f"{_number(sessions, 'session')} at once, {_number(counted, 'turn')}"
    lines = [f"{who:<36}{'median':>8}{'max':>8}{'warm-up':>10}"]
    lines += [
        f"  {name:<34}{delays.median:>8.0f}{delays.max:>8.0f}{delays.warm_up:>10.0f}"
        for name, delays in summarise(measurement).items()
    ]
    cpu = cpu_ms_per_session_second(measurement)
    if cpu is not None:
        lines.append(f"  {'server CPU, ms per session-second':<34}{cpu:>8.1f}")
    lines.append(f"  {'latest chunk, ms behind its time':<34}{'':>8}{measurement.late_ms:>8.1f}")
    return "\n".join(lines)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def as_json(sessions: int, measurement: Measurement) -> dict[str, Any]:
    """Render a measurement, with every single turn, for programs."""
    return {
        "sessions": sessions,
        "summary_ms": {name: vars(delays) for name, delays in summarise(measurement).items()},
        "turns": [
            {"session": turn.session, "warm_up": turn.number == 0, "ms": turn.delays_ms()}
            for turn in measurement.turns
        ],
        "server_cpu_ms_per_session_second": cpu_ms_per_session_second(measurement),
        "latest_chunk_ms": measurement.late_ms,
    }


def benchmark(arguments: argparse.Namespace) -> None:
    """Measure, print and save.

    Raises:
        ClientError: The server cannot be measured.
    """
    try:
        speech = speech_chunks(read_wav(arguments.wav))
    except (OSError, ValueError) as error:
        raise ClientError(f"--wav {arguments.wav} cannot be used: {error}") from error
    with _server(arguments.url) as (url, local):
        client = make_client(url, arguments.api_key)
        print(f"{url}" + (f" ({DESCRIPTION})" if local else f", model {arguments.model}"))
        print(
            f"{Path(arguments.wav).name}: {len(speech) * CHUNK_MS / 1000:g} s up to the last "
            f"voiced sample. Times in ms after it; {SILENCE_MS} ms of silence end a turn."
        )
        results = []
        for sessions in arguments.sessions:
            try:
                measurement = asyncio.run(
                    measure(
                        lambda: dial(client, arguments.model),
                        sessions,
                        arguments.turns,
                        speech,
                        local.cpu_seconds if local else lambda: None,
                    )
                )
            except LOST as error:
                raise ClientError(explain(error, url)) from error
            print(f"\n{table(sessions, measurement)}", flush=True)
            results.append(as_json(sessions, measurement))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _server(url: str | None) -> Iterator[tuple[str, LocalServer | None]]:
    if url:
        yield url, None
    else:
        with scripted_server() as server:
            yield server.url, server


def _counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is no list of numbers like 1,4")
    return [int(part) for part in parts]


def _turns(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError("the first turn is a warm-up: 2 is the least")
    return int(text)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.voice_latency",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Without --url it starts the server of this repository with {DESCRIPTION}.",
    )
    parser.add_argument("--url", help="measure this Realtime server, e.g. ws://localhost:8000")
    parser.add_argument(
        "--api-key",
        default=os.environ.get("OPENAI_API_KEY") or "none",
        help="API key (default: $OPENAI_API_KEY, else 'none')",
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="model (default: %(default)s)")
    parser.add_argument(
        "--sessions",
        type=_counts,
        default="1,4",
        metavar="N,N",
        help="how many sessions at once, one table for each (default: %(default)s)",
    )
    parser.add_argument(
        "--turns",
        type=_turns,
        default=5,
        metavar="N",
        help="turns of each session, the first of which is a warm-up (default: %(default)s)",
    )
    parser.add_argument(
        "--wav",
        default=str(QUESTION),
        metavar="FILE",
        help="clip to speak, 16-bit WAV, without long pauses (default: benchmarks/data)",
    )
    parser.add_argument("--json", metavar="FILE", help="save all figures, turn by turn")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    try:
        benchmark(parse_arguments(argv))
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
