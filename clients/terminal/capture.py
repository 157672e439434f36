"""One recording: passes audio in order from the sound card's thread to the event loop."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable

import numpy as np

from clients.terminal.sources import AudioSource

SILENCE_DBFS = -96.0
"""The level of digital silence, which has no logarithm: 16 bits cannot be quieter."""


class Capture:
    """Audio from a source between `start` and `stop`. Iterating yields its blocks of PCM."""

    def __init__(self, source: AudioSource) -> None:
        """Prepare to record from `source`."""
        self.stopped_at = 0.0
        """When `stop` was called, by `time.perf_counter`."""
        self.over = False
        """Whether the source is a file that has been played to its end."""
        self._source = source
        self._blocks = asyncio.Queue[bytes | None]()

    def start(self, on_end: Callable[[], None]) -> None:
        """Start recording. `on_end` is called on the event loop at the end of a file.

        Raises:
            NoSound: The source cannot be opened; the message names the remedy.
        """
        loop = asyncio.get_running_loop()

        def on_audio(pcm: bytes) -> None:
            loop.call_soon_threadsafe(self._blocks.put_nowait, pcm)

        def on_over() -> None:
            self.over = True
            on_end()

        self._source.start(on_audio, on_over)

    def stop(self) -> None:
        """Stop recording. Audio recorded so far is still yielded."""
        self.stopped_at = time.perf_counter()
        self._source.stop()
        # Through the loop, as the audio, so that the end cannot overtake the last block.
        asyncio.get_running_loop().call_soon_threadsafe(self._blocks.put_nowait, None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield audio as it comes, to the last block before `stop`."""
        while (pcm := await self._blocks.get()) is not None:
            yield pcm


def level_dbfs(pcm: bytes) -> float:
    """Loudness of PCM in decibels below the loudest sine, `SILENCE_DBFS` at least."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) / 32768
    power = float(np.mean(samples**2)) if samples.size else 0.0
    return max(SILENCE_DBFS, 10 * math.log10(2 * power)) if power else SILENCE_DBFS
