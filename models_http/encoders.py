"""From a voice's PCM to the format that a client asked for, piece by piece.

PCM and WAV are written here. The compressed formats are left to PyAV, an extra (`sound`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np

from audio.pcm import WIRE_RATE, wav
from models_http.refusals import Refusal
from settings.installation import install_extra

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: Mapping[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_OPEN_END = b"\xff\xff\xff\xff"
"""What a WAV file of unknown length has in place of its sizes."""
_AT_ONCE = {"flush_packets": "1"}
_CODED: Mapping[Format, tuple[str, str, Mapping[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", {"write_xing": "0"}),
    "opus": ("ogg", "libopus", {"page_duration": "20000"}),
    "aac": ("adts", "aac", {}),
    "flac": ("flac", "flac", {}),
}
"""Format → FFmpeg's container, its codec, and what keeps the container from holding audio back."""


class Encoder(ABC):
    """Encodes one stream of 16-bit mono PCM at 24 kHz."""

    @abstractmethod
    def push(self, pcm: bytes) -> bytes:
        """Take whole samples; return what is ready."""

    def finish(self) -> bytes:
        """Return what is left."""
        return b""


def encoder(wanted: Format) -> Encoder:
    """Return an encoder of a format.

    Raises:
        Refusal: Its library is not installed.
    """
    if wanted == "pcm":
        return _Plain()
    if wanted == "wav":
        return _Wav()
    try:
        return _Coded(*_CODED[wanted])
    except ImportError:
        raise Refusal(
            400,
            "unsupported_format",
            f"response_format '{wanted}' (mp3 where a request names none) needs PyAV, which is not "
            f"installed on the server ({install_extra('sound')}): ask for 'pcm' or 'wav'.",
            "response_format",
        ) from None


class _Plain(Encoder):
    def push(self, pcm: bytes) -> bytes:
        return pcm


class _Wav(Encoder):
    def __init__(self) -> None:
        head = wav(b"")
        self._head = head[:4] + _OPEN_END + head[8:-4] + _OPEN_END

    def push(self, pcm: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + pcm

    def finish(self) -> bytes:
        return self.push(b"")


class _Coded(Encoder):
    def __init__(self, container: str, codec: str, options: Mapping[str, str]) -> None:
        import av

        self._av = av
        self._sink = _Sink()
        self._container = av.open(
            self._sink, "w", format=container, options={**_AT_ONCE, **options}
        )
        stream: Any = self._container.add_stream(codec, rate=WIRE_RATE)
        stream.codec_context.layout = "mono"
        self._stream = stream

    def push(self, pcm: bytes) -> bytes:
        if pcm:
            samples = np.frombuffer(pcm, dtype="<i2")[None]
            frame = self._av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = WIRE_RATE
            self._container.mux(self._stream.encode(frame))
        return self._sink.taken()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.taken()


class _Sink:
    """The file that FFmpeg writes to, which cannot seek."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
