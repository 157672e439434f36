"""What the drivers share: they print what happens as JSON lines, one scenario after the other."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
import wave
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

DEADLINE_S = 12.0
"""An event that has not come after this long is missing."""
RATE = 24000
STEP = RATE // 10 * 2
"""100 ms of PCM, as a microphone would deliver it."""
SPEECH = Path(__file__).parents[2] / "data" / "flite-slt_s01.wav"

Scenario = Callable[[str, Callable[..., None]], Awaitable[None]]


def speech() -> Iterator[bytes]:
    """Say "hello how are you doing today", with silence around it, in pieces."""
    with wave.open(str(SPEECH)) as clip:
        assert (clip.getnchannels(), clip.getsampwidth(), clip.getframerate()) == (1, 2, RATE)
        samples = clip.readframes(clip.getnframes())
    pcm = bytes(RATE * 2 * 3 // 10) + samples + bytes(RATE * 2)
    yield from (pcm[start : start + STEP] for start in range(0, len(pcm), STEP))


def run(*scenarios: Scenario) -> None:
    """Run the scenarios against the server named on the command line."""
    asyncio.run(_run(sys.argv[1], scenarios))


async def _run(url: str, scenarios: tuple[Scenario, ...]) -> None:
    for scenario in scenarios:

        def say(event: str, scenario: str = scenario.__name__, **fields: Any) -> None:
            print(json.dumps({"scenario": scenario, "event": event, **fields}), flush=True)

        try:
            async with asyncio.timeout(DEADLINE_S):
                await scenario(url, say)
        except Exception:
            say("failure", traceback=traceback.format_exc())
        else:
            say("end")
