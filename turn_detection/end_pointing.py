"""End-pointing: when speech starts, how much silence ends a turn, and when a judge is asked.

All rules about silence are here, those of `server_vad` and of `semantic_vad` (§C.4). They take
probabilities of speech, one per 32 ms window, and say `session.decisions`.
"""

from __future__ import annotations

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.turn_settings import Eagerness, SemanticVad, ServerVad, TurnDetection
from turn_detection.onset import is_onset
from turn_detection.silero import WINDOW_MS

HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it began, as Silero's authors advise."""

SEMANTIC_THRESHOLD = 0.5
"""Threshold under `semantic_vad`, which has no such setting."""
JUDGE_AFTER_MS = 200
"""Pause after which Smart Turn is asked: it was trained on turns that end with one."""
_CEILINGS_MS: dict[Eagerness, int] = {"low": 8000, "medium": 4000, "high": 2000, "auto": 4000}
_COMPLETE_FROM: dict[Eagerness, float] = {"low": 0.7, "medium": 0.5, "high": 0.3, "auto": 0.5}


class EndPointer:
    """A pure state machine over the scores of 32 ms windows."""

    def __init__(
        self,
        threshold: float,
        silence_ms: int,
        *,
        hesitate_after_ms: int | None = None,
        judge_after_ms: int | None = None,
        eagerness: Eagerness = "auto",
        speaking: bool = False,
    ) -> None:
        """Start in silence, or in the middle of speech.

        Args:
            threshold: Probability from which a window is voiced (0–1).
            silence_ms: Silence that ends speech, in milliseconds; rounded up to windows.
            hesitate_after_ms: Pause after which `SpeechHesitated` is decided; None: never.
            judge_after_ms: Pause after which `SpeechPaused` asks for a judgement; None: never.
            eagerness: How the judgement on a pause is read.
            speaking: Whether speech has begun already.
        """
        self._eagerness = eagerness
        self._threshold = threshold
        self._exit_threshold = max(threshold - HYSTERESIS, 0.01)
        self._longest_windows = _windows(silence_ms)
        self._silence_windows = self._longest_windows
        self._hesitate_windows = None if hesitate_after_ms is None else _windows(hesitate_after_ms)
        self._judge_windows = None if judge_after_ms is None else _windows(judge_after_ms)
        self._hesitating = False
        self._voiced = 0
        """Windows of continuous voice: of an onset, and of the speech in progress."""
        self._silent = 0
        self.speaking = speaking

    @property
    def threshold(self) -> float:
        """Probability from which a window begins speech (0–1)."""
        return self._threshold

    @property
    def voiced_ms(self) -> int:
        """Length of the continuous voice up to the last window, in ms; 0: it was not voiced."""
        return self._voiced * WINDOW_MS

    def is_voiced(self, probability: float) -> bool:
        """Return whether a window of this probability would count as speech."""
        return probability >= (self._exit_threshold if self.speaking else self._threshold)

    def next(self, index: int, probability: float) -> Decision | None:
        """Take the score of window `index`, counted from the first of the session."""
        if not self.speaking:
            self._voiced = self._voiced + 1 if probability >= self._threshold else 0
            if not is_onset(self._voiced, probability):
                return None
            self.speaking = True
            self._silent = 0
            return SpeechStarted((index + 1 - self._voiced) * WINDOW_MS)
        if probability >= self._exit_threshold:
            self._silent = 0
            self._voiced += 1
            self._silence_windows = self._longest_windows
            if not self._hesitating:
                return None
            self._hesitating = False
            return SpeechResumed(index * WINDOW_MS)
        self._silent += 1
        self._voiced = 0
        if self._silent >= self._silence_windows:
            return self._stop(index)
        if self._silent == self._judge_windows:
            return SpeechPaused((index + 1) * WINDOW_MS)
        if self._silent == self._hesitate_windows:
            self._hesitating = True
            return SpeechHesitated((index + 1) * WINDOW_MS)
        return None

    def judged(self, index: int, completeness: float) -> SpeechStopped | None:
        """Take the judgement on the pause at window `index`.

        A turn that sounds complete ends at once. Otherwise the pause must last longer the less
        complete it sounds, up to the ceiling of the session's eagerness (§C.4).

        Args:
            index: The window for which `next` returned `SpeechPaused`.
            completeness: Probability (0–1) that the turn is over.
        """
        complete = completeness >= _COMPLETE_FROM[self._eagerness]
        silence_ms = 0 if complete else round(_CEILINGS_MS[self._eagerness] * (1 - completeness))
        self._silence_windows = _windows(silence_ms)
        return self._stop(index) if self._silent >= self._silence_windows else None

    def _stop(self, index: int) -> SpeechStopped:
        self.speaking = False
        self._hesitating = False
        self._voiced = 0
        self._silence_windows = self._longest_windows
        return SpeechStopped((index + 1) * WINDOW_MS)


def end_pointer(
    settings: TurnDetection, hesitate_after_ms: int | None, *, speaking: bool = False
) -> EndPointer:
    """Build the end-pointer for a session's `turn_detection` (§C.4).

    Args:
        settings: Of either kind.
        hesitate_after_ms: See `EndPointer`.
        speaking: Whether speech has begun already.
    """
    match settings:
        case ServerVad():
            return EndPointer(
                settings.threshold,
                settings.silence_duration_ms,
                hesitate_after_ms=hesitate_after_ms,
                speaking=speaking,
            )
        case SemanticVad():
            return EndPointer(
                SEMANTIC_THRESHOLD,
                _CEILINGS_MS[settings.eagerness],
                hesitate_after_ms=hesitate_after_ms,
                judge_after_ms=JUDGE_AFTER_MS,
                eagerness=settings.eagerness,
                speaking=speaking,
            )


def _windows(ms: int) -> int:
    return max(1, -(-ms // WINDOW_MS))
