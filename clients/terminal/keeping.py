"""Keeps a conversation in files, as it goes: what was said as Markdown, what was heard as WAV.

A crash must not cost more than the last second. So the text is replaced as a whole whenever it has
changed, and the sound is written as soon as nothing can be added to it any more; both on threads of
their own, because neither a sound card nor a screen waits for a disk.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import wave
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from clients.terminal.timeline import Timeline
from clients.terminal.transcript import Transcript
from clients.terminal.written import markdown

PAUSE_S = 0.5
"""Seconds between two writes."""
OPEN_S = 1.5
"""Seconds in which sound may still be added, or taken back: more than any device's latency."""
AT_ONCE = 10 * WIRE_RATE
"""Samples in one write, after a computer has slept for a night."""
LONGEST_WAV = 2**32 - 2**16
"""Bytes that a WAV file can hold."""
ENDINGS = (".md", ".wav")


class SoundFile:
    """Both sides of a conversation as stereo WAV, the user on the left, in the time it took."""

    def __init__(self, file: wave.Wave_write, clock: Callable[[], float]) -> None:
        """Write to a file that has no header yet, from this moment on."""
        self.error: OSError | None = None
        """The error that kept the file from being completed."""
        self._clock, self._file = clock, file
        began = clock()
        self._lines = Timeline(WIRE_RATE, began), Timeline(WIRE_RATE, began)
        self._sides: tuple[_Side, _Side] = ([], [])
        self._written = 0  # samples of each side that are in the file
        self._lock = threading.Lock()  # guards the lines and sides
        file.setnchannels(2)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(WIRE_RATE)
        file.writeframes(b"")

    def said(self, pcm: bytes) -> None:
        """Add what the user has just said."""
        self._add(0, pcm, self._clock() - len(pcm) / BYTES_PER_SAMPLE / WIRE_RATE)

    def played(self, pcm: bytes, at: float) -> None:
        """Add what is played from `at` on."""
        self._add(1, pcm, at)

    def stopped(self, at: float) -> None:
        """Take back what was to be played after `at`."""
        with self._lock:
            line, side = self._lines[1], self._sides[1]
            line.break_off()
            end = line.at(at)
            side[:] = [(start, block[: max(0, end - start)]) for start, block in side]

    def write(self, everything: bool = False) -> None:
        """Write what can no longer change, or everything."""
        with self._lock:
            until = self._lines[0].at(self._clock() - OPEN_S)
            if everything:
                ends = [start + len(block) for side in self._sides for start, block in side]
                until = max(ends, default=0)
        while self.error is None and self._written < until:
            self._write_until(min(until, self._written + AT_ONCE))

    def _write_until(self, position: int) -> None:
        stereo = np.zeros((position - self._written, 2), dtype="<i2")
        with self._lock:
            for channel, side in enumerate(self._sides):
                _take(side, self._written, stereo[:, channel])
        self._written = position
        try:
            if position * 2 * BYTES_PER_SAMPLE > LONGEST_WAV:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            self._file.writeframes(stereo.tobytes())  # it seeks, and so flushes
        except OSError as error:
            self.error = error

    def close(self) -> None:
        """Complete the file."""
        self.write(everything=True)

    def _add(self, channel: int, pcm: bytes, at: float) -> None:
        block = np.frombuffer(pcm, dtype="<i2")
        with self._lock:
            start = self._lines[channel].place(len(block), at)
            if block.any():
                self._sides[channel].append((start, block))


_Side = list[tuple[int, NDArray[np.int16]]]
"""Blocks that are not yet written, and their positions."""


def _take(side: _Side, begin: int, into: NDArray[np.int16]) -> None:
    """Move what lies from `begin` on into an array; what does not fit stays."""
    left: _Side = []
    for start, block in side:
        late = max(0, begin - start)  # its place is written already
        start, block = start + late, block[late:]
        offset = start - begin
        fits = max(0, len(into) - offset)
        into[offset : offset + len(block[:fits])] = block[:fits]
        if len(block) > fits:
            left.append((start + fits, block[fits:]))
    side[:] = left


class KeptConversation:
    """The two files of a conversation."""

    @classmethod
    def create(
        cls, path: str | Path, clock: Callable[[], float] = time.perf_counter
    ) -> KeptConversation:
        """Create both files under a name that is free: `talk`, else `talk-2` and so on.

        Args:
            path: Name with or without one of `ENDINGS`.
            clock: Tells the seconds that `played` and `stopped` are told.

        Raises:
            OSError: They cannot be written.
        """
        wanted = Path(path)
        if wanted.suffix.lower() in ENDINGS:
            wanted = wanted.with_suffix("")
        number = 1
        while True:
            name = wanted.name if number == 1 else f"{wanted.name}-{number}"
            text, sound = (wanted.with_name(name + ending) for ending in ENDINGS)
            number += 1
            if text.exists() or sound.exists():
                continue
            text.open("x").close()
            try:
                return cls(text, sound, clock)
            except OSError:
                text.unlink()
                raise

    def __init__(self, text_path: Path, sound_path: Path, clock: Callable[[], float]) -> None:
        """Keep a conversation in these files; `begin` says which."""
        self.text_path, self.sound_path = text_path, sound_path
        self._error: OSError | None = None
        self._disk = sound_path.open("xb")
        self._file = wave.open(self._disk, "wb")  # noqa: SIM115
        self.sound = SoundFile(self._file, clock)
        self._disk.flush()
        self._render: Callable[[], str] = str
        self._changed, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def error(self) -> OSError | None:
        """The error that kept a file from being completed."""
        return self._error or self.sound.error

    def begin(self, transcript: Transcript, about: Callable[[], Iterable[str]]) -> None:
        """Keep this conversation; `about` tells which it is."""
        self._render = lambda: markdown(transcript, about()) if transcript.begun else ""
        transcript.on_change = self._changed.set
        self._changed.set()
        self._thread.start()

    def close(self) -> None:
        """Complete the files; if nothing was said, there are none."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.error is None and not self._render():
            self.text_path.unlink()
            self.sound_path.unlink()

    def _run(self) -> None:
        while not self._closing.wait(PAUSE_S):
            self.sound.write()
            self._write_text()
        self.sound.close()
        self._write_text()
        try:
            self._file.close()
            self._disk.close()
        except OSError as error:
            self._error = self._error or error

    def _write_text(self) -> None:
        if not self._changed.is_set():
            return
        self._changed.clear()
        whole = self.text_path.with_name(self.text_path.name + ".part")
        try:
            whole.write_text(self._render(), encoding="utf-8")
            whole.replace(self.text_path)
            self._error = None
        except OSError as error:
            self._error = error
            self._changed.set()  # to be tried again: an editor may have it open
