"""The audio of a recording: a file for each side, and for each rate that a side has used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from audio.formats import AudioFormat
from serving.recording.rows import place

Side = Literal["user", "assistant"]
OWNER_ALONE = 0o600
"""Mode of every file of a recording."""


def load_library() -> None:
    """Load libsndfile, which servers that record need, and no others."""
    import soundfile  # noqa: F401


class _Sound(Protocol):
    """What is used of `soundfile.SoundFile`."""

    def write(self, data: Any) -> None: ...

    def close(self) -> None: ...


class _Track:
    """One file of audio."""

    def __init__(self, path: Path, name: str, rate: int) -> None:
        """Create it; raises `OSError`."""
        import soundfile

        self.name = name
        self.rate = rate
        self.samples = 0
        """How many it has, those that wait among them."""
        self._waiting: list[bytes] = []
        self._soundfile = soundfile
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        try:
            # libsndfile closes what it is given; its size is asked for by the other one.
            own = os.dup(self._descriptor)
            form = path.suffix.removeprefix(".").upper()
            self._file: _Sound = soundfile.SoundFile(
                own, "w", rate, 1, "PCM_16", format=form, closefd=True
            )
        except soundfile.SoundFileError as error:
            os.close(self._descriptor)
            raise OSError(f"{path.name}: {error}") from None

    def append(self, pcm: bytes) -> None:
        """Add 16-bit samples to what waits to be written."""
        # A call of the library costs as much as some 40 ms of audio do.
        self._waiting.append(pcm)
        self.samples += len(pcm) // 2

    def flush(self) -> None:
        """Write what waits; raises `OSError`."""
        if not self._waiting:
            return
        pcm = b"".join(self._waiting)
        self._waiting.clear()
        try:
            self._file.write(np.frombuffer(pcm, "<i2"))
        # The library asserts that all was written, which is not so on a full disk.
        except (self._soundfile.SoundFileError, AssertionError):
            # It does not say more than "System error".
            raise OSError(f"{self.name} cannot be written (is the disk full?)") from None

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Finish the file; raises `OSError`."""
        try:
            self._file.close()
        except self._soundfile.SoundFileError as error:
            raise OSError(f"{self.name} cannot be finished: {error}") from None
        finally:
            os.close(self._descriptor)


class Tracks:
    """All audio of a recording."""

    def __init__(self, stem: Path, form: Literal["flac", "wav"]) -> None:
        """Begin without files: a side that is silent has none.

        Args:
            stem: The path with which the names of all files of the recording begin.
            form: How audio is written.
        """
        self._stem = stem
        self._form = form
        self._open: dict[Side, _Track] = {}
        self._all: list[_Track] = []
        self._odd: dict[Side, bytes] = {}
        """The first half of a sample whose other half has yet to come."""

    def append(self, side: Side, audio: bytes, audio_format: AudioFormat) -> dict[str, Any]:
        """Put audio behind what a side has said before, to be written by `flush`.

        Args:
            side: Whose it is.
            audio: The audio as it was on the wire.
            audio_format: The format that it has there.

        Returns:
            Where it is, for a line of the recording.

        Raises:
            OSError: Its file cannot be created.
        """
        track = self._track(side, audio_format.rate)
        pcm = self._odd.pop(side, b"") + audio_format.decode(audio)
        if len(pcm) % 2:
            self._odd[side], pcm = pcm[-1:], pcm[:-1]
        at = track.samples
        track.append(pcm)
        return place(track.name, at, track.samples - at)

    def _track(self, side: Side, rate: int) -> _Track:
        track = self._open.get(side)
        if track is not None and track.rate == rate:
            return track
        number = sum(other.name.startswith(side) for other in self._all) + 1
        name = f"{side}{'' if number == 1 else f'-{number}'}.{self._form}"
        track = _Track(self._stem.with_name(f"{self._stem.name}.{name}"), name, rate)
        self._odd.pop(side, None)
        self._open[side] = track
        self._all.append(track)
        return track

    def flush(self) -> None:
        """Write what was put behind all tracks; raises `OSError`."""
        for track in self._all:
            track.flush()

    @property
    def size(self) -> int:
        """Bytes of all files so far."""
        return sum(track.size for track in self._all)

    def close(self) -> None:
        """Finish all files; raises the first `OSError`, when all are closed."""
        failed: OSError | None = None
        for track in self._all:
            try:
                track.close()
            except OSError as error:
                failed = failed or error
        self._all.clear()
        self._open.clear()
        if failed is not None:
            raise failed
