"""The audio of a translation session, cut into utterances at the speaker's pauses (§B.14).

Each utterance is heard by the recogniser on its own, and every sample belongs to one at most, so
that no word is heard twice. Who speaks without a pause is cut at a short one once the utterance is
long, and at last at the quietest place: a recogniser that takes whole turns would be silent until
then, and would hear its longest turn at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio.formats import AudioFormat

PADDING_MS = 300
"""Audio before a detected onset that belongs to the utterance."""
_LOOKBACK_MS = 1000
"""Audio kept beyond that: the detector reports an onset later than it happened."""
_STEP_MS = 30
"""Length of the places of which the quietest is looked for."""


@dataclass(frozen=True, slots=True)
class Longest:
    """How long an utterance may get, in ms."""

    soft_ms: int
    """From here on, the shortest pause ends it."""
    hard_ms: int
    """Here it is ended, in any case."""
    back_ms: int
    """How far back the quietest place may lie then."""


WHOLE_TURNS = Longest(soft_ms=4000, hard_ms=15_000, back_ms=3000)
"""For recognisers that hear an utterance when it is over."""
AS_SPOKEN = Longest(soft_ms=15_000, hard_ms=45_000, back_ms=300)
"""For those that write while they hear: what they have heard cannot be taken back."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech, in ms since the session began."""

    id: str
    start_ms: float


class SourceAudio:
    """What was appended, as far as it is needed."""

    def __init__(self, audio_format: AudioFormat) -> None:
        """Start empty."""
        self._format = audio_format
        self._buffer = bytearray()
        self._dropped = 0
        """Bytes that were appended before the buffer's first."""
        self._half_sample = b""
        self._cut_ms = 0.0
        """Where the last utterance ended."""
        self.open: Utterance | None = None

    @property
    def written_ms(self) -> float:
        """Milliseconds of audio since the session began."""
        return (self._dropped + len(self._buffer)) / self._format.bytes_per_ms

    @property
    def open_ms(self) -> float:
        """Length of the open utterance; 0: none is open."""
        return 0.0 if self.open is None else self.written_ms - self.open.start_ms

    def append(self, audio: bytes) -> bytes:
        """Write audio; half a sample at the end waits for the next. Returns what was written."""
        if self._half_sample or len(audio) % self._format.sample_bytes:
            audio = self._half_sample + audio
            whole = len(audio) - len(audio) % self._format.sample_bytes
            audio, self._half_sample = audio[:whole], audio[whole:]
        self._buffer += audio
        if self.open is None:
            self._forget(self.written_ms - PADDING_MS - _LOOKBACK_MS)
        return audio

    def begin(self, id_: str, onset_ms: float) -> bytes:
        """Open an utterance at an onset less the padding; return its audio so far."""
        first_ms = self._dropped / self._format.bytes_per_ms
        start_ms = max(onset_ms - PADDING_MS, self._cut_ms, first_ms)
        self.open = Utterance(id_, start_ms)
        return self.between(start_ms, self.written_ms)

    def end(self, end_ms: float) -> bytes:
        """Close the open utterance at an offset; return its audio."""
        assert self.open is not None
        audio = self.between(self.open.start_ms, end_ms)
        self._cut_ms, self.open = end_ms, None
        return audio

    def between(self, start_ms: float, end_ms: float) -> bytes:
        """Return the audio between two offsets, as far as it is kept."""
        return bytes(memoryview(self._buffer)[self._place(start_ms) : self._place(end_ms)])

    def quietest_ms(self, back_ms: int) -> float:
        """Return the offset of the quietest place of the last `back_ms` milliseconds."""
        start_ms = self.written_ms - back_ms
        heard = np.frombuffer(self.between(start_ms, self.written_ms), dtype="<i2")
        step = _STEP_MS * self._format.rate // 1000
        places = heard[: len(heard) // step * step].reshape(-1, step).astype(np.float64)
        if not len(places):
            return self.written_ms
        return start_ms + (int(np.argmin((places**2).sum(axis=1))) + 0.5) * _STEP_MS

    def _place(self, ms: float) -> int:
        samples = round(ms * self._format.rate / 1000)
        return max(samples * self._format.sample_bytes - self._dropped, 0)

    def _forget(self, before_ms: float) -> None:
        excess = self._place(before_ms)
        if excess > 0:
            del self._buffer[:excess]
            self._dropped += excess
