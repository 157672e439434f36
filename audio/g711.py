"""G.711: telephone audio, one byte per sample at 8 kHz (ITU-T G.711; `docs/wire.md` §E).

Python removed its own codec with `audioop`; two look-up tables per law replace it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["ulaw", "alaw"]
RATE: Literal[8000] = 8000
"""Hz."""


def _decode_ulaw() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4) & 7
    magnitude = (((code & 15).astype(np.int32) << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _decode_alaw() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    mantissa = (code & 15).astype(np.int32) << 4
    magnitude = np.where(
        exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _encoder(decoded: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return, for each of the 65,536 sample values, the code that decodes nearest to it.

    Of two that are as near, it is the one further from 0, and 0 itself is positive, as in the
    standard. So digital silence is 0xFF or 0xD5, which telephony takes for silence.
    """
    order = np.argsort(decoded, kind="stable")
    values = decoded[order].astype(np.int32)
    samples = np.arange(-32768, 32768, dtype=np.int32)
    middles = (values[1:] + values[:-1]) / 2
    negative = np.searchsorted(middles, samples[samples < 0], side="left")
    positive = np.searchsorted(middles, samples[samples >= 0], side="right")
    codes: NDArray[np.uint8] = order[np.concatenate([negative, positive])].astype(np.uint8)
    return codes


_DECODED: dict[Law, NDArray[np.int16]] = {"ulaw": _decode_ulaw(), "alaw": _decode_alaw()}
_ENCODED: dict[Law, NDArray[np.uint8]] = {law: _encoder(t) for law, t in _DECODED.items()}


def decode(audio: bytes, law: Law) -> bytes:
    """Turn G.711 bytes into 16-bit PCM at 8 kHz."""
    return _DECODED[law][np.frombuffer(audio, dtype=np.uint8)].astype("<i2").tobytes()


def encode(pcm: bytes, law: Law) -> bytes:
    """Turn 16-bit PCM at 8 kHz into G.711 bytes."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32)
    return _ENCODED[law][samples + 32768].tobytes()
