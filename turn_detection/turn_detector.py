"""Decides when speech starts and when a turn ends, from Silero's scores of windows.

Decisions fall on a grid of 32 ms windows counted from the first sample of the session, so that the
same audio always gives the same offsets, however it was chunked (§E).
"""

from __future__ import annotations

from collections.abc import Iterator

from audio.pcm import SAMPLE_RATE
from session.decisions import Decision, SpeechPersisted, SpeechStopped
from session.turn_settings import TurnDetection
from turn_detection.end_pointing import EndPointer, end_pointer
from turn_detection.silero import (
    WINDOW_MS,
    Score,
    SileroModel,
    VoiceStream,
    Window,
    score_together,
)
from turn_detection.windows import Windows


class TurnDetector:
    """The turn detector of one session.

    It never waits for the model. Give it audio by `add`, then call `advance` until that returns
    None; if the detector is then `waiting`, score its `window` and pass the score to `scored`.
    `push` does all of that at once.
    """

    def __init__(
        self, model: SileroModel, hesitate_after_ms: int | None = None, rate: int = SAMPLE_RATE
    ) -> None:
        """Start without audio, with turn detection off.

        Args:
            model: Scores the windows.
            hesitate_after_ms: See `EndPointer`.
            rate: Sample rate of the audio in Hz.
        """
        self._model = model
        self.stream = VoiceStream(model)
        """The model's state for this audio."""
        self._hesitate_after_ms = hesitate_after_ms
        self._detector: EndPointer | None = None
        self._settings: TurnDetection | None = None
        self._windows = Windows(rate)
        self._index = 0
        self._followed = False
        """Whether every window of the speech in progress is told."""

    def reformat(self, rate: int) -> None:
        """Expect audio at another rate, in Hz, from the next `add` on."""
        self._windows.reformat(rate)

    def configure(self, settings: TurnDetection | None) -> None:
        """Use these `turn_detection` settings (§C.4) from here on; None switches it off.

        Speech in progress stays in progress, so that its open turn still ends.
        """
        self._settings = settings
        if settings is None or self._detector is None:
            self.reset()
        else:
            self._detector = end_pointer(
                settings, self._hesitate_after_ms, speaking=self._detector.speaking
            )

    def reset(self) -> None:
        """Drop the state of speech in progress. The grid, and so the offsets, continue."""
        self.stream.wipe()
        self._followed = False
        settings = self._settings
        self._detector = (
            None if settings is None else end_pointer(settings, self._hesitate_after_ms)
        )

    def go_back(self, ms: float, *, speaking: bool) -> None:
        """Go on at an offset: the next `add` is the audio from there on. Detection is on.

        Args:
            ms: Milliseconds of audio since the session began.
            speaking: Whether speech is in progress there.
        """
        settings = self._settings
        assert settings is not None
        self.stream.wipe()
        self._detector = end_pointer(settings, self._hesitate_after_ms, speaking=speaking)
        windows, into_ms = divmod(ms, WINDOW_MS)
        self._index = int(windows)
        self._windows.restart(into_ms)

    def follow(self, *, on: bool) -> None:
        """Decide `SpeechPersisted` of the windows of the speech in progress from here on, or not.

        It ends with the speech.
        """
        self._followed = on

    def add(self, pcm: bytes) -> None:
        """Append 16-bit PCM of any length."""
        self._windows.add(pcm)

    @property
    def waiting(self) -> bool:
        """Whether there is a window to score."""
        return self._windows.ready

    @property
    def lacking(self) -> int:
        """Bytes of audio that the next window still lacks; 0 or less: it is complete."""
        return self._windows.lacking

    @property
    def window(self) -> Window:
        """The window to score."""
        return self._windows.window()

    def advance(self) -> Decision | None:
        """Advance as far as possible without the model; return the first decision on the way.

        After `SpeechPaused` the caller may call `judged` before it continues.
        """
        while self.waiting:
            if self._detector is None:
                self._step()
                continue
            score = self.stream.recall_silence() if self._windows.silent else None
            if score is None:
                return None
            self.stream.hear_silence(score, speaking=self._detector.speaking)
            decision = self._decide(self._detector, score)
            if decision is not None:
                return decision
        return None

    def scored(self, window: Window, score: Score) -> Decision | None:
        """Take the score of the waiting window and advance past it."""
        if self._detector is None:
            return None
        self.stream.hear(window, score, speaking=self._detector.speaking)
        return self._decide(self._detector, score)

    def _decide(self, detector: EndPointer, score: Score) -> Decision | None:
        decision = detector.next(self._index, score.probability)
        if self._followed:
            decision = self._persisting(detector, score, decision)
        self._step()
        return decision

    def _persisting(
        self, detector: EndPointer, score: Score, decision: Decision | None
    ) -> Decision | None:
        """Return the decision on a window, or that speech persists where there is no other."""
        self._followed = detector.speaking
        if decision is not None or not detector.speaking:
            return decision
        at_ms = (self._index + 1) * WINDOW_MS
        level_db = self._windows.level_db
        return SpeechPersisted(at_ms, detector.voiced_ms, level_db, score.probability)

    def push(self, pcm: bytes) -> Iterator[Decision]:
        """Take audio and score all of it now; yield the decisions on it, in order."""
        self.add(pcm)
        while True:
            decision = self.advance()
            if decision is None and self.waiting:
                window = self.window
                (score,) = score_together(self._model, [self.stream], [window])
                decision = self.scored(window, score)
            elif decision is None:
                return
            if decision is not None:
                yield decision

    def _step(self) -> None:
        self._windows.step()
        self._index += 1

    def judged(self, completeness: float) -> SpeechStopped | None:
        """Take the probability (0–1) that the turn is over at the `SpeechPaused` just decided."""
        if self._detector is None:
            return None
        return self._detector.judged(self._index - 1, completeness)
