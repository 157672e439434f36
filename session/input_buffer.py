"""The input side of a session: the audio buffer and the turn that is being spoken.

A pure state machine: idle → speaking → committed, driven by samples written, never by a clock.
Offsets are milliseconds of audio written since the session began; neither commit nor clear
resets them (§E).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from audio.formats import AudioFormat, convert
from flow.steps import Steps
from wire.errors import ProtocolError

LOOKBACK_MS = 1000
"""Audio kept beyond the prefix padding, for the time the detector takes to make up its mind."""
MIN_COMMIT_MS = 100


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn in progress: its item's id, and where it starts."""

    item_id: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class ClosedTurn:
    """A committed turn: the item's id and exactly its audio."""

    item_id: str
    audio: bytes


class InputTurns:
    """Holds what the client appended and cuts it into turns."""

    def __init__(self, mint_item_id: Callable[[], str]) -> None:
        """Start empty.

        Args:
            mint_item_id: Makes the id of the next user item.
        """
        self._mint = mint_item_id
        self._buffer = bytearray()
        self._format = AudioFormat()
        self._epoch_ms = 0.0  # written when the format was last changed
        self._base = 0  # bytes written since then before the first one in the buffer
        self._half_sample = b""
        self._padding_ms: int | None = None
        self.open: OpenTurn | None = None

    @property
    def written_ms(self) -> float:
        """Milliseconds of audio written since the session began."""
        return self._epoch_ms + (self._base + len(self._buffer)) / self._format.bytes_per_ms

    @property
    def format(self) -> AudioFormat:
        """What the client writes."""
        return self._format

    def set_format(self, audio_format: AudioFormat) -> Steps[None]:
        """Take another format from the next append on; what is buffered is converted (§F.5.14)."""
        if audio_format == self._format:
            return
        end_ms = self.written_ms
        converted = yield from convert(bytes(self._buffer), self._format, audio_format)
        self._buffer = bytearray(converted)
        self._format = audio_format
        self._half_sample = b""
        self._epoch_ms, self._base = end_ms, -len(self._buffer)

    def set_mode(self, padding_ms: int | None) -> OpenTurn | None:
        """Switch between detected turns (with this prefix padding) and manual ones (None).

        Returns:
            The turn that the switch abandoned, if one was open.
        """
        if (self._padding_ms is None) == (padding_ms is None):
            self._padding_ms = padding_ms
            return None
        self._padding_ms = padding_ms
        return self.clear()

    def append(self, audio: bytes) -> tuple[bytes, OpenTurn | None]:
        """Write audio.

        A byte that is half a sample waits for its other half.

        Returns:
            The whole samples written, and the manual turn that they open, if any.
        """
        if self._half_sample or len(audio) % self._format.sample_bytes:
            audio = self._half_sample + audio
            whole = len(audio) - len(audio) % self._format.sample_bytes
            audio, self._half_sample = audio[:whole], audio[whole:]
        opened = None
        if self._padding_ms is None and self.open is None and audio:
            opened = self.open = OpenTurn(self._mint(), int(self.written_ms))
        self._buffer += audio
        if self._padding_ms is not None and self.open is None:
            self._forget_all_but(self._padding_ms + LOOKBACK_MS)
        return audio, opened

    @property
    def buffered_ms(self) -> float:
        """Milliseconds of audio that wait to be committed."""
        return self.written_ms - self.open.start_ms if self.open is not None else 0.0

    def speech_started(self, onset_ms: int) -> OpenTurn:
        """Open a turn at a detected onset, back-dated by the padding, not below 0 (§E)."""
        assert self._padding_ms is not None
        buffered_ms = math.ceil(self._epoch_ms + self._base / self._format.bytes_per_ms)
        start_ms = max(0, onset_ms - self._padding_ms, buffered_ms)
        self.open = OpenTurn(self._mint(), start_ms)
        return self.open

    @property
    def open_ms(self) -> float:
        """Length of the open turn up to now; 0 without one."""
        return self.written_ms - self.open.start_ms if self.open is not None else 0.0

    def heard_so_far(self, last_ms: int | None = None) -> bytes:
        """Audio of the open turn up to now, or only the end of it."""
        assert self.open is not None
        start = self._index(self.open.start_ms)
        if last_ms is not None:
            start = max(start, len(self._buffer) - last_ms * self._format.bytes_per_ms)
        return bytes(memoryview(self._buffer)[start:])

    def speech_stopped(self, end_ms: int) -> ClosedTurn:
        """Close the open turn at `end_ms`, the end of the trailing silence."""
        assert self.open is not None
        turn = ClosedTurn(self.open.item_id, self._cut(self.open.start_ms, end_ms))
        self.open = None
        return turn

    def silence(self, start_ms: int, end_ms: int) -> bytes:
        """Return a stretch in which nobody spoke, as far as it is still held."""
        return self._cut(start_ms, end_ms)

    def commit(self) -> ClosedTurn:
        """Close the turn where the audio ends, on the client's word (§A.3).

        Raises:
            ProtocolError: Less than 100 ms of it.
        """
        heard = self.heard_so_far() if self.open else b""
        length_ms = len(heard) / self._format.bytes_per_ms
        if self.open is None or length_ms < MIN_COMMIT_MS:
            raise ProtocolError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"100ms of audio, but buffer only has {length_ms:.2f}ms of audio.",
            )
        end = self._base + len(self._buffer)
        turn = ClosedTurn(self.open.item_id, heard)
        self.open = None
        if self._padding_ms is None:
            self._base = end
            self._buffer.clear()
        return turn

    def clear(self) -> OpenTurn | None:
        """Drop all uncommitted audio (§A.4).

        Returns:
            The turn that this abandoned, if one was open.
        """
        abandoned, self.open = self.open, None
        self._base += len(self._buffer)
        self._buffer.clear()
        self._half_sample = b""
        return abandoned

    def _cut(self, start_ms: int, end_ms: int) -> bytes:
        return bytes(memoryview(self._buffer)[self._index(start_ms) : self._index(end_ms)])

    def _index(self, ms: int) -> int:
        """Return where in the buffer the sample at `ms` is."""
        size = self._format.sample_bytes
        samples = round((ms - self._epoch_ms) * self._format.rate / 1000)
        return max(samples * size - self._base, 0)

    def _forget_all_but(self, keep_ms: int) -> None:
        excess = len(self._buffer) - keep_ms * self._format.bytes_per_ms
        if excess > 0:
            del self._buffer[:excess]
            self._base += excess
