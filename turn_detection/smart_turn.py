"""Smart Turn v3: judges from the sound of a pause whether the turn is over (§C.4).

The model comes with Pipecat and is loaded once per process. One judgement takes about 90 ms of CPU,
so it runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

from audio.pcm import SAMPLE_RATE

CONTEXT_MS = 8000
"""Audio that the model takes: the last 8 s of a turn."""


@functools.cache
def _shared_analyzer() -> LocalSmartTurnAnalyzerV3:
    """Return the process's copy of the model; the first call loads it."""
    return LocalSmartTurnAnalyzerV3(sample_rate=SAMPLE_RATE)


class SmartTurnModel:
    """The turn model, shared by all sessions of the process."""

    def __init__(self) -> None:
        self._analyzer = _shared_analyzer()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="smart-turn")

    async def completeness(self, pcm: bytes) -> float:
        """Return the probability (0–1) that the turn is over.

        Args:
            pcm: The last 8 s of the turn, up to the pause that is judged; 16-bit PCM at 16 kHz.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._judge, pcm)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _judge(self, pcm: bytes) -> float:
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        verdict: dict[str, Any] = self._analyzer._predict_endpoint(samples)
        return float(verdict["probability"])
