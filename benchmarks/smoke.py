"""Checks ratios that must hold on any machine, in less than a minute; no absolute times."""

from __future__ import annotations

import asyncio
import sys
from statistics import median
from time import process_time

import numpy as np

from benchmarks.calls import cpu_ratio
from benchmarks.crowd import append_frames, join
from benchmarks.local_server import scripted_server
from benchmarks.long_session import run as long_session
from benchmarks.scenarios import FIRST_AUDIO, QUESTION, STOPPED, clip, play, settings
from benchmarks.sessions_per_core import room
from turn_detection.silero import WINDOW_SAMPLES, SileroModel, VoiceStream, score_together

ROWS = 16


async def after_stopped(url: str, turns: int) -> float:
    """Return the median time from `speech_stopped` to the first audio, in seconds."""
    caller, _ = await join(url, [], settings({"type": "server_vad", "silence_duration_ms": 600}))
    speech, waits = clip(QUESTION), []
    for _ in range(turns):
        caller.arrivals.clear()
        await play(caller, append_frames(room(400)) + speech)
        quiet = asyncio.create_task(play(caller, append_frames(room(8000))))
        waits.append(await caller.event(FIRST_AUDIO) - await caller.event(STOPPED))
        await caller.event("response.done")
        quiet.cancel()
    caller.leave()
    return median(waits)


def speculation() -> float:
    """Return the wait after `speech_stopped` with speculative turns, relative to without."""
    waits = []
    for speculative in ("true", "false"):
        with scripted_server(VAD__SPECULATIVE=speculative) as server:
            waits.append(asyncio.run(after_stopped(server.url, 2)))
    return waits[0] / waits[1]


def batching(rounds: int = 60) -> float:
    """Return the cost of a window in a batch, relative to one alone."""
    model = SileroModel()
    streams = [VoiceStream(model) for _ in range(ROWS)]
    noise = np.random.default_rng(0).normal(0, 0.1, (ROWS, WINDOW_SAMPLES)).astype(np.float32)
    windows = list(noise)
    together, alone = [], []
    for _ in range(rounds):
        start = process_time()
        score_together(model, streams, windows)
        together.append(process_time() - start)
        start = process_time()
        for stream, window in zip(streams, windows, strict=True):
            score_together(model, [stream], [window])
        alone.append(process_time() - start)
    return median(together) / median(alone)


RATIOS = {
    "first audio after speech_stopped, speculative / not": (speculation, 0.5),
    "Silero per window, 16 together / alone": (batching, 0.8),
    "CPU of a turn after 10 minutes / at the beginning": (
        lambda: long_session(10)["late / early"],
        1.6,
    ),
    "CPU of a talking call / of a WebSocket session": (cpu_ratio, 2.0),
}
"""Name of a ratio → its measurement, and its limit."""


def main() -> None:
    """Check the ratios."""
    failed = False
    for name, (measured, limit) in RATIOS.items():
        ratio = measured()
        failed |= ratio > limit
        verdict = "" if ratio <= limit else "  TOO MUCH"
        print(f"{name:<56}{ratio:>6.2f}  (at most {limit:g}){verdict}", flush=True)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
