"""What the drivers share: they print what happens as JSON lines, one scenario after the other."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

DEADLINE_S = 12.0
"""An event that has not come after this long is missing."""
RATE = 24000
STEP = RATE // 10 * 2
"""100 ms of PCM, as a microphone would deliver it."""
SPEECH = Path(__file__).parents[2] / "data" / "flite-slt_s01.wav"

Say = Callable[..., None]
T = TypeVar("T")


def speech() -> Iterator[bytes]:
    """Say "hello how are you doing today", with silence around it, in pieces."""
    with wave.open(str(SPEECH)) as clip:
        assert (clip.getnchannels(), clip.getsampwidth(), clip.getframerate()) == (1, 2, RATE)
        samples = clip.readframes(clip.getnframes())
    pcm = bytes(RATE * 2 * 3 // 10) + samples + bytes(RATE * 2)
    yield from (pcm[start : start + STEP] for start in range(0, len(pcm), STEP))


@asynccontextmanager
async def _directly(url: str) -> AsyncIterator[str]:
    yield url


def run(*scenarios: Callable[[str, Say], Awaitable[None]]) -> None:
    """Run the scenarios against the server named on the command line."""
    run_through(_directly, *scenarios)


def run_through(
    bridge: Callable[[str], AbstractAsyncContextManager[T]],
    *scenarios: Callable[[T, Say], Awaitable[None]],
) -> None:
    """Run the scenarios by way of a program that stands between them and the server.

    Args:
        bridge: Takes the URL of the server and runs the program; gives what the scenarios get.
        scenarios: What is done.
    """
    asyncio.run(_run(sys.argv[1], bridge, scenarios))


async def _run(
    url: str,
    bridge: Callable[[str], AbstractAsyncContextManager[T]],
    scenarios: Sequence[Callable[[T, Say], Awaitable[None]]],
) -> None:
    only = os.environ.get("ONLY_SCENARIO")
    async with bridge(url) as place:
        for scenario in scenarios:
            if only in (None, scenario.__name__):
                await _play(place, scenario)


async def _play(place: T, scenario: Callable[[T, Say], Awaitable[None]]) -> None:
    def say(event: str, **fields: Any) -> None:
        line = {"scenario": scenario.__name__, "event": event, **fields}
        print(json.dumps(line), flush=True)

    try:
        async with asyncio.timeout(DEADLINE_S):
            await scenario(place, say)
    except Exception:
        say("failure", traceback=traceback.format_exc())
    else:
        say("end")
