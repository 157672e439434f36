"""PCM helpers shared by server and clients: sample rates, durations, WAV files, playback.

Audio is `bytes` of 16-bit signed little-endian mono PCM everywhere, as on the wire
(`docs/wire.md` §E); functions say the rate in Hz. This is the front door of `audio/`.
"""

from __future__ import annotations

from audio.pcm import (
    BYTES_PER_SAMPLE,
    WIRE_RATE,
    Resampler,
    duration_ms,
    read_wav,
    resample,
    silence,
    write_wav,
)
from audio.player import AudioPlayerAsync

__all__ = [
    "BYTES_PER_SAMPLE",
    "WIRE_RATE",
    "AudioPlayerAsync",
    "Resampler",
    "duration_ms",
    "read_wav",
    "resample",
    "silence",
    "write_wav",
]
