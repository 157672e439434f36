"""A turn detector that tells what it hears: for the console, where somebody watches it (§D.9).

It is a class of its own so that the detectors of all other sessions do not even ask whether they
are observed.
"""

from __future__ import annotations

from collections.abc import Callable

from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.turn_settings import TurnDetection
from turn_detection.echo_guard import EchoGuard
from turn_detection.echo_hold import Scored
from turn_detection.end_pointing import EndPointer
from turn_detection.silero import WINDOW_MS, Score, SileroModel, Window
from turn_detection.turn_detector import TurnDetector
from wire.console_events import TurnDetectionObserved, TurnMark, What

TOLD_WINDOWS = 5
"""Windows that are told at once: 160 ms."""

Observer = Callable[[TurnDetectionObserved], None]
"""Takes what a turn detector heard."""


class ObservedTurnDetector(TurnDetector):
    """A turn detector whose scores and decisions are told, some windows at a time."""

    def __init__(
        self,
        model: SileroModel,
        hesitate_after_ms: int | None,
        rate: int,
        observe: Observer,
        guard: EchoGuard | None = None,
    ) -> None:
        """Start without audio, with turn detection off.

        Args:
            model: Scores the windows.
            hesitate_after_ms: See `EndPointer`.
            rate: Sample rate of the audio in Hz.
            observe: Is told.
            guard: See `TurnDetector`.
        """
        super().__init__(model, hesitate_after_ms, rate, guard)
        self._observe = observe
        self._start = 0
        """Index of the first window that was not told yet."""
        self._speech: list[float] = []
        self._level: list[float] = []
        self._turn: list[TurnMark] = []

    def configure(self, settings: TurnDetection | None) -> None:
        """Use these settings from here on; what was heard by others before is told first."""
        self._tell()
        super().configure(settings)

    def go_back(self, ms: float, *, speaking: bool) -> None:
        """Go on at an offset: what follows is told from there on."""
        self._tell()
        super().go_back(ms, speaking=speaking)
        self._start = self._index

    def judged(self, completeness: float | None) -> SpeechStopped | None:
        """Take the probability (0–1) that the turn is over, and note it at the pause."""
        complete = None if completeness is None else round(completeness, 3)
        self._mark("paused", (self._decided + 1) * WINDOW_MS, complete)
        stopped = super().judged(completeness)
        self._note(stopped)
        return stopped

    def _decide(self, detector: EndPointer, score: Score, window: Window) -> Decision | None:
        self._speech.append(round(score.probability, 3))
        decision = super()._decide(detector, score, window)
        self._tell_if_due()
        return decision

    def _decide_on(self, detector: EndPointer, heard: Scored) -> Decision | None:
        decision = super()._decide_on(detector, heard)
        self._note(decision)
        return decision

    def _echo_begins(self, index: int) -> None:
        self._mark("echo", index * WINDOW_MS)

    def _step(self) -> None:
        self._level.append(round(self._windows.peak, 4))
        super()._step()
        if self._detector is None:
            self._tell_if_due()

    def _note(self, decision: Decision | None) -> None:
        match decision:
            case SpeechStarted(onset_ms):
                self._mark("started", onset_ms)
            case SpeechHesitated(at_ms):
                self._mark("hesitated", at_ms)
            case SpeechResumed(at_ms):
                self._mark("resumed", at_ms)
            case SpeechStopped(end_ms):
                self._mark("stopped", end_ms)
            # A pause is noted with its judgement.

    def _mark(self, what: What, at_ms: int, complete: float | None = None) -> None:
        self._turn.append({"at_ms": at_ms, "what": what, "complete": complete})

    def _tell_if_due(self) -> None:
        if len(self._level) >= TOLD_WINDOWS:
            self._tell()

    def _tell(self) -> None:
        if self._level:
            detector = self._detector
            self._observe(
                TurnDetectionObserved(
                    self._start * WINDOW_MS,
                    WINDOW_MS,
                    self._speech,
                    self._level,
                    None if detector is None else detector.threshold,
                    self._turn,
                )
            )
            self._speech, self._level, self._turn = [], [], []
        self._start = self._index
