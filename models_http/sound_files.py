"""From a sound file to what a recogniser takes: 16-bit mono PCM at 16 kHz.

WAV is read here. The other formats of OpenAI's endpoint are left to PyAV, an extra (`sound`), which
is told the format by the file's first bytes: left to guess, FFmpeg would also read playlists, which
name files and addresses.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator

import numpy as np

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE, Resampler
from models_http.refusals import Refusal
from settings.installation import install_extra

_PIECE_FRAMES = 1 << 18
"""Samples of a WAV file that are read at a time."""
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


def read_sound(file: bytes, longest_s: float) -> bytes:
    """Return the sound in a file as 16-bit mono PCM at 16 kHz. It takes a while: use a thread.

    Args:
        file: The file's content.
        longest_s: Seconds of audio that it may have.

    Raises:
        Refusal: It is none that can be read, or too long.
    """
    kind = format_of(file[:16])
    if kind is None:
        raise _unreadable("it is no WAV, FLAC, MP3, MP4, AAC, Ogg or WebM file")
    pieces = _wav(file) if kind == "wav" else _by_ffmpeg(file, kind)
    pcm = bytearray()
    for piece in pieces:
        pcm += piece
        if len(pcm) > longest_s * SAMPLE_RATE * BYTES_PER_SAMPLE:
            raise Refusal(
                400,
                "audio_too_long",
                f"The file has more than {longest_s / 60:g} minutes of audio "
                "(model_server.audio_minutes): cut it into several.",
                "file",
            )
    if not pcm:
        raise _unreadable("there is no sound in it")
    return bytes(pcm)


def _wav(file: bytes) -> Iterator[bytes]:
    try:
        with wave.open(io.BytesIO(file), "rb") as read:
            channels, width, rate = read.getnchannels(), read.getsampwidth(), read.getframerate()
            if width != BYTES_PER_SAMPLE:
                raise _unreadable(f"it is a WAV file of {8 * width} bits: send one of 16")
            resampler = Resampler(rate, SAMPLE_RATE)
            while frames := read.readframes(_PIECE_FRAMES):
                whole = frames[: len(frames) - len(frames) % (BYTES_PER_SAMPLE * channels)]
                yield resampler.push(_mono(whole, channels))
            yield resampler.flush()
    except (wave.Error, EOFError, ZeroDivisionError, ValueError) as error:
        raise _unreadable(f"it is no PCM WAV file ({str(error) or 'it is cut off'})") from error


def _mono(pcm: bytes, channels: int) -> bytes:
    if channels == 1:
        return pcm
    frames = np.frombuffer(pcm, dtype="<i2").reshape(-1, channels)
    mixed: bytes = frames.mean(axis=1).astype("<i2").tobytes()
    return mixed


def _by_ffmpeg(file: bytes, kind: str) -> Iterator[bytes]:
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
    try:
        with av.open(io.BytesIO(file), "r", format=kind) as container:
            if not container.streams.audio:
                raise _unreadable("there is no sound in it")
            resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
            for frame in container.decode(audio=0):
                for made in resampler.resample(frame):
                    yield made.to_ndarray().tobytes()
            for made in resampler.resample(None):
                yield made.to_ndarray().tobytes()
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(f"it is no sound {kind} file ({type(error).__name__})") from error


def _unreadable(reason: str) -> Refusal:
    return Refusal(400, "invalid_audio", f"The file cannot be transcribed: {reason}.", "file")
