"""What it costs that engines run in a server of models: first audio, and CPU per call.

    python -m benchmarks.model_server [--calls N] [--at-once N] [--profile NAME]

Last comes how long an engine goes on for a client that has gone, of a text of minutes.

The same voice speaks the same sentences, and the same recogniser hears the same turn, once in this
process and once in a server of models in a process of its own, by the `openai` providers. Figures
are medians; CPU time is that of all processes that take part. Run it with nothing else running.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from audio.pcm import SAMPLE_RATE, read_wav
from config import ServerConfig, Settings, STTConfig, TTSConfig, load_settings
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import STTProvider, TTSProvider
from serving.process.cores import shared_cores
from telemetry.logs import configure_logging

ROOT = Path(__file__).resolve().parent.parent
SENTENCE = "The train to the coast leaves at a quarter past nine from platform two."
TURN = ROOT / "benchmarks" / "data" / "question.wav"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a kind of call took."""

    ms: list[float]
    """Milliseconds: to the first audio of a text, or to the transcript of a turn."""
    cpu_ms: float
    """CPU time of a call, of all processes."""

    @property
    def median(self) -> float:
        """The usual time in ms."""
        return statistics.median(self.ms)

    @property
    def late(self) -> float:
        """The time in ms that one call in ten exceeds."""
        return sorted(self.ms)[int(0.9 * (len(self.ms) - 1))]


@contextmanager
def model_server(profile: str | None) -> Iterator[tuple[str, int]]:
    """Run a server of models; yields its address and process id."""
    command = [sys.executable, "-m", "models_http", "--port", "0", "--log-level", "warning"]
    command += ["--profile", profile] if profile else []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"http://localhost:\d+", line):
                    yield found[0].replace("localhost", "127.0.0.1"), process.pid
                    return
            raise SystemExit("The server of models did not start.")
        finally:
            process.terminate()


def cpu_s(pid: int | None) -> float:
    """Return the CPU seconds of this process, and of another one."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    used = own.ru_utime + own.ru_stime
    if pid is not None:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += (int(fields[11]) + int(fields[12])) / TICKS
    return used


async def measured(
    call: Callable[[], Awaitable[float]], calls: int, at_once: int, pid: int | None
) -> Figures:
    """Make calls, after a few that are not counted.

    Args:
        call: Makes one, and returns its ms.
        calls: How many.
        at_once: How many at a time.
        pid: The process beside this one that works.
    """
    await asyncio.gather(*(call() for _ in range(at_once)))
    took: list[float] = []
    before = cpu_s(pid)

    async def caller(share: int) -> None:
        for _ in range(share):
            took.append(await call())

    await asyncio.gather(*(caller(calls // at_once) for _ in range(at_once)))
    return Figures(took, 1000 * (cpu_s(pid) - before) / len(took))


async def first_audio(provider: TTSProvider) -> float:
    """Speak the sentence; return the ms to its first audio."""
    begun = time.monotonic()
    first = 0.0
    async with aclosing(provider.speak(SENTENCE, "alloy")) as pieces:
        async for _pcm in pieces:
            first = first or 1000 * (time.monotonic() - begun)
    return first


async def transcript(provider: STTProvider, turn: bytes) -> float:
    """Hear the turn; return the ms that it took."""
    begun = time.monotonic()
    await provider.transcribe(turn)
    return 1000 * (time.monotonic() - begun)


async def both(settings: Settings, calls: int, at_once: int, pid: int | None) -> list[Figures]:
    """Measure the voice and the recogniser that the settings name."""
    turn = read_wav(TURN, SAMPLE_RATE)
    voice, recogniser = tts_providers.load(settings.tts), stt_providers.load(settings.stt)
    await voice.start()
    await recogniser.start()
    try:
        return [
            await measured(lambda: first_audio(voice), calls, at_once, pid),
            await measured(lambda: transcript(recogniser, turn), calls, at_once, pid),
        ]
    finally:
        await voice.close()
        await recogniser.close()


def remote(address: str) -> Settings:
    """Return the settings of a gateway that uses a server of models."""
    # Not by `load_settings`: the engine's own options, of the environment, are none of `openai`.
    base = f"{address}/v1"
    return Settings.model_construct(
        stt=STTConfig(provider="openai", api_base=base),
        tts=TTSConfig(provider="openai", api_base=base),
    )


async def released(address: str, calls: int) -> list[float]:
    """Leave in the middle of long texts; return the ms until the engine was free, of each."""
    took: list[float] = []
    speech = {"model": "tts-1", "voice": "alloy", "response_format": "pcm"}
    body = {"input": f"{SENTENCE} " * 50, **speech}
    async with httpx2.AsyncClient(base_url=address, trust_env=False) as http:

        async def running() -> bool:
            counts = (await http.get("/metrics")).text
            return 'models_running{kind="tts"} 0.0' not in counts

        for _ in range(calls):
            async with http.stream("POST", "/v1/audio/speech", json=body) as response:
                await anext(response.aiter_raw())
                assert await running()
            gone = time.monotonic()
            while await running():
                pass
            took.append(1000 * (time.monotonic() - gone))
    return took


def main(argv: list[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="What a server of models costs.")
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--profile")
    given = parser.parse_args(argv)
    configure_logging(ServerConfig(log_level="warning"))
    calls, at_once = given.calls, given.at_once
    # As the server itself does it, and the server of models.
    with shared_cores():
        here = asyncio.run(both(load_settings(None, given.profile), calls, at_once, None))
    with model_server(given.profile) as (address, pid):
        there = asyncio.run(both(remote(address), calls, at_once, pid))
        left = asyncio.run(released(address, max(1, calls // 4)))
    print(f"{'':32}{'here':>10}{'apart':>10}{'more':>10}")
    for name, own, far in zip(("first audio", "transcript"), here, there, strict=True):
        for what, one, other in (
            ("ms, median", own.median, far.median),
            ("ms, 90th percentile", own.late, far.late),
            ("CPU ms per call", own.cpu_ms, far.cpu_ms),
        ):
            print(f"{f'{name}, {what}':32}{one:10.1f}{other:10.1f}{other - one:10.1f}")
    print(f"engine free behind a client that left: {statistics.median(left):.0f} ms, ", end="")
    print(f"at most {max(left):.0f} ms")


if __name__ == "__main__":
    main()
