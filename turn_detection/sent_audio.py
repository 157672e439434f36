"""What was sent to a client, laid out in the time of its microphone: what may come back as echo.

A client plays what it is sent in order, from when it comes; answers are made faster than that, so
that a chunk begins when the one before it ends. By how much the sound is late beside this, through
buffers, devices and air, is for others to find out. Chunks are kept as they were sent, and become
samples only where somebody listens to them: with a headset, nobody ever does.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from audio.formats import AudioFormat
from audio.pcm import resample

RATE = 8000
"""Hz of the samples: what matters of a voice is below 4 kHz."""
PER_MS = RATE // 1000
STOPS_AFTER_MS = 800
"""A client that is to be silent hears of it late, and may have to play out what a device has."""
SILENT_DB = -120.0


@dataclass
class _Chunk:
    start_ms: float
    end_ms: float
    audio: bytes
    format: AudioFormat

    @cached_property
    def samples(self) -> NDArray[np.float32]:
        """The sound at 8 kHz, in [-1, 1]."""
        pcm = resample(self.format.decode(self.audio), self.format.rate, RATE)
        return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)

    @cached_property
    def level_db(self) -> float:
        """Its power in dBFS."""
        pcm = np.frombuffer(self.format.decode(self.audio), "<i2").astype(np.float32)
        return power_db(pcm / np.float32(32768))


def power_db(sound: NDArray[np.float32]) -> float:
    """Return the power of a sound in [-1, 1], in dBFS; digital silence has -120."""
    return 10 * math.log10(float(np.dot(sound, sound)) / max(1, len(sound)) + 1e-12)


class SentAudio:
    """The sound of one session's answers, by milliseconds of the audio that was heard."""

    def __init__(self, kept_ms: float) -> None:
        """Start in silence; what ended `kept_ms` ago is forgotten."""
        self._kept_ms = kept_ms
        self._chunks: deque[_Chunk] = deque()
        self._end_ms = 0.0
        """Where the next chunk begins, unless it comes later."""
        self.audible_until_ms = -math.inf
        """Where the last sound ends that may be played."""

    def add(self, audio: bytes, audio_format: AudioFormat, now_ms: float) -> float:
        """Note what is sent at `now_ms`; returns where it begins."""
        self._forget(now_ms)
        start_ms = max(self._end_ms, now_ms)
        self._end_ms = start_ms + len(audio) / audio_format.bytes_per_ms
        self._chunks.append(_Chunk(start_ms, self._end_ms, audio, audio_format))
        self.audible_until_ms = max(self.audible_until_ms, self._end_ms)
        return start_ms

    def stop(self, now_ms: float) -> None:
        """Note that the client is told to be silent: soon it is; what comes next begins anew."""
        self._forget(now_ms)
        silent_ms = now_ms + STOPS_AFTER_MS
        while self._chunks and self._chunks[-1].start_ms >= silent_ms:
            self._chunks.pop()
        self.audible_until_ms = min(self.audible_until_ms, silent_ms)
        self._end_ms = min(self._end_ms, now_ms)

    def span(self, start_ms: float, samples: int) -> NDArray[np.float32]:
        """Return the sound from `start_ms` on: so many samples at 8 kHz."""
        out = np.zeros(samples, np.float32)
        last_ms = start_ms + samples / PER_MS
        for chunk in self._chunks:
            if chunk.end_ms <= start_ms or chunk.start_ms >= last_ms:
                continue
            at = round((chunk.start_ms - start_ms) * PER_MS)
            sound = chunk.samples[max(0, -at) : samples - at]
            out[max(0, at) : max(0, at) + len(sound)] = sound
        silent = round((self.audible_until_ms - start_ms) * PER_MS)
        if silent < samples:
            out[max(0, silent) :] = 0
        return out

    def loudest_db(self, from_ms: float, to_ms: float) -> float:
        """Return the level in dBFS of the loudest chunk between two times; -120: there is none."""
        levels = [c.level_db for c in self._chunks if c.end_ms > from_ms and c.start_ms < to_ms]
        return max(levels, default=SILENT_DB)

    def _forget(self, now_ms: float) -> None:
        while self._chunks and self._chunks[0].end_ms < now_ms - self._kept_ms:
            self._chunks.popleft()
