"""Opus by libopus itself: 24 kHz mono in and out, without a resampler.

The library is the one that PyAV brings, because aiortc cannot be installed without PyAV: newer
than most systems' and one dependency less than a package for libopus alone. It is reached by
ctypes, since PyAV's own decoder neither conceals a lost frame nor uses the redundancy in the next
one. Where PyAV was built against the system's libopus, that is taken.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RATE = 24000
"""Hz of the PCM on this side."""
FRAME_MS = 20
FRAME_SAMPLES = RATE * FRAME_MS // 1000
FRAME_BYTES = 2 * FRAME_SAMPLES
LONGEST_MS = 120
"""The longest packet that there is, and the most that is concealed at a time."""
SILENT_BYTES = 2
"""A packet up to this size says that its sender is silent (DTX)."""

_CLOCK = 48000
"""Ticks of RTP timestamps per second (RFC 7587)."""
_AUDIO = 2049
"""What the encoder is told that it hears. For speech at this bit rate it is closer to the original
than "voice" and costs a third, until packets are lost: then libopus turns to speech's own coder,
which can add redundancy."""
_SET_BITRATE, _SET_COMPLEXITY = 4002, 4010
_SET_FEC, _SET_LOSS, _SET_DTX = 4012, 4014, 4016
_LARGEST_PACKET = 1275
_BITRATE = 40000
"""Bits per second: speech at 24 kHz, transparent to most ears."""
_COMPLEXITY = 0
"""Of 10. A frame costs half of what it does at 5, and its spectrum is no further from the
original: 8 kbit/s more do more than all searching."""


_SILENCE = bytes(FRAME_BYTES)


class NoOpus(Exception):
    """libopus is nowhere to be found."""


class _Opus:
    """The functions of libopus, with their types."""

    def __init__(self, library: ctypes.CDLL) -> None:
        number, state = ctypes.c_int, ctypes.c_void_p
        data, samples = ctypes.c_char_p, ctypes.c_char_p
        self.decoder_size = _typed(library.opus_decoder_get_size, [number])
        self.decoder_init = _typed(library.opus_decoder_init, [state, ctypes.c_int32, number])
        self.decode = _typed(
            library.opus_decode, [state, data, ctypes.c_int32, samples, number, number]
        )
        self.samples = _typed(
            library.opus_packet_get_nb_samples, [data, ctypes.c_int32, ctypes.c_int32]
        )
        self.encoder_size = _typed(library.opus_encoder_get_size, [number])
        self.encoder_init = _typed(
            library.opus_encoder_init, [state, ctypes.c_int32, number, number]
        )
        self.encode = _typed(library.opus_encode, [state, samples, number, data, ctypes.c_int32])
        # Variadic: only the fixed arguments may have types here.
        self.encoder_control = _typed(library.opus_encoder_ctl, [state, number])
        # Older than libopus 1.5: not there.
        lookup = getattr(library, "opus_packet_has_lbrr", None)
        self.has_redundancy = None if lookup is None else _typed(lookup, [data, ctypes.c_int32])


def _typed(function: Any, arguments: list[type]) -> Callable[..., int]:
    function.argtypes = arguments
    function.restype = ctypes.c_int
    typed: Callable[..., int] = function
    return typed


def _candidates() -> Iterator[str]:
    package = find_spec("av")
    if package is not None and package.origin is not None:
        home = Path(package.origin).parent
        # Where auditwheel, delocate and delvewheel put the libraries of a wheel.
        for folder in (home.parent / "av.libs", home / ".dylibs"):
            if folder.is_dir():
                yield from (str(path) for path in sorted(folder.glob("*opus*")))
    system = ctypes.util.find_library("opus")
    if system is not None:
        yield system


@cache
def library() -> _Opus:
    """Load libopus.

    Raises:
        NoOpus: There is none, neither with PyAV nor on the system.
    """
    for name in _candidates():
        try:
            # Not CDLL, which lets other threads run during each call: a frame takes 40 µs, and the
            # event loop would wait for up to 5 ms until they let it go on.
            return _Opus(ctypes.PyDLL(name))
        except (OSError, AttributeError):
            # A file for another machine, or another library whose name has "opus" in it.
            continue
    raise NoOpus(
        "libopus was not found: neither with PyAV (pip install --force-reinstall av) nor on the "
        "system (apt install libopus0, brew install opus)."
    )


@lru_cache(1024)
def _span(head: bytes) -> int:
    """Return how long a packet that begins with one or two bytes lasts, in ticks."""
    return max(0, library().samples(head, len(head), _CLOCK)) if head else 0


class OpusDecoder:
    """Decodes one stream into 24 kHz 16-bit mono PCM; stereo is mixed down."""

    clock_rate = _CLOCK

    def __init__(self) -> None:
        self._opus = library()
        self._state = ctypes.create_string_buffer(self._opus.decoder_size(1))
        self._opus.decoder_init(self._state, RATE, 1)
        self._pcm = ctypes.create_string_buffer(2 * RATE * LONGEST_MS // 1000)

    def span(self, payload: bytes) -> int:
        """Return how long a packet lasts, in ticks of the clock; 0: it is no packet of Opus."""
        # The first byte tells, unless it says that the number of frames follows (RFC 6716, 3.2).
        return _span(payload[:1] if payload and payload[0] & 3 != 3 else payload[:2])

    def silent(self, payload: bytes) -> bool:
        """Tell whether a packet only says that the client is silent."""
        return len(payload) <= SILENT_BYTES

    def decode(self, payload: bytes) -> bytes:
        """Decode the next packet; one that is broken becomes what might have been in it."""
        samples = self._opus.decode(
            self._state, payload, len(payload), self._pcm, RATE * LONGEST_MS // 1000, 0
        )
        return self._taken(samples) if samples >= 0 else self.conceal(FRAME_MS)

    def recover(self, following: bytes, ms: float) -> bytes:
        """Return `ms` of audio before the packet `following`, from its redundancy where it has any.

        Args:
            following: The packet after the lost ones.
            ms: How much is lost, at most `LONGEST_MS`; what the redundancy does not cover is
                concealed.
        """
        samples = self._opus.decode(
            self._state, following, len(following), self._pcm, _whole(ms), 1
        )
        return self._taken(samples) if samples >= 0 else self.conceal(ms)

    def conceal(self, ms: float) -> bytes:
        """Return `ms` of audio, at most `LONGEST_MS`, that goes on from what came last."""
        samples = self._opus.decode(self._state, None, 0, self._pcm, _whole(ms), 0)
        return self._taken(max(0, samples))

    def _taken(self, samples: int) -> bytes:
        return ctypes.string_at(self._pcm, 2 * samples)

    def redundant_ms(self, payload: bytes) -> float:
        """Return how much of the audio before a packet can be recovered from it."""
        has = self._opus.has_redundancy
        if has is None or has(payload, len(payload)) != 1:
            return 0.0
        return self.span(payload) / _CLOCK * 1000


def _whole(ms: float) -> int:
    """Return samples in the steps of 2.5 ms that libopus knows."""
    return max(1, int(ms / 2.5)) * RATE // 400


class OpusEncoder:
    """Encodes one stream of 24 kHz 16-bit mono PCM, 20 ms at a time."""

    clock_rate = _CLOCK
    pauses = True

    def __init__(self, *, fec: bool) -> None:
        """Start a stream.

        Args:
            fec: Whether the client uses redundancy; it is added once packets are lost.
        """
        self._opus = library()
        self._state = ctypes.create_string_buffer(self._opus.encoder_size(1))
        self._opus.encoder_init(self._state, RATE, 1, _AUDIO)
        self._set(_SET_BITRATE, _BITRATE)
        self._set(_SET_COMPLEXITY, _COMPLEXITY)
        self._resting = False
        self._silent: bytes | None = None
        """The packet that says that nothing is said; None: the encoder has not made it yet."""
        self._set(_SET_FEC, int(fec))
        self._out = ctypes.create_string_buffer(_LARGEST_PACKET)

    def _set(self, what: int, value: int) -> None:
        self._opus.encoder_control(self._state, what, ctypes.c_int(value))

    def expect_loss(self, part: float) -> None:
        """Prepare for a loss of `part` of the packets, 0 to 1, as the client reports it."""
        self._set(_SET_LOSS, min(30, round(part * 100)))

    def encode(self, pcm: bytes) -> bytes:
        """Encode `FRAME_BYTES` of sound; all of it, for libopus takes a held tone for noise."""
        self._silent = None
        self._rest(False)
        return self._encode(pcm)

    def encode_silence(self) -> bytes:
        """Encode a frame of silence: a packet of a byte or two, behind which nothing need come."""
        if self._silent is None:
            self._rest(True)
            packet = self._encode(_SILENCE)
            if len(packet) > SILENT_BYTES:
                return packet
            self._silent = packet
        return self._silent

    def _rest(self, resting: bool) -> None:
        if resting != self._resting:
            self._resting = resting
            self._set(_SET_DTX, int(resting))

    def _encode(self, pcm: bytes) -> bytes:
        length = self._opus.encode(self._state, pcm, FRAME_SAMPLES, self._out, _LARGEST_PACKET)
        assert length > 0, "libopus encodes any PCM of the right length"
        return ctypes.string_at(self._out, length)
