"""What fakes say: a tone for each clause, of a pitch of its own."""

from __future__ import annotations

import numpy as np

RATE = 24000


def tone(clause: int, milliseconds: int) -> bytes:
    """Return the audio of the nth clause: 16-bit mono PCM at 24 kHz."""
    at = np.arange(RATE * milliseconds // 1000) / RATE
    return (8000 * np.sin(2 * np.pi * pitch(clause) * at)).astype("<i2").tobytes()


def pitch(clause: int) -> int:
    """Return the frequency of the nth clause in Hz."""
    return 300 + 200 * clause
