"""From a sound file to what a recogniser takes: 16-bit mono PCM at 16 kHz.

WAV is read here. The other formats of OpenAI's endpoint are left to PyAV, an extra (`sound`), which
is told the format by the file's first bytes: left to guess, FFmpeg would also read playlists, which
name files and addresses.

A file may say anything of itself: at a rate of 1 Hz, each of its samples would become 16,000. So
its rate and its length are judged before it is resampled, which is done in pieces of seconds.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator

import numpy as np

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, Resampler
from models_http.refusals import Refusal
from settings.installation import install_extra

LEAST_RATE, MOST_RATE = 1000, 384_000
"""Hz of sound that is read: below is no speech, and no recorder has more."""
_PIECE_FRAMES = 1 << 17
_PIECE_S = 8
"""Most of a WAV file that is read at a time, in samples and in seconds."""
_MP3_HEADS = (0xFB, 0xF3, 0xF2, 0xFA)
_AAC_HEADS = (0xF1, 0xF9)


def format_of(head: bytes) -> str | None:
    """Return the format of a file as FFmpeg calls it, by its first 16 bytes; None: none of ours."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mov"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] and head[1] in _MP3_HEADS):
        return "mp3"
    if head[:1] == b"\xff" and head[1:2] and head[1] in _AAC_HEADS:
        return "aac"
    return None


class Stopped(Exception):
    """Nobody waits for the sound any more."""


def read_sound(
    file: bytes, longest_s: float, is_stopped: Callable[[], bool] = lambda: False
) -> bytes:
    """Return the sound in a file as 16-bit mono PCM at 16 kHz. It takes a while: use a thread.

    Args:
        file: The file's content.
        longest_s: Seconds of audio that it may have.
        is_stopped: Asked now and then whether to stop.

    Raises:
        Refusal: It is none that can be read, or too long.
        Stopped: It was stopped.
    """
    kind = format_of(file[:16])
    if kind is None:
        raise _unreadable("it is no WAV, FLAC, MP3, MP4, AAC, Ogg or WebM file")
    bounds = _Bounds(longest_s)
    pcm = bytearray()
    try:
        for piece in _wav(file, bounds) if kind == "wav" else _by_ffmpeg(file, kind, bounds):
            if is_stopped():
                raise Stopped
            pcm += piece
    except (Refusal, Stopped):
        raise
    # Damaged files make the libraries fail in ways that nobody lists.
    except Exception as error:
        reason = str(error) if isinstance(error, wave.Error) else type(error).__name__
        raise _unreadable(f"it is damaged, or no sound {kind} file ({reason})") from error
    if not pcm:
        raise _unreadable("there is no sound in it")
    return bytes(pcm)


class _Bounds:
    """What sound may be, whatever a file says of itself."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._taken_s = 0.0

    def check(self, rate: int, seconds: float = 0.0) -> None:
        """Refuse sound of a rate that is none, or of too many seconds."""
        if not LEAST_RATE <= rate <= MOST_RATE:
            raise _unreadable(
                f"its rate is {rate} Hz, and {LEAST_RATE} to {MOST_RATE} are read; 16000 are best"
            )
        if seconds > self._longest_s:
            raise Refusal(
                400,
                "audio_too_long",
                f"The file has more than {self._longest_s / 60:g} minutes of audio "
                "(model_server.audio_minutes): cut it into several.",
                "file",
            )

    def take(self, samples: int, rate: int) -> None:
        """Take the next samples of each channel, before they are resampled."""
        self.check(rate)
        self._taken_s += samples / rate
        self.check(rate, self._taken_s)


def _wav(file: bytes, bounds: _Bounds) -> Iterator[bytes]:
    with wave.open(io.BytesIO(file), "rb") as read:
        channels, width, rate = read.getnchannels(), read.getsampwidth(), read.getframerate()
        if width != BYTES_PER_SAMPLE:
            raise _unreadable(f"it is a WAV file of {8 * width} bits: send one of 16")
        bytes_per_frame = BYTES_PER_SAMPLE * channels
        bounds.check(rate)
        # A file that was written as a stream says that it has 4 GB.
        bounds.check(rate, min(read.getnframes(), len(file) // bytes_per_frame) / rate)
        resampler = Resampler(rate, SAMPLE_RATE)
        while frames := read.readframes(min(_PIECE_FRAMES, _PIECE_S * rate)):
            whole = frames[: len(frames) - len(frames) % bytes_per_frame]
            bounds.take(len(whole) // bytes_per_frame, rate)
            yield resampler.push(_mono(whole, channels))
        yield resampler.flush()


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    frames = np.frombuffer(pcm, dtype="<i2").reshape(-1, channels)
    mixed: bytes = frames.mean(axis=1).astype("<i2").tobytes()
    return mixed


def _by_ffmpeg(file: bytes, kind: str, bounds: _Bounds) -> Iterator[bytes]:
    try:
        import av
    except ImportError:
        raise Refusal(
            400,
            "unsupported_format",
            f"A file of the kind {kind} cannot be read without PyAV, which is not installed on the "
            f"server ({install_extra('sound')}): send WAV.",
            "file",
        ) from None
    with av.open(io.BytesIO(file), "r", format=kind) as container:
        if not container.streams.audio:
            raise _unreadable("there is no sound in it")
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        for frame in container.decode(audio=0):
            bounds.take(frame.samples, frame.sample_rate)
            for made in resampler.resample(frame):
                yield made.to_ndarray().tobytes()
        for made in resampler.resample(None):
            yield made.to_ndarray().tobytes()


def _unreadable(reason: str) -> Refusal:
    return Refusal(400, "invalid_audio", f"The file cannot be transcribed: {reason}.", "file")
