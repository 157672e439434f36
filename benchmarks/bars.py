"""Measures all of the server's performance targets in a few minutes, in one table."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from audio.pcm import read_wav
from benchmarks import calls, long_session, scenarios
from benchmarks import sessions_per_core as per_core
from benchmarks.bar import Bar
from benchmarks.caller import measure
from benchmarks.clip import speech_chunks
from benchmarks.local_server import DESCRIPTION, scripted_server
from benchmarks.voice_latency import summarise
from clients.sdk import DEFAULT_MODEL, ClientError, dial, make_client

SPOKEN_SESSIONS = (1, 8)


def spoken_turns(turns: int) -> list[Bar]:
    """Measure detected turns, with one caller and with several."""
    speech = speech_chunks(read_wav(per_core.QUESTION))
    found = []
    for sessions in SPOKEN_SESSIONS:
        with scripted_server() as server:
            client = make_client(server.url, "none")
            found.append(
                summarise(
                    asyncio.run(
                        measure(
                            lambda client=client: dial(client, DEFAULT_MODEL),  # type: ignore[misc]
                            sessions,
                            turns,
                            speech,
                            server.cpu_seconds,
                        )
                    )
                )
            )
    alone, among = found
    stopped, audio = alone["speech_stopped"].median, alone["first audio delta"].median
    grown = max(among[name].median - alone[name].median for name in alone)
    return [
        Bar("server_vad: speech_stopped → first audio", audio - stopped, 40),
        Bar("server_vad: last voiced sample → first audio", audio, 650),
        Bar("8 sessions at once: the most a median grows", grown, 60),
    ]


def single_caller() -> list[Bar]:
    """Measure the other scenarios."""
    found = scenarios.run()
    limits = {
        "semantic_vad, complete sentence": 550,
        "semantic_vad, answered in mid-sentence": 0,
        "manual commit": 300,
        # By its words: an "uh-huh" interrupts nothing (docs/wire.md §B.5).
        "barge-in": 400,
        "own share, median": 10,
        "own share, p99": 25,
    }
    return [Bar(name, found[name], limit) for name, limit in limits.items()]


def many_callers(seconds: float, figures: str | None) -> list[Bar]:
    """Measure how many conversations one core carries."""
    print(f"\n{per_core.HEADER}", flush=True)
    trials = per_core.ladder([25, 50, 75, 90, 100, 110, 125], seconds)
    by_stage = per_core.with_server(lambda server: per_core.stages(server, per_core.BESIDE, 5.0))
    weight = per_core.with_server(per_core.megabytes_per_idle_session)
    opening = per_core.with_server(per_core.opening_ms)
    print("\nCPU by stage, ms per session-second")
    for name, cost in by_stage.items():
        print(f"  {name:<34}{cost:>8.2f}")
    if figures:
        saved = {"trials": [asdict(trial) for trial in trials], "stages_ms": by_stage}
        Path(figures).write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
    return [
        Bar("conversations on one core", per_core.carried(trials), 100, "sessions", at_least=True),
        Bar("memory per extra idle session", weight, 3, "MB"),
        Bar("connect → session.created beside 50 conversations", opening, 15),
    ]


def long_sessions() -> list[Bar]:
    """Measure whether a long session costs more CPU or memory over time."""
    found = long_session.run(60)
    return [Bar("60-minute session: a late turn / an early one", found["late / early"], 1.25, "×")]


def state() -> str:
    """Describe the machine's load and speed, without which the figures mean nothing."""
    start = time.process_time()
    sum(number * number for number in range(3_000_000))
    loop_ms = 1000 * (time.process_time() - start)
    return f"load {os.getloadavg()[0]:.1f}, {loop_ms:.0f} ms for a loop of plain Python"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars")
    parser.add_argument("--turns", type=int, default=4, help="of each spoken scenario")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each trial with a crowd")
    parser.add_argument("--minutes", type=float, default=1.0, help="of long calls")
    parser.add_argument("--figures", metavar="FILE", help="save what benchmarks.plot draws")
    arguments = parser.parse_args(argv)
    print(f"{DESCRIPTION}.\nThe machine before: {state()}", flush=True)
    try:
        bars = spoken_turns(arguments.turns) + single_caller()
        bars += many_callers(arguments.seconds, arguments.figures) + long_sessions()
        bars += calls.run(seconds=arguments.seconds, minutes=arguments.minutes)
    except ClientError as error:
        raise SystemExit(f"error: {error}") from None
    print()
    for bar in bars:
        print(bar)
    print(f"\nThe machine behind: {state()}")


if __name__ == "__main__":
    main()
