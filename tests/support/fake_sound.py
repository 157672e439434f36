"""Sound devices without hardware: the test calls the callbacks in place of a sound card."""

from __future__ import annotations

from collections.abc import Iterable

from audio.devices import SoundCallback
from audio.pcm import BYTES_PER_SAMPLE


class FakeSound:
    """A stream and its factory: pass `open` where a device is opened."""

    def __init__(self, latency: float = 0.0) -> None:
        self.latency = latency
        self.calls: list[str] = []
        self._callback: SoundCallback | None = None

    def open(self, callback: SoundCallback) -> FakeSound:
        self.calls.append("open")
        self._callback = callback
        return self

    def start(self) -> None:
        self.calls.append("start")

    def fail(self) -> None:
        """The `start` of a device that is in use: raises."""
        raise RuntimeError("device busy")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    @property
    def running(self) -> bool:
        """Whether a real device would call the callback now."""
        return self.calls[-1:] == ["start"]

    def pull(self, samples: int) -> bytes:
        """Take a block from a player, as an output device does."""
        assert self._callback and self.running
        block = bytearray(b"\xff" * (samples * BYTES_PER_SAMPLE))
        self._callback(block, samples, None, None)
        assert len(block) == samples * BYTES_PER_SAMPLE
        return bytes(block)

    def push(self, pcm: bytes) -> None:
        """Hand a block to a recorder, as an input device does."""
        assert self._callback and self.running
        self._callback(pcm, len(pcm) // BYTES_PER_SAMPLE, None, None)

    def push_all(self, blocks: Iterable[bytes]) -> None:
        """Hand many blocks to a recorder."""
        for pcm in blocks:
            self.push(pcm)
