"""The latencies that `voice_latency.py` does not measure: one caller, one scenario after the other.

Manual turns, the turn model, interruptions, and the server's own share with providers that answer
at once. All times are in ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from audio.pcm import read_wav
from benchmarks.clip import speech_chunks
from benchmarks.crowd import CHUNK_MS, SocketCaller, append_frames, event_frame, join
from benchmarks.local_server import scripted_server
from benchmarks.sessions_per_core import room

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
QUESTION = Path(__file__).resolve().parent / "data" / "question.wav"
FIRST_AUDIO = "response.output_audio.delta"
STOPPED = "input_audio_buffer.speech_stopped"
SLOW_LLM = '{"first_token_ms": 100, "word_ms": 400}'
"""A model that is still writing when it is interrupted."""


def clip(path: Path) -> list[bytes]:
    """Return a clip as frames, the last of which ends with the voice."""
    return append_frames(b"".join(speech_chunks(read_wav(path))))


def settings(detection: dict[str, Any] | None) -> dict[str, Any]:
    """Return a session with this turn detection."""
    audio = {"transcription": {"model": "whisper-1"}, "turn_detection": detection}
    return {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": audio}}


async def play(caller: SocketCaller, frames: Sequence[bytes]) -> float:
    """Send frames in real time; return when the last was sent."""
    start = now = perf_counter()
    for number, frame in enumerate(frames):
        due = start + number * CHUNK_MS / 1000
        await asyncio.sleep(max(0.0, due - perf_counter()))
        now = perf_counter()
        caller.write(frame)
    return now


async def semantic_complete(url: str, turns: int) -> list[float]:
    """From the last voiced sample of a complete sentence to the first audio."""
    caller, _ = await join(url, [], settings({"type": "semantic_vad"}))
    speech, waits = clip(DATA / "turn_complete.wav"), []
    for _ in range(turns):
        await play(caller, append_frames(room(600)))
        caller.arrivals.clear()
        spoken = await play(caller, speech)
        quiet = asyncio.create_task(play(caller, append_frames(room(8000))))
        waits.append(1000 * (await caller.event(FIRST_AUDIO) - spoken))
        await caller.event("response.done")
        quiet.cancel()
    caller.leave()
    return waits


async def semantic_incomplete(url: str, turns: int) -> int:
    """Count the sentences that were answered although they only paused for 700 ms."""
    answered = 0
    for _ in range(turns):
        caller, _ = await join(url, [], settings({"type": "semantic_vad"}))
        await play(caller, append_frames(room(600)))
        await play(caller, clip(DATA / "turn_incomplete.wav"))
        await play(caller, append_frames(room(700)))
        answered += STOPPED in caller.arrivals
        caller.leave()
    return answered


async def manual_commit(url: str, turns: int) -> list[float]:
    """From the commit to the first audio."""
    caller, _ = await join(url, [], settings(None))
    speech, waits = clip(QUESTION)[:100], []
    for _ in range(turns):
        for frame in speech:
            caller.write(frame)
        caller.arrivals.clear()
        await asyncio.sleep(0.15)
        start = perf_counter()
        caller.write(event_frame("input_audio_buffer.commit"))
        caller.write(event_frame("response.create"))
        waits.append(1000 * (await caller.event(FIRST_AUDIO) - start))
        await caller.event("response.done")
    caller.leave()
    return waits


async def barge_in(url: str, turns: int) -> list[float]:
    """From the first voiced sample to the end of the response that it interrupts."""
    speech, waits = clip(QUESTION), []
    # The clip begins a moment before the voice does.
    levels = _levels(QUESTION)
    voiced = next(at for at, level in enumerate(levels) if level > max(levels) / 100)
    for _ in range(turns):
        caller, _ = await join(url, [], settings({"type": "server_vad"}))
        await play(caller, append_frames(room(400)) + speech)
        quiet = asyncio.create_task(play(caller, append_frames(room(8000))))
        await caller.event(FIRST_AUDIO)
        quiet.cancel()
        caller.arrivals.clear()
        start = perf_counter() + voiced * CHUNK_MS / 1000
        voice = asyncio.create_task(play(caller, speech))
        waits.append(1000 * (await caller.event("response.done") - start))
        voice.cancel()
        caller.leave()
    return waits


def _levels(path: Path) -> list[float]:
    chunks = speech_chunks(read_wav(path))
    return [max(map(abs, memoryview(chunk).cast("h"))) for chunk in chunks]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def run(turns: int = 5, commits: int = 60) -> dict[str, float]:
    """Run all scenarios.

    Args:
        turns: Turns of each scenario.
        commits: Commits for the server's own share, after a tenth as warm-up.

    Returns:
        What was measured → ms, or a count.
    """

    async def usual(url: str) -> dict[str, float]:
        await manual_commit(url, 2)
        return {
            "manual commit": median(await manual_commit(url, turns)),
            "semantic_vad, complete sentence": median(await semantic_complete(url, turns)),
            "semantic_vad, answered in mid-sentence": await semantic_incomplete(url, turns),
        }

    found: dict[str, float] = {}
    with scripted_server() as server:
        found |= asyncio.run(usual(server.url))
    with scripted_server(LLM__OPTIONS=SLOW_LLM) as server:
        found["barge-in"] = median(asyncio.run(barge_in(server.url, turns)))
    with scripted_server(instant=True) as server:
        own = asyncio.run(manual_commit(server.url, commits + commits // 10))[commits // 10 :]
        found["own share, median"] = median(own)
        found["own share, p99"] = percentile(own, 99)
    return found


def main() -> None:
    """Run the benchmark."""
    for name, value in run().items():
        print(f"{name:<42}{value:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
