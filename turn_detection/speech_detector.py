"""Turns probabilities of speech into decisions: onsets, pauses and ends."""

from __future__ import annotations

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from turn_detection.silero import WINDOW_MS

START_WINDOWS = 3
"""Voiced windows in a row that make an onset: a click or a cough is shorter than 96 ms."""


HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it began, as Silero's authors advise."""


class SpeechDetector:
    """A pure state machine over the scores of 32 ms windows."""

    def __init__(
        self,
        threshold: float,
        silence_ms: int,
        *,
        hesitate_after_ms: int | None = None,
        judge_after_ms: int | None = None,
        speaking: bool = False,
    ) -> None:
        """Start in silence, or in the middle of speech.

        Args:
            threshold: Probability from which a window is voiced (0–1).
            silence_ms: Silence that ends speech, in milliseconds; rounded up to windows.
            hesitate_after_ms: Pause after which `SpeechHesitated` is decided; None: never.
            judge_after_ms: Pause after which `SpeechPaused` asks for a judgement; None: never.
            speaking: Whether speech has begun already.
        """
        self._threshold = threshold
        self._exit_threshold = max(threshold - HYSTERESIS, 0.01)
        self._longest_windows = _windows(silence_ms)
        self._silence_windows = self._longest_windows
        self._hesitate_windows = None if hesitate_after_ms is None else _windows(hesitate_after_ms)
        self._judge_windows = None if judge_after_ms is None else _windows(judge_after_ms)
        self._hesitating = False
        self._voiced = 0
        self._silent = 0
        self.speaking = speaking

    def next(self, index: int, probability: float) -> Decision | None:
        """Take the score of window `index`, counted from the first of the session."""
        if not self.speaking:
            self._voiced = self._voiced + 1 if probability >= self._threshold else 0
            if self._voiced < START_WINDOWS:
                return None
            self.speaking = True
            self._silent = 0
            return SpeechStarted((index + 1 - START_WINDOWS) * WINDOW_MS)
        if probability >= self._exit_threshold:
            self._silent = 0
            self._silence_windows = self._longest_windows
            if not self._hesitating:
                return None
            self._hesitating = False
            return SpeechResumed(index * WINDOW_MS)
        self._silent += 1
        if self._silent >= self._silence_windows:
            return self._stop(index)
        if self._silent == self._judge_windows:
            return SpeechPaused((index + 1) * WINDOW_MS)
        if self._silent == self._hesitate_windows:
            self._hesitating = True
            return SpeechHesitated((index + 1) * WINDOW_MS)
        return None

    def judged(self, index: int, silence_ms: int) -> SpeechStopped | None:
        """Take the judgement on the pause at window `index`.

        Args:
            index: The window for which `next` returned `SpeechPaused`.
            silence_ms: Total length of this pause that ends the turn, in milliseconds.
        """
        self._silence_windows = _windows(silence_ms)
        return self._stop(index) if self._silent >= self._silence_windows else None

    def _stop(self, index: int) -> SpeechStopped:
        self.speaking = False
        self._hesitating = False
        self._voiced = 0
        self._silence_windows = self._longest_windows
        return SpeechStopped((index + 1) * WINDOW_MS)


def _windows(ms: int) -> int:
    return max(1, -(-ms // WINDOW_MS))
