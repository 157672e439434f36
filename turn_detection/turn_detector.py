"""When did speech start, and when did it stop? Silero scores windows, a detector decides.

Decisions fall on a grid of 32 ms windows counted from the first sample of the session, so the
same audio always gives the same offsets, however it was chunked (§E).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from turn_detection.silero import (
    SAMPLE_RATE,
    WINDOW_MS,
    Score,
    SileroModel,
    VoiceStream,
    Window,
    score_together,
)
from turn_detection.windows import Windows

START_WINDOWS = 3
"""Voiced windows in a row that make an onset: a click or a cough is shorter than 96 ms."""
HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it began, as Silero's authors advise."""

SEMANTIC_THRESHOLD = 0.5
"""Probability of speech that counts under `semantic_vad`, which has no threshold of its own."""
JUDGE_AFTER_MS = 200
"""Pause after which Smart Turn is asked: it was trained on turns that end with one."""
_CEILINGS_MS = {"low": 8000, "medium": 4000, "high": 2000, "auto": 4000}
_COMPLETE_FROM = {"low": 0.7, "medium": 0.5, "high": 0.3, "auto": 0.5}


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at the start of the window at `onset_ms`."""

    onset_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Enough silence was heard; it ends at `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechHesitated:
    """A pause up to `at_ms` is long enough to guess that the turn may be over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech goes on after all, since `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """A pause has lasted long enough to ask whether the turn is over; it lasts up to `at_ms`."""

    at_ms: int


Decision = SpeechStarted | SpeechStopped | SpeechHesitated | SpeechResumed | SpeechPaused


class SpeechDetector:
    """Turns probabilities into onsets and offsets: a pure state machine on the 32 ms grid."""

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
            hesitate_after_ms: Pause after which `SpeechHesitated` invites a guess; None: never.
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
            index: The window that was answered with `SpeechPaused`.
            silence_ms: How long this pause, all of it, must last to end the turn.
        """
        self._silence_windows = _windows(silence_ms)
        return self._stop(index) if self._silent >= self._silence_windows else None

    def _stop(self, index: int) -> SpeechStopped:
        self.speaking = False
        self._hesitating = False
        self._voiced = 0
        self._silence_windows = self._longest_windows
        return SpeechStopped((index + 1) * WINDOW_MS)


class TurnDetector:
    """Says where speech starts and stops in a session's audio.

    It never waits for the model. Give it audio by `add`, then take what `advance` decides until
    that is None; where the detector is `waiting`, score its `window` and go on with `scored`.
    `push` does all of that at once.
    """

    def __init__(
        self, model: SileroModel, hesitate_after_ms: int | None = None, rate: int = SAMPLE_RATE
    ) -> None:
        """Listen.

        Args:
            model: Scores the windows.
            hesitate_after_ms: See `SpeechDetector`.
            rate: Of the audio, in Hz.
        """
        self._model = model
        self.stream = VoiceStream(model)
        """What the model remembers of the audio."""
        self._hesitate_after_ms = hesitate_after_ms
        self._detector: SpeechDetector | None = None
        self._settings: dict[str, Any] | None = None
        self._windows = Windows(rate)
        self._index = 0

    def reformat(self, rate: int) -> None:
        """Take audio at another rate, in Hz, from the next on."""
        self._windows.reformat(rate)

    def configure(self, settings: dict[str, Any] | None) -> None:
        """Use these `turn_detection` settings (§C.4) from here on; None switches it off.

        Speech in progress stays in progress: its turn is open, and somebody has to end it.
        """
        self._settings = settings
        if settings is None or self._detector is None:
            self.reset()
        else:
            self._detector = self._build(settings, speaking=self._detector.speaking)

    def reset(self) -> None:
        """Forget the speech in progress. The grid, and so the offsets, go on."""
        self.stream.wipe()
        self._detector = None if self._settings is None else self._build(self._settings)

    def add(self, pcm: bytes) -> None:
        """Take 16-bit audio of any length, to be heard behind what was added before."""
        self._windows.add(pcm)

    @property
    def waiting(self) -> bool:
        """Whether there is a window to score."""
        return self._windows.ready

    @property
    def lacking(self) -> int:
        """Bytes of audio without which there is nothing to score; 0 or less: none."""
        return self._windows.lacking

    @property
    def window(self) -> Window:
        """The window to score."""
        return self._windows.window()

    def advance(self) -> Decision | None:
        """Go on as far as that needs no model; return the first decision that is made there.

        After `SpeechPaused` the caller may call `judged` before it goes on.
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
        """Take the model's word on the window it waits for and go on behind it."""
        if self._detector is None:
            return None
        self.stream.hear(window, score, speaking=self._detector.speaking)
        return self._decide(self._detector, score)

    def _decide(self, detector: SpeechDetector, score: Score) -> Decision | None:
        decision = detector.next(self._index, score.probability)
        self._step()
        return decision

    def push(self, pcm: bytes) -> Iterator[Decision]:
        """Take audio and hear all of it at once; yield what is decided on it, in order."""
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
        """Say how likely (0–1) the turn is over at the pause that `push` has just yielded.

        A turn that sounds complete ends at once; any other pause must last the longer, the less
        complete it sounds, up to the ceiling of the session's eagerness (§C.4).
        """
        if self._detector is None or self._settings is None:
            return None
        eagerness = self._settings["eagerness"]
        complete = completeness >= _COMPLETE_FROM[eagerness]
        silence_ms = 0 if complete else round(_CEILINGS_MS[eagerness] * (1 - completeness))
        return self._detector.judged(self._index - 1, silence_ms)

    def _build(self, settings: dict[str, Any], *, speaking: bool = False) -> SpeechDetector:
        if settings["type"] == "semantic_vad":
            return SpeechDetector(
                SEMANTIC_THRESHOLD,
                _CEILINGS_MS[settings["eagerness"]],
                hesitate_after_ms=self._hesitate_after_ms,
                judge_after_ms=JUDGE_AFTER_MS,
                speaking=speaking,
            )
        return SpeechDetector(
            settings["threshold"],
            settings["silence_duration_ms"],
            hesitate_after_ms=self._hesitate_after_ms,
            speaking=speaking,
        )


def _windows(ms: int) -> int:
    return max(1, -(-ms // WINDOW_MS))
