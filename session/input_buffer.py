"""The input side of a session: the audio buffer and the open turn.

A pure state machine (idle → speaking → committed) that is driven by samples written, not by a
clock. Offsets are milliseconds of audio written since the session began; neither commit nor clear
resets them (§E).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from audio.formats import AudioFormat, convert
from flow.steps import Steps
from wire.errors import ProtocolError

LOOKBACK_MS = 1000
"""Audio kept beyond the prefix padding: the detector reports an onset later than it happened."""
MIN_COMMIT_MS = 100
WINDOW_MS = 32
"""The grid on which offsets are announced (§E)."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn in progress: the id of its item and the offset of its start."""

    item_id: str
    start_ms: int
    heard_ms: float | None = None
    """How far turn detection heard it before it was switched off; None: it still listens to the
    turn, or never did."""


@dataclass(frozen=True, slots=True)
class ClosedTurn:
    """A committed turn: the id of its item and exactly its audio, in the input format."""

    item_id: str
    audio: bytes
    start_ms: int
    """The offset of its start."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Audio that is kept although no turn is open: the last turn may go on."""

    start_ms: int
    until_ms: float
    """Up to how much audio written it is kept."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """What was appended while the client committed turns, and was taken back out of the buffer."""

    start_ms: float
    """The offset of its start."""
    audio: bytearray
    """In the input format, perhaps with half a sample at the end."""
    dropped: OpenTurn | None
    """The turn that the client had begun by it; its id was never announced."""


class InputBuffer:
    """The input audio buffer, cut into turns."""

    def __init__(self, mint_item_id: Callable[[], str]) -> None:
        """Start empty.

        Args:
            mint_item_id: Makes the id of the next user item.
        """
        self._mint = mint_item_id
        self._buffer = bytearray()
        self._format = AudioFormat()
        self._epoch_ms = 0.0  # `written_ms` when the format last changed
        self._base = 0  # position of the buffer's first byte, in bytes written since then
        self._half_sample = b""
        self._padding_ms: int | None = None
        self._closed_ms = 0.0  # where the last turn ended
        self._kept: _Kept | None = None
        self.open: OpenTurn | None = None

    @property
    def written_ms(self) -> float:
        """Milliseconds of audio written since the session began."""
        return self._epoch_ms + (self._base + len(self._buffer)) / self._format.bytes_per_ms

    @property
    def format(self) -> AudioFormat:
        """Format of the audio that the client appends."""
        return self._format

    def set_format(self, audio_format: AudioFormat) -> Steps[None]:
        """Expect another format from the next append on, and convert the buffer (§F.5.14)."""
        if audio_format == self._format:
            return
        end_ms = self.written_ms
        converted = yield from convert(bytes(self._buffer), self._format, audio_format)
        self._buffer = bytearray(converted)
        self._format = audio_format
        self._half_sample = b""
        self._epoch_ms, self._base = end_ms, -len(self._buffer)

    def set_mode(self, padding_ms: int | None) -> Unheard | None:
        """Switch between detected turns and manual ones, or change the padding (§A.1).

        A turn that was detected stays open through any switch.

        Args:
            padding_ms: Prefix padding of detected turns; None: the client commits turns.

        Returns:
            Once turns are detected again, the audio to append again, so that they are detected in
            it; None if that is not what changed.
        """
        before, self._padding_ms = self._padding_ms, padding_ms
        if before is None and padding_ms is not None:
            return self._take_back()
        if before is not None and padding_ms is None:
            self._hand_over(before)
        return None

    def _hand_over(self, padding_ms: int) -> None:
        """Leave the open turn to the client; without one, keep what the next turn begins with."""
        if self.open is not None:
            self.open = replace(self.open, heard_ms=self.written_ms)
            return
        # Whoever presses the key a moment late has begun to speak: the switch is an onset.
        kept = min(
            padding_ms * self._format.bytes_per_ms,
            len(self._buffer) - self._index(self._closed_ms),
        )
        self._forget_all_but(max(kept, 0))

    def _take_back(self) -> Unheard:
        """Take what turn detection has not heard out of the buffer."""
        turn = self.open
        if turn is None or turn.heard_ms is None:
            start_ms, dropped, self.open = self._start_ms, turn, None
            # The whole buffer may be large: it isn't copied.
            audio, self._buffer = self._buffer, bytearray()
        else:
            # Windows of the detector begin on its grid.
            start_ms, dropped = turn.heard_ms // WINDOW_MS * WINDOW_MS, None
            self.open = replace(turn, heard_ms=None)
            start = self._index(start_ms)
            audio = self._buffer[start:]
            del self._buffer[start:]
        audio += self._half_sample
        self._half_sample = b""
        return Unheard(start_ms, audio, dropped)

    def append(self, audio: bytes) -> tuple[bytes, OpenTurn | None]:
        """Write audio; half a sample at the end waits for the next append.

        Returns:
            The whole samples written, and the manual turn that they opened, if any.
        """
        if self._half_sample or len(audio) % self._format.sample_bytes:
            audio = self._half_sample + audio
            whole = len(audio) - len(audio) % self._format.sample_bytes
            audio, self._half_sample = audio[:whole], audio[whole:]
        opened = None
        if self._padding_ms is None and self.open is None and audio:
            opened = self.open = OpenTurn(self._mint(), int(self._start_ms))
        self._buffer += audio
        if self._padding_ms is not None and self.open is None:
            self._forget_old(self._padding_ms)
        return audio, opened

    def keep(self, start_ms: int, until_ms: float) -> None:
        """Keep the audio from `start_ms` on, up to an onset at `until_ms`: see `go_back`."""
        self._kept = _Kept(start_ms, until_ms + LOOKBACK_MS)

    def holds(self, start_ms: int) -> bool:
        """Return whether all audio from an offset on is still buffered."""
        return self._start_ms < start_ms + 1

    def go_back(self, start_ms: int) -> OpenTurn:
        """Let the open turn begin at an offset from which on the buffer `holds` the audio."""
        assert self.open is not None
        self.open = replace(self.open, start_ms=start_ms)
        return self.open

    def speech_started(self, onset_ms: int) -> OpenTurn:
        """Open a turn at a detected onset less the prefix padding, not below 0 (§E)."""
        assert self._padding_ms is not None
        start_ms = max(0, onset_ms - self._padding_ms, math.ceil(self._start_ms))
        self.open = OpenTurn(self._mint(), start_ms)
        return self.open

    @property
    def open_ms(self) -> float:
        """Length of the open turn up to now; 0 without one."""
        return self.written_ms - self.open.start_ms if self.open is not None else 0.0

    def heard_so_far(self) -> bytes:
        """Return the audio of the open turn up to now."""
        assert self.open is not None
        return bytes(memoryview(self._buffer)[self._index(self.open.start_ms) :])

    def heard_until(self, end_ms: int, last_ms: int) -> bytes:
        """Return the audio of the open turn up to an offset: its last `last_ms` milliseconds."""
        assert self.open is not None
        return self._cut(max(self.open.start_ms, end_ms - last_ms), end_ms)

    def speech_stopped(self, end_ms: int) -> ClosedTurn:
        """Close the open turn at `end_ms`, the end of the trailing silence."""
        assert self.open is not None
        turn = self.between(self.open.item_id, self.open.start_ms, end_ms)
        self.open, self._closed_ms = None, end_ms
        return turn

    def between(self, item_id: str, start_ms: int, end_ms: int) -> ClosedTurn:
        """Return a turn of the audio between two offsets, as far as that is still buffered."""
        return ClosedTurn(item_id, self._cut(start_ms, end_ms), start_ms)

    def forget_first_half(self) -> OpenTurn:
        """Forget the first half of the open turn, which begins later by that; returns it."""
        assert self.open is not None
        start_ms = int(self.open.start_ms + self.open_ms / 2)
        self.open = replace(self.open, start_ms=start_ms)
        self._forget_all_but(len(self._buffer) - self._index(start_ms))
        return self.open

    def commit(self) -> ClosedTurn:
        """Close the open turn at the end of the audio, as the client commits it (§A.3).

        Raises:
            ProtocolError: It is shorter than 100 ms, or no turn is open.
        """
        heard = self.heard_so_far() if self.open else b""
        length_ms = len(heard) / self._format.bytes_per_ms
        if self.open is None or length_ms < MIN_COMMIT_MS:
            raise ProtocolError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"100ms of audio, but buffer only has {length_ms:.2f}ms of audio.",
            )
        turn = ClosedTurn(self.open.item_id, heard, self.open.start_ms)
        self.open, self._closed_ms = None, self.written_ms
        if self._padding_ms is None:
            self._forget_all_but(0)
        return turn

    def clear(self) -> OpenTurn | None:
        """Drop all uncommitted audio (§A.4).

        Returns:
            The open turn that was dropped, if any.
        """
        abandoned, self.open = self.open, None
        self._base += len(self._buffer)
        self._buffer.clear()
        self._half_sample = b""
        return abandoned

    def _cut(self, start_ms: int, end_ms: int) -> bytes:
        return bytes(memoryview(self._buffer)[self._index(start_ms) : self._index(end_ms)])

    @property
    def _start_ms(self) -> float:
        """The offset of the buffer's first sample."""
        return self._epoch_ms + self._base / self._format.bytes_per_ms

    def _index(self, ms: float) -> int:
        """Return the byte index in the buffer of the sample at the offset `ms`."""
        size = self._format.sample_bytes
        samples = round((ms - self._epoch_ms) * self._format.rate / 1000)
        return max(samples * size - self._base, 0)

    def _forget_old(self, padding_ms: int) -> None:
        """Drop what no turn can begin with any more."""
        length = (padding_ms + LOOKBACK_MS) * self._format.bytes_per_ms
        kept = self._kept
        if kept is not None and self.written_ms > kept.until_ms:
            self._kept = kept = None
        if kept is not None:
            length = max(length, len(self._buffer) - self._index(kept.start_ms))
        self._forget_all_but(length)

    def _forget_all_but(self, length: int) -> None:
        """Drop all but the last `length` bytes."""
        excess = len(self._buffer) - length
        if excess > 0:
            del self._buffer[:excess]
            self._base += excess
