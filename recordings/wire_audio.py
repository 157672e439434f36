"""The audio of a recording as it was on the wire: cut out of its tracks, in the session's format.

A recording keeps what was said as files of samples. Who plays a session again needs the bytes of
each append and each delta: which format they had is told by the events of the server before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from audio.formats import AudioFormat
from recordings.reading import BadRecording, Recording, Row
from settings.localisation import _, system_reason

APPENDS = ("input_audio_buffer.append", "session.input_audio_buffer.append")
"""Events of a client that carry audio, in `audio`."""
DELTAS = ("response.output_audio.delta", "response.audio.delta", "session.output_audio.delta")
"""Events of a server that carry audio, in `delta`."""
_SESSIONS = ("session.created", "session.updated", "transcription_session.created")
_RATES = (None, 8000, 16_000, 24_000, 48_000)
"""Of PCM; None: it is not said."""
_BETA = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
"""Beta's names of formats → GA's."""
_BLOCK = 24_000

Samples = npt.NDArray[np.int16]


class Formats:
    """In which format audio comes, as the server's events tell it."""

    def __init__(self) -> None:
        """Begin with what a session has that names none: PCM at 24 kHz."""
        self.heard = AudioFormat()
        """Of the client."""
        self._spoken = AudioFormat()
        self._of_response: dict[str, AudioFormat] = {}

    def take(self, event: Row) -> None:
        """Take an event of the server."""
        kind = event.get("type")
        if kind in _SESSIONS or kind == "transcription_session.updated":
            session = event.get("session")
            self.heard = _named(session, "input") or self.heard
            self._spoken = _named(session, "output") or self._spoken
        elif kind == "response.created":
            response = event.get("response")
            named = _named(response, "output")
            if named is not None and isinstance(response, dict):
                self._of_response[str(response.get("id"))] = named

    def spoken(self, event: Row) -> AudioFormat:
        """Return the format of a delta's audio."""
        return self._of_response.get(str(event.get("response_id")), self._spoken)

    def ms(self, event: Row, audio: bytes) -> float:
        """Return how long the audio of an append or a delta is."""
        known = self.heard if event.get("type") in APPENDS else self.spoken(event)
        return len(audio) / known.bytes_per_ms


def _named(settings: Any, side: str) -> AudioFormat | None:
    """Return the format that a session or a response shows, in either dialect."""
    if not isinstance(settings, dict):
        return None
    if isinstance(flat := settings.get(f"{side}_audio_format"), str):
        return _read({"type": _BETA.get(flat)})
    audio = settings.get("audio")
    one = audio.get(side) if isinstance(audio, dict) else None
    return _read(one.get("format")) if isinstance(one, dict) else None


def _read(written: Any) -> AudioFormat | None:
    if not isinstance(written, dict) or written.get("type") not in _BETA.values():
        return None
    return AudioFormat.read(written) if written.get("rate") in _RATES else None


class Tracks:
    """The files of a recording's audio, read once each."""

    def __init__(self, recording: Recording) -> None:
        """Read nothing yet."""
        self._recording = recording
        self._read: dict[str, Samples] = {}
        self._half: set[str] = set()
        """Tracks of which the last append ended in the middle of a sample."""
        self.lacking: set[str] = set()
        """Files that end before the audio that they are to have: silence stands in its place."""

    def bytes(self, place: Row, size: int | None, audio_format: AudioFormat) -> bytes:
        """Return audio as it was on the wire.

        Args:
            place: Where it is (`rows.place`).
            size: How many bytes it had; None: those of its samples.
            audio_format: The format that it had.

        Raises:
            BadRecording: The track is missing, or cannot be read.
        """
        name = str(place["track"])
        samples, at = self._samples(name), int(place["at"])
        if size is None:
            size = int(place["samples"]) * audio_format.sample_bytes
        # The sample whose first half ended an append counts to those that are written with its
        # other half, and so the bytes of the next append begin in its middle.
        skip = int(name in self._half)
        count = -(-(skip + size) // audio_format.sample_bytes)
        if audio_format.sample_bytes == 2:
            self._half.discard(name)
            if (skip + size) % 2:
                self._half.add(name)
        cut = samples[at : at + count]
        if len(cut) < min(count, int(place["samples"])):
            self.lacking.add(name)
        pcm = np.pad(cut, (0, count - len(cut))).astype("<i2").tobytes()
        return audio_format.encode(pcm)[skip : skip + size]

    def _samples(self, name: str) -> Samples:
        if name not in self._read:
            path = self._recording.track(Path(name).name)
            with opened(path) as file:
                self._read[name] = whole(file)
        return self._read[name]


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a track.

    Raises:
        BadRecording: It is not there, or is no audio.
    """
    if not path.exists():
        raise BadRecording(
            _("{path}: is not there; the audio of the recording is in it").format(path=path)
        )
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        told = _("{path}: cannot be read as audio: {error}")
        raise BadRecording(told.format(path=path, error=error.error_string)) from None
    except OSError as error:
        raise BadRecording(f"{path}: {system_reason(error)}") from None


def whole(file: soundfile.SoundFile) -> Samples:
    """Return all that a file has; one that was cut off ends where it breaks."""
    blocks: list[Samples] = []
    try:
        while len(block := file.read(_BLOCK, dtype="int16", always_2d=True)):
            blocks.append(block[:, 0])
    except soundfile.SoundFileError:
        # The server was killed in the middle of a frame.
        pass
    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
