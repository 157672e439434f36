"""Writes the recording of one session, in the thread that writes them all.

Whatever cannot be written raises `OSError`; the caller then gives the recording up, and the session
goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Literal

import pybase64
from pydantic_core import to_json

from serving.recording import client_frames, rows
from serving.recording.folder import LINES, lock
from serving.recording.hiding import KnownKeys, without_secrets, without_words
from serving.recording.notes import (
    About,
    Appended,
    Came,
    Closed,
    InputFormat,
    Note,
    Overflowed,
    Sent,
    Silenced,
    Spoken,
    TurnOver,
)
from serving.recording.tracks import OWNER_ALONE, Side, Tracks
from wire.strict_json import read_json


class TooLarge(OSError):
    """The recording has as many bytes as it may have."""


class TooSlow(OSError):
    """The disk takes less than sessions make."""


class SessionFile:
    """The files of one recording."""

    def __init__(
        self,
        folder: Path,
        about: About,
        keys: KnownKeys,
        *,
        redact: bool,
        form: Literal["flac", "wav"],
        most_bytes: float,
    ) -> None:
        """Create the file, and write its first line.

        Args:
            folder: Where.
            about: What is recorded.
            keys: What must not stand in any line.
            redact: Whether to leave out what is said.
            form: The file format of its audio.
            most_bytes: Bytes that the recording may have.

        Raises:
            OSError: It cannot be written.
        """
        self._keys = keys
        self._redact = redact
        self._most_bytes = most_bytes
        self._input_format = about.input_format
        self._run: list[Appended] = []
        """Appends that came one after the other, and are not written yet."""
        self.stem, self._file = _created(folder, about)
        lock(self._file)
        self._tracks = None if redact else Tracks(self.stem, form)
        self._bytes = 0
        self._ms = 0.0
        try:
            self._write(self._keys.hidden(rows.header(about.header)))
        except OSError:
            # A file without a first line is no recording.
            self._file.close()
            self.stem.with_name(self.stem.name + LINES).unlink(missing_ok=True)
            raise

    def take(self, notes: Iterable[Note]) -> bool:
        """Write what a session has noted.

        Returns:
            Whether it goes on; else the recording is complete.

        Raises:
            OSError: It cannot be written.
        """
        lines: list[bytes] = []
        ended = False
        for note in notes:
            if isinstance(note, Appended):
                self._run.append(note)
                continue
            self._end_run(lines)
            match note:
                case InputFormat(audio_format):
                    self._input_format = audio_format
                case Overflowed():
                    raise TooSlow("the disk takes less than the sessions make")
                case Closed(ms, reason):
                    lines.append(rows.end(ms, reason))
                    ended = True
                case _:
                    lines.append(self._line(note))
            if not isinstance(note, InputFormat):
                self._ms = note.ms
        self._end_run(lines)
        if self._tracks is not None:
            self._tracks.flush()
        self._write(b"".join(self._keys.hidden(line) for line in lines))
        if ended:
            self._close()
        return not ended

    def give_up(self, why: str) -> None:
        """Note, if that is possible, that the rest is missing, and close."""
        # What fails here is why the recording is given up.
        with suppress(OSError):
            # A part of a line may stand there, where the disk was full.
            self._file.truncate(self._bytes)
            self._file.seek(self._bytes)
            self._file.write(rows.end(self._ms, None, why))
        with suppress(OSError):
            self._close()

    def _line(self, note: Came | Sent | Spoken | TurnOver | Silenced) -> bytes:
        match note:
            case Came(ms, raw):
                written = (
                    client_frames.written(raw, redact=self._redact) if raw is not None else None
                )
                if written is None:
                    return rows.unread(ms, client_frames.unread(raw, redact=self._redact))
                return rows.event(ms, "client", written)
            case Sent(ms, written):
                return rows.event(ms, "server", self._event(written))
            case Spoken(ms, written, audio, audio_format):
                if isinstance(audio, str):
                    audio = pybase64.b64decode(audio)
                placed = self._placed("assistant", audio, audio_format)
                return rows.event(ms, "server", self._event(written), placed)
            case TurnOver(ms, turn):
                return rows.stages(ms, turn)
            case Silenced(ms):
                return rows.silenced(ms)

    def _event(self, written: bytes) -> bytes:
        """Return an event of the server without what is not to be recorded."""
        # Only the URLs of MCP servers, which are rare, need to be looked for.
        if not self._redact and b'_url"' not in written:
            return written
        told = without_secrets(read_json(written.decode()))
        return to_json(without_words(told) if self._redact else told)

    def _end_run(self, lines: list[bytes]) -> None:
        if not self._run:
            return
        run, self._run = self._run, []
        placed = self._placed(
            "user", b"".join([one.audio.audio for one in run]), self._input_format
        )
        pieces = [(ms, len(audio), event_id) for ms, (audio, event_id) in run]
        lines.append(rows.appended(pieces, placed))
        self._ms = run[-1].ms

    def _placed(self, side: Side, audio: bytes, audio_format: Any) -> dict[str, Any]:
        if self._tracks is None:
            return rows.place(None, 0, len(audio) // audio_format.sample_bytes)
        return self._tracks.append(side, audio, audio_format)

    def _write(self, text: bytes) -> None:
        if not os.fstat(self._file.fileno()).st_nlink:
            raise FileNotFoundError(f"{self.stem.name}{LINES} was deleted")
        left = memoryview(text)
        while left:
            left = left[self._file.write(left) :]
        self._bytes += len(text)
        size = self._bytes + (self._tracks.size if self._tracks is not None else 0)
        if size > self._most_bytes:
            raise TooLarge(f"it has {size / 2**20:.0f} MiB (recording.max_mib)")

    def _close(self) -> None:
        try:
            if self._tracks is not None:
                self._tracks.close()
        finally:
            self._file.close()


def _created(folder: Path, about: About) -> tuple[Path, FileIO]:
    """Return a path that no other recording's begin with, and the file of its lines."""
    began = datetime.fromtimestamp(about.began, UTC)
    name = f"{began:%Y%m%dT%H%M%S}-{re.sub(r'[^0-9A-Za-z_-]', '_', about.session_id)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):
        stem = folder / (name + suffix)
        try:
            descriptor = os.open(stem.with_name(stem.name + LINES), flags, OWNER_ALONE)
        except FileExistsError:
            # A session that goes on elsewhere and comes back within a second (§D.10).
            continue
        return stem, FileIO(descriptor, "w")
    raise FileExistsError(f"{name}{LINES} and 98 others of that name are there already")
