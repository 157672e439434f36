"""Decodes MP3 while it arrives: every complete frame of it becomes audio at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.error import InvalidDataError


class BadMp3Error(Exception):
    """The stream is no MP3."""


class Mp3Stream:
    """One MP3 stream as 16-bit mono PCM."""

    def __init__(self, rate: int) -> None:
        """Start a stream that is decoded to PCM at `rate` Hz."""
        self._codec = cast(AudioCodecContext, av.CodecContext.create("mp3float", "r"))
        self._resampler = av.AudioResampler("s16", "mono", rate)

    def push(self, data: bytes) -> bytes:
        """Take MP3 bytes, cut anywhere; return the PCM decoded so far.

        Raises:
            BadMp3Error: They are no MP3.
        """
        return b"".join(self._decode(data))

    def flush(self) -> bytes:
        """End the stream; return the rest of it.

        Raises:
            BadMp3Error: The rest is no MP3.
        """
        # An empty parse makes the parser release the last frame.
        rest = b"".join(self._decode(b""))
        return rest + b"".join(
            frame.to_ndarray().tobytes() for frame in self._resampler.resample(None)
        )

    def _decode(self, data: bytes) -> Iterator[bytes]:
        try:
            for packet in self._codec.parse(data):
                for frame in self._codec.decode(packet):
                    for heard in self._resampler.resample(frame):
                        yield heard.to_ndarray().tobytes()
        except InvalidDataError as error:
            raise BadMp3Error(f"it sent audio that is no MP3 ({error.strerror})") from error
