"""Do pauses wait for each other's judgements where many sessions speak?

Smart Turn judges the pauses of all sessions of a process one after the other, some 90 ms of CPU
each; a judgement that would come too late is not made, and the pause rule does without it. The same
crowd speaks first under `server_vad`, which asks nobody, and then under `semantic_vad`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import median, quantiles
from typing import Any

from audio.pcm import read_wav
from benchmarks import sessions_per_core as per_core
from benchmarks.clip import speech_chunks
from benchmarks.crowd import CHUNK_MS, Caller, append_frames, join
from benchmarks.local_server import DESCRIPTION, LocalServer
from clients.sdk import ClientError

BEFORE_MS, AFTER_MS = 1200, 5900
"""The room's noise before and after the question."""
SOON_MS = 600.0
"""Wait behind the last word, by the wall, within which a judged turn has ended."""


@dataclass(frozen=True)
class Pauses:
    """How turns ended."""

    turns: int
    median_ms: float
    """From the last voiced sample to `speech_stopped`."""
    p95_ms: float
    soon: float
    """Share of the turns that ended within `SOON_MS`."""
    cpu_ms: float
    """CPU time of the server per session-second."""
    core: float
    """Share of its core that the server used."""


def script() -> tuple[list[bytes], int]:
    """Return the frames of a turn, and which of them has the last voiced sample."""
    speech = b"".join(speech_chunks(read_wav(per_core.QUESTION)))
    frames = append_frames(per_core.room(BEFORE_MS) + speech + per_core.room(AFTER_MS))
    voiced = BEFORE_MS // CHUNK_MS + len(append_frames(speech)) - 1
    return frames, voiced


async def speak(server: LocalServer, kind: str, count: int, seconds: float) -> Pauses:
    """Let `count` callers speak for so long under a kind of turn detection."""
    frames, voiced = script()
    settings: dict[str, Any] = per_core.session()
    settings["audio"]["input"]["turn_detection"] = {"type": kind}
    callers: list[Caller] = []
    for index in range(count):
        joined, _ = await join(server.url, frames, settings)
        joined.voiced = voiced
        joined.position = Random(index).randrange(len(frames))
        callers.append(joined)
    cpu, _taken, _late = await per_core.cpu_while(server, callers, seconds)
    problem = next((caller.problem for caller in callers if caller.problem), None)
    waits = [
        1000 * (answer.stopped - answer.spoken)
        for caller in callers
        for answer in caller.answers
        if answer.spoken
    ]
    for caller in callers:
        caller.leave()
    if problem or len(waits) < 2:
        raise ClientError(f"A conversation went wrong: {problem or 'no turn ended'}.")
    return Pauses(
        len(waits),
        median(waits),
        quantiles(waits, n=20)[-1],
        sum(wait <= SOON_MS for wait in waits) / len(waits),
        1000 * cpu / count,
        cpu,
    )


def main() -> None:
    """Print a line per crowd and kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--callers", default="10,50,100", help="numbers of sessions")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each run")
    arguments = parser.parse_args()
    print(f"{DESCRIPTION}; one core.")
    print("sessions  detection     turns  median   95 %   soon  CPU a session-second  core")
    for count in map(int, arguments.callers.split(",")):
        for kind in ("server_vad", "semantic_vad"):
            run = partial(speak, kind=kind, count=count, seconds=arguments.seconds)
            found = per_core.with_server(run)
            print(
                f"{count:8}  {kind:12}{found.turns:7}{found.median_ms:8.0f}{found.p95_ms:7.0f}"
                f"{found.soon:7.0%}{found.cpu_ms:19.1f} ms{found.core:6.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
