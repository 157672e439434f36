"""Loudspeakers, rooms and the way from one to the other: how the server's voice comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.listen.sound import Samples, count, louder


def room_response(seed: int, decay_ms: float, direct: float = 1.0) -> Samples:
    """Return the impulse response of a simulated room.

    Args:
        seed: The room.
        decay_ms: How long it takes for a sound to fall by 60 dB.
        direct: Share of the amplitude that comes straight from the source.
    """
    chance = np.random.default_rng(seed)
    length = count(min(400.0, decay_ms))
    tail = chance.normal(0, 1, length) * 10 ** (-3 * np.arange(length) / count(decay_ms))
    # The nearest walls first: single reflections, then ever more.
    tail *= np.minimum(1.0, chance.random(length) < np.arange(length) / count(30))
    tail[: count(2)] = 0
    energy = float(np.sqrt(np.sum(tail**2))) or 1.0
    response = tail / energy * (1 - direct)
    response[0] = direct
    return np.asarray(response / np.sqrt(np.sum(response**2)), np.float32)


def in_room(samples: Samples, response: Samples) -> Samples:
    """Return a sound as it is heard in a room; it ends with its last echo."""
    size = len(samples) + len(response) - 1
    both = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(both, size), np.float32)


@dataclass(frozen=True)
class EchoPath:
    """How what is played comes back through the microphone."""

    gain_db: float
    """Level of the echo against what is played."""
    delay_ms: float
    """From the moment it is played until it is heard: buffers, and the air."""
    clip: float | None = None
    """Amplitude at which the loudspeaker distorts; None: it does not."""
    room_seed: int | None = None
    """The room; None: a loudspeaker right at the microphone."""
    decay_ms: float = 300.0

    def __str__(self) -> str:
        clipped = ", clipped" if self.clip is not None else ""
        room = "" if self.room_seed is None else ", room"
        return f"{self.gain_db:g} dB, {self.delay_ms:g} ms{room}{clipped}"

    def response(self) -> Samples:
        """Return its impulse response, without the delay."""
        if self.room_seed is None:
            return np.ones(1, np.float32)
        return room_response(self.room_seed, self.decay_ms, 0.5)

    def heard(self, played: Samples) -> Samples:
        """Return what comes back of a whole sound, from the moment it begins to play."""
        return Echo(self).take(played)


class Echo:
    """What comes back while something is played, piece by piece."""

    def __init__(self, path: EchoPath) -> None:
        """Start with nothing played."""
        self._path = path
        self._response = path.response()
        self._tail = np.zeros(len(self._response) - 1, np.float32)
        self._late = np.zeros(count(path.delay_ms), np.float32)

    def take(self, played: Samples) -> Samples:
        """Return what the microphone hears while a piece is played: as many samples."""
        sound = played
        if self._path.clip is not None:
            limit = np.float32(self._path.clip)
            sound = (limit * np.tanh(played / limit)).astype(np.float32)
        if len(self._response) > 1:
            full = in_room(sound, self._response)
            full[: len(self._tail)] += self._tail[: len(full)]
            kept = len(self._response) - 1
            sound, self._tail = full[: len(played)], full[len(played) : len(played) + kept]
        line = np.concatenate([self._late, louder(sound, self._path.gain_db)])
        self._late = line[len(played) :]
        return line[: len(played)]


def talkers(voices: list[Samples], ms: float, seed: int, db: float, response: Samples) -> Samples:
    """Return people who talk all the time in the background, so many dB below the usual level.

    Args:
        voices: What each of them says, again and again.
        ms: How long.
        seed: When each begins.
        db: Level of all of them together, against that of `voices`.
        response: The room between them and the microphone.
    """
    chance = np.random.default_rng(seed)
    length = count(ms)
    total = np.zeros(length, np.float32)
    for voice in voices:
        again = np.tile(voice, length // len(voice) + 2)
        start = int(chance.integers(len(voice)))
        total += again[start : start + length]
    heard = in_room(total / np.float32(np.sqrt(len(voices))), response)[:length]
    return louder(heard, db)
