"""A room with a loudspeaker and a microphone: what is played comes back late, bent and echoing."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from audio.devices import SoundCallback
from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE

Samples = NDArray[np.float64]
"""Sound in the range of 16-bit samples."""

REVERBERATION_S = 0.25
"""Seconds in which an echo of the room fades by 60 dB: a furnished room."""


class Room:
    """The way from a loudspeaker to a microphone."""

    def __init__(self, rate: int, delay_ms: float, gain: float = 0.5, seed: int = 1) -> None:
        """Furnish it.

        Args:
            rate: Sample rate in Hz.
            delay_ms: Time through devices and air.
            gain: How loud the echo is beside what is played.
            seed: Another one is another room.
        """
        random = np.random.default_rng(seed)
        length = round(REVERBERATION_S * rate)
        fading = 10 ** (-3 * np.arange(length) / length)
        reflections = random.standard_normal(length) * fading * 0.1
        reflections[0] = 1.0
        delay = np.zeros(round(delay_ms / 1000 * rate))
        self._way = np.concatenate([delay, reflections * (gain / np.linalg.norm(reflections))])
        self._random = random

    def echo(self, played: Samples) -> Samples:
        """Return what arrives at the microphone of what is played, with a little noise.

        The loudspeaker clips what is loud, as small ones do.
        """
        clipped = np.clip(played, -9000, 9000)
        arrived: Samples = fftconvolve(clipped, self._way)[: len(played)]
        noise: Samples = self._random.standard_normal(len(played)) * 5
        return arrived + noise

    @property
    def memory(self) -> int:
        """Samples for which a sound stays in the room."""
        return len(self._way)


class Device:
    """One direction of `Furnished`: a `SoundStream`, and its factory."""

    latency = 0.0

    def __init__(self, turn: threading.Lock) -> None:
        self.callback: SoundCallback | None = None
        self.running = False
        self._turn = turn

    def open(self, callback: SoundCallback) -> Device:
        self.callback = callback
        return self

    def start(self) -> None:
        self.running = True

    def abort(self) -> None:
        with self._turn:
            self.running = False

    def close(self) -> None:
        self.abort()


class Furnished:
    """A room with both devices at work, a block of 20 ms at a time, on a thread."""

    BLOCK = WIRE_RATE // 50

    def __init__(self, room: Room) -> None:
        turn = threading.Lock()
        self.speaker, self.microphone = Device(turn), Device(turn)
        self._room, self._turn = room, turn
        self._blocks = 0
        self._played = np.zeros(room.memory)
        self._said = np.zeros(0)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def clock(self) -> float:
        """Seconds by the sound card, which do not depend on how busy the machine is."""
        return self._blocks * self.BLOCK / WIRE_RATE

    def say(self, sound: Samples) -> None:
        """Let the user say something."""
        with self._turn:
            self._said = np.concatenate([self._said, sound])

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        started = time.perf_counter()
        while not self._closed.wait(max(0.0, started + self.clock() - time.perf_counter())):
            with self._turn:
                block = bytearray(self.BLOCK * BYTES_PER_SAMPLE)
                if self.speaker.running and self.speaker.callback:
                    self.speaker.callback(block, self.BLOCK, None, None)
                self._blocks += 1
                if self.microphone.running and self.microphone.callback:
                    self.microphone.callback(self._heard(bytes(block)), self.BLOCK, None, None)

    def _heard(self, block: bytes) -> bytes:
        self._played = np.concatenate([self._played, samples(block)])[-self._room.memory :]
        heard = self._room.echo(self._played)[-self.BLOCK :]
        said, self._said = self._said[: self.BLOCK], self._said[self.BLOCK :]
        heard[: len(said)] += said
        return pcm(heard)


def samples(pcm: bytes) -> Samples:
    """Return 16-bit PCM as numbers."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def pcm(sound: Samples) -> bytes:
    """Return numbers as 16-bit PCM."""
    return np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()


def level_db(sound: Samples) -> float:
    """Return the power of a sound in dB."""
    return float(10 * np.log10(np.mean(sound**2) + 1e-9))
