"""Does the last minute of a long session cost what the first one did?

A whole session runs without a network and faster than real time: turns of two seconds, each
committed and answered. Measured are the CPU time of early and late turns, and the memory.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any

from loguru import logger

from audio.pcm import read_wav
from benchmarks.clip import speech_chunks
from config import Settings, load_settings
from peers.in_process import InProcessPeer
from pipeline_manager import PipelineManager
from realtime_session import RealtimeSession
from serving.session_start import start_session
from telemetry.metrics import Metrics
from telemetry.turn_log import TurnLog
from transport import RealtimeTransport
from wire.client_events import CommitAudio, CreateResponse, UpdateSession
from wire.response_events import ResponseDone

QUESTION = Path(__file__).resolve().parent / "data" / "question.wav"
TURN_S = 9.0
"""Seconds of a turn with its answer, in a real conversation."""
SAMPLE = 20
"""Number of turns compared at each end."""


def settings() -> Settings:
    """Return scripted providers that answer at once."""
    instant: dict[str, dict[str, Any]] = {
        "stt": {"delay_ms": 0},
        "llm": {"first_token_ms": 0, "word_ms": 0},
        "tts": {"delay_ms": 0},
    }
    return load_settings(
        # An hour is played in less than a minute.
        limits={"append_burst_s": 24 * 3600},
        **{kind: {"provider": "scripted", "options": given} for kind, given in instant.items()},
    )


async def play(minutes: float) -> tuple[list[float], list[float]]:
    """Play a session.

    Returns:
        Per turn: CPU seconds, and the process's largest memory so far in MB.
    """
    chosen = settings()
    manager = PipelineManager(chosen)
    await manager.start()
    config = start_session(chosen, manager.capabilities, "realtime", "gpt-realtime", None)
    peer = InProcessPeer()
    log = TurnLog(config.id, Metrics())
    transport = RealtimeTransport(RealtimeSession(config), manager, log, peer)
    session = asyncio.create_task(transport.run())
    update = {"type": "session.update", "session": {"type": "realtime", "audio": _MANUAL}}
    peer.put(UpdateSession.model_validate(update))
    chunks = speech_chunks(read_wav(QUESTION))[:100]
    used, memory = [], []
    for _ in range(int(minutes * 60 / TURN_S)):
        start = time.process_time()
        for chunk in chunks:
            peer.append(chunk)
        peer.put(CommitAudio(type="input_audio_buffer.commit"))
        peer.put(CreateResponse(type="response.create"))
        await _until_done(peer)
        used.append(time.process_time() - start)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    peer.leave()
    await session
    await manager.close()
    return used, memory


_MANUAL = {"input": {"turn_detection": None}}


async def _until_done(peer: InProcessPeer) -> None:
    """Receive events until a response is complete."""
    while True:
        got = await peer.get()
        if isinstance(got, ResponseDone):
            return


def run(minutes: float = 60) -> dict[str, float]:
    """Play a session and compare its first turns, after a warm-up, with its last."""
    logger.remove()
    used, memory = asyncio.run(play(minutes))
    early, late = used[SAMPLE : 2 * SAMPLE], used[-SAMPLE:]
    return {
        "turns": len(used),
        "CPU ms of an early turn": 1000 * median(early),
        "CPU ms of a late turn": 1000 * median(late),
        "late / early": median(late) / median(early),
        "MB in the second half": memory[-1] - memory[len(memory) // 2],
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_session")
    parser.add_argument("--minutes", type=float, default=60, help="of conversation")
    for name, value in run(parser.parse_args().minutes).items():
        print(f"{name:<34}{value:>8.2f}")


if __name__ == "__main__":
    main()
