"""What does an upstream cost? The wait for the first sound, with and without one in between.

The same scripted server answers both times: once callers talk to it, once to a server whose
upstream it is. Its stages take no time, so that what is measured is our own: a turn is cut, sent
on, answered and passed back. Speculation is off for both, as it is before an upstream. Medians of
spoken turns, from `speech_stopped` to the first audio, and the ratio of the two.
It takes under two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from statistics import median

from benchmarks.crowd import append_frames, join
from benchmarks.local_server import configured_server, scripted_server
from benchmarks.scenarios import FIRST_AUDIO, QUESTION, STOPPED, clip, play, settings
from benchmarks.sessions_per_core import room

TURN_S = 3.5
"""About how long a turn takes: a question, the silence that ends it, and the answer."""
KEY = "benchmark-of-upstreams"


async def waits_ms(url: str, turns: int) -> list[float]:
    """Return the wait of each turn behind the first one, which is a warm-up, in ms."""
    caller, _ = await join(url, [], settings({"type": "server_vad", "silence_duration_ms": 600}))
    speech, waits = clip(QUESTION), []
    for _ in range(turns + 1):
        caller.arrivals.clear()
        await play(caller, append_frames(room(400)) + speech)
        quiet = asyncio.create_task(play(caller, append_frames(room(8000))))
        waits.append(await caller.event(FIRST_AUDIO) - await caller.event(STOPPED))
        await caller.event("response.done")
        quiet.cancel()
    caller.leave()
    return [1000 * wait for wait in waits[1:]]


def compare(turns: int, *, instant: bool) -> tuple[float, float]:
    """Return the median wait in ms without and with an upstream.

    Args:
        turns: Turns that are counted, each way.
        instant: Whether the stages take no time; else they take their usual 50 to 230 ms.
    """
    with scripted_server(instant=instant, VAD__SPECULATIVE="false") as second:
        print("  alone …", flush=True)
        alone = asyncio.run(waits_ms(second.url, turns))
        upstream = {
            "UPSTREAM__PROVIDER": "openai",
            "UPSTREAM__URL": second.url,
            "UPSTREAM__API_KEY": KEY,
        }
        with configured_server(**upstream) as first:
            print("  behind an upstream …", flush=True)
            behind = asyncio.run(waits_ms(first.url, turns))
    return median(alone), median(behind)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each kind of stage."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--turns", type=int, default=6, help="turns that are counted, each way")
    turns = parser.parse_args(argv).turns
    total_s = 4 * (turns + 1) * TURN_S
    print(f"4 runs of {turns} turns and a warm-up each: about {total_s:.0f} s", flush=True)
    for instant, name in ((True, "stages without delay"), (False, "stages with their delays")):
        alone, behind = compare(turns, instant=instant)
        print(
            f"{name:<26} alone {alone:6.1f} ms, behind an upstream {behind:6.1f} ms: "
            f"{behind - alone:+.1f} ms, {behind / alone:.2f} times as long",
            flush=True,
        )


if __name__ == "__main__":
    main()
