"""Tells a voice that begins from a sound that only begins like one (§C.4).

Struck strings, bells and coughs have voiced windows as well, but fewer and fewer surely: .92, .66,
.51. A voice is surer with each, and at .95 by the third. So three windows are enough if the last is
sure, and a voice that never is, in noise or from afar, needs twice as many.
"""

from __future__ import annotations

START_WINDOWS = 3
"""Voiced windows in a row that make an onset: a click is shorter than 96 ms."""
UNSURE_WINDOWS = 6
"""The same, while none from the third on is sure. Measured on synthetic voices, of which one start
in twenty is one window later by that, in noise of 10 dB below them one in ten."""
SURE = 0.85
"""Probability of speech from which a window is sure."""


def is_onset(voiced_windows: int, probability: float) -> bool:
    """Return whether speech has begun.

    Args:
        voiced_windows: Voiced windows in a row up to now.
        probability: That the last of them is speech (0–1).
    """
    return voiced_windows >= (START_WINDOWS if probability >= SURE else UNSURE_WINDOWS)
