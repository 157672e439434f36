"""Outputs for answers other than a sound card: a WAV file, or none.

Without a device, audio is still consumed in real time, so that the played part of an interrupted
answer is as accurate as with a loudspeaker.
"""

from __future__ import annotations

import threading
import time
import wave
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from audio.devices import SoundCallback
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE

BLOCK_SAMPLES = WIRE_RATE // 50


class NoSpeaker:
    """A `SoundStream` that takes samples at a sound card's pace, and drops them."""

    latency = 0.0

    def __init__(self, callback: SoundCallback) -> None:
        """Take blocks from `callback` when started."""
        self._callback = callback
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to take blocks, on a thread of its own."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def abort(self) -> None:
        """Take no more."""
        if self._thread is not None:
            self._stopped.set()
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Take no more."""
        self.abort()

    def _run(self) -> None:
        block = bytearray(BLOCK_SAMPLES * BYTES_PER_SAMPLE)
        started, taken = time.perf_counter(), 0
        while not self._stopped.wait(started + taken / WIRE_RATE - time.perf_counter()):
            self._callback(block, BLOCK_SAMPLES, None, None)
            taken += BLOCK_SAMPLES


class WavRecorder:
    """Writes PCM to a WAV file, on a thread of its own: a sound card's must not wait for a disk."""

    def __init__(self, path: str | Path) -> None:
        """Create the file, or empty it.

        Raises:
            OSError: It cannot be written.
        """
        self.error: OSError | None = None
        """The error that kept the file from being completed."""
        # Unbuffered: what was played is in the file, and errors are raised where they are handled.
        self._disk = open(path, "wb", buffering=0)  # noqa: SIM115
        self._file = wave.open(self._disk, "wb")  # noqa: SIM115
        self._file.setnchannels(1)
        self._file.setsampwidth(BYTES_PER_SAMPLE)
        self._file.setframerate(WIRE_RATE)
        try:
            self._file.writeframes(b"")
        except OSError:
            with suppress(OSError):
                self._file.close()  # else Python retries at exit, and prints an error on the screen
            self._disk.close()
            raise
        self._blocks = SimpleQueue[bytes | None]()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, pcm: bytes) -> None:
        """Append PCM; any thread may call this."""
        self._blocks.put(pcm)

    def close(self) -> None:
        """Complete the file."""
        self._blocks.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._disk, self._file:
                while (pcm := self._blocks.get()) is not None:
                    self._file.writeframes(pcm)
        except OSError as error:
            self.error = error
