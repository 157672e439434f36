"""End-pointing: when speech starts, how much silence ends a turn, and when a judge is asked.

The rules about silence of `server_vad` are here; those of `semantic_vad` are in `pause_rule.py`
(§C.4). They take probabilities of speech and levels, one per 32 ms window, and say
`session.decisions`.
"""

from __future__ import annotations

from collections import deque

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    VerdictDue,
)
from session.turn_settings import SemanticVad, ServerVad, TurnDetection
from turn_detection.judged_pauses import JudgedPauses
from turn_detection.onset import UNSURE_WINDOWS, is_onset
from turn_detection.pause_rule import CEILINGS_MS
from turn_detection.silero import WINDOW_MS
from turn_detection.speaker_level import SpeakerLevel

RISE_WINDOWS = 6
"""Windows before an onset in which the voice may have begun to rise: quiet ones rise slowly."""
RISE = 0.3
"""Share of the threshold from which a window before an onset belongs to it."""
HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it began, as Silero's authors advise."""

COVERED_WINDOWS = 8
"""Windows in a row that the server's own voice may cover of a voice that goes on: its soft ones."""
SEMANTIC_THRESHOLD = 0.5
"""Threshold under `semantic_vad`, which has no such setting."""


class EndPointer:
    """A pure state machine over the scores of 32 ms windows."""

    def __init__(
        self,
        threshold: float,
        silence_ms: int,
        *,
        hesitate_after_ms: int | None = None,
        pauses: JudgedPauses | None = None,
        speaking: bool = False,
    ) -> None:
        """Start in silence, or in the middle of speech.

        Args:
            threshold: Probability from which a window is voiced (0–1).
            silence_ms: Silence that ends speech, in milliseconds; rounded up to windows.
            hesitate_after_ms: Pause after which `SpeechHesitated` is decided; None: never.
            pauses: Say how much less is enough, as they are judged; None: never less.
            speaking: Whether speech has begun already.
        """
        self._threshold = threshold
        self._exit_threshold = max(threshold - HYSTERESIS, 0.01)
        self._silence_windows = _windows(silence_ms)
        self._hesitate_windows = None if hesitate_after_ms is None else _windows(hesitate_after_ms)
        self._pauses = pauses
        self._speaker = SpeakerLevel()
        self._hesitating = False
        self._voiced = 0
        """Windows of continuous voice: of an onset, and of the speech in progress."""
        self._covered = 0
        """Windows behind those that the server's own voice covers."""
        self._silent = 0
        self._rising: deque[float] = deque(maxlen=RISE_WINDOWS + UNSURE_WINDOWS)
        """The last probabilities before speech began."""
        self.speaking = speaking

    @property
    def threshold(self) -> float:
        """Probability from which a window begins speech (0–1)."""
        return self._threshold

    @property
    def voiced_ms(self) -> int:
        """Length of the continuous voice up to the last window that was not covered, in ms."""
        return self._voiced * WINDOW_MS

    def is_voiced(self, probability: float) -> bool:
        """Return whether a window of this probability would count as speech."""
        return probability >= (self._exit_threshold if self.speaking else self._threshold)

    @property
    def pausing(self) -> bool:
        """Whether speech is in progress, and paused at the last window."""
        return self.speaking and self._silent > 0

    def next(
        self, index: int, probability: float, level_db: float = 0.0, *, covered: bool = False
    ) -> Decision | None:
        """Take the score of window `index`, counted from the first of the session.

        Args:
            index: Of the window.
            probability: That it is speech (0–1).
            level_db: Its level in dBFS.
            covered: Whether the server's own voice may cover the user's in it.
        """
        if not self.speaking:
            return self._before_speech(index, probability, level_db)
        voiced = probability >= self._exit_threshold
        if self._speaker.keeps_open(level_db, voiced):
            return self._goes_on(index)
        before = self._silent
        self._covered = self._covered + 1 if covered else 0
        if not 0 < self._covered <= COVERED_WINDOWS:
            self._voiced = 0
        # Where others speak, the speaker may have been silent for longer than was known.
        self._silent = max(before + 1, self._speaker.silent_windows)
        at_ms = (index + 1) * WINDOW_MS
        if self._pauses is not None and self._pauses.verdict_due(self._silent):
            return VerdictDue(at_ms)
        if self._silent >= self._needed_windows:
            return self._stop(index)
        if self._hesitate_windows is not None and before < self._hesitate_windows <= self._silent:
            self._hesitating = True
            return SpeechHesitated(at_ms)
        if self._pauses is not None and self._pauses.ask(self._silent):
            return SpeechPaused(at_ms)
        return None

    def _before_speech(self, index: int, probability: float, level_db: float) -> Decision | None:
        voiced = probability >= self._threshold
        begins = self._speaker.may_begin(level_db, voiced)
        self._rising.append(0.0 if voiced and not begins else probability)
        self._voiced = self._voiced + 1 if begins else 0
        if not is_onset(self._voiced, probability):
            return None
        self.speaking = True
        self._silent = 0
        self._speaker.began()
        if self._pauses is not None:
            self._pauses.begin()
        return SpeechStarted((index + 1 - self._voiced - self._risen()) * WINDOW_MS)

    def _risen(self) -> int:
        """Windows before the onset in which the probability rose towards it."""
        windows = 0
        for probability in list(self._rising)[-self._voiced - 1 :: -1][:RISE_WINDOWS]:
            if probability < RISE * self._threshold:
                break
            windows += 1
        self._rising.clear()
        return windows

    def _goes_on(self, index: int) -> SpeechResumed | None:
        self._silent = 0
        self._voiced += 1 + (self._covered if self._voiced else 0)
        self._covered = 0
        if self._pauses is not None:
            self._pauses.voiced()
        if not self._hesitating:
            return None
        self._hesitating = False
        return SpeechResumed(index * WINDOW_MS)

    @property
    def _needed_windows(self) -> int:
        """Windows of silence that end the turn."""
        if self._pauses is None:
            return self._silence_windows
        return min(self._silence_windows, self._pauses.needed_windows)

    def heard_text(self, text: str) -> None:
        """Take the transcript of the open turn so far; it counts from the next window on."""
        if self._pauses is not None and self.speaking:
            self._pauses.heard_text(text)

    def judged(self, index: int, completeness: float | None) -> SpeechStopped | None:
        """Take the judgement on the pause, which is due at window `index`.

        Args:
            index: The window for which `next` returned `VerdictDue`.
            completeness: Probability (0–1) that the turn is over; None: it came too late.
        """
        if self._pauses is None or not self.pausing:
            return None
        self._pauses.judged(completeness)
        return self._stop(index) if self._silent >= self._needed_windows else None

    def _stop(self, index: int) -> SpeechStopped:
        self.speaking = False
        self._hesitating = False
        self._voiced = self._covered = 0
        self._speaker.ended()
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
                CEILINGS_MS[settings.eagerness],
                hesitate_after_ms=hesitate_after_ms,
                pauses=JudgedPauses(settings.eagerness),
                speaking=speaking,
            )


def _windows(ms: int) -> int:
    return max(1, -(-ms // WINDOW_MS))
