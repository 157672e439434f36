"""Decides when speech starts and when a turn ends, from Silero's scores of windows.

Decisions fall on a grid of 32 ms windows counted from the first sample of the session, so that the
same audio always gives the same offsets, however it was chunked (§E).
"""

from __future__ import annotations

from collections.abc import Iterator

from audio.formats import AudioFormat
from audio.pcm import SAMPLE_RATE
from session.decisions import Decision, SpeechPersisted, SpeechStopped
from session.turn_settings import TurnDetection
from turn_detection.echo_guard import EchoGuard
from turn_detection.echo_hold import EchoHold, Scored
from turn_detection.end_pointing import EndPointer, end_pointer
from turn_detection.level_control import Heard, LevelControl
from turn_detection.silero import (
    SILENCE,
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
        self,
        model: SileroModel,
        hesitate_after_ms: int | None = None,
        rate: int = SAMPLE_RATE,
        guard: EchoGuard | None = None,
    ) -> None:
        """Start without audio, with turn detection off.

        Args:
            model: Scores the windows.
            hesitate_after_ms: See `EndPointer`.
            rate: Sample rate of the audio in Hz.
            guard: Tells the server's own voice from others; None: nobody does.
        """
        self._model = model
        self.stream = VoiceStream(model)
        """The model's state for this audio."""
        self._hesitate_after_ms = hesitate_after_ms
        self._detector: EndPointer | None = None
        self._settings: TurnDetection | None = None
        self._windows = Windows(rate)
        self._loudness = LevelControl()
        self._heard: Heard | None = None
        """The waiting window, once it was asked for."""
        self._index = 0
        self._followed = False
        """Whether every window of the speech in progress is told."""
        self._echo = None if guard is None else EchoHold(guard)
        self._decided = -1
        """The last window that was decided on."""

    def reformat(self, rate: int) -> None:
        """Expect audio at another rate, in Hz, from the next `add` on."""
        self._heard = None
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
        if self._echo is not None:
            self._echo.clear()
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
        if self._echo is not None:
            self._echo.clear()
        self._detector = end_pointer(settings, self._hesitate_after_ms, speaking=speaking)
        windows, into_ms = divmod(ms, WINDOW_MS)
        self._index = int(windows)
        self._windows.restart(into_ms)
        self._heard = None

    def follow(self, *, on: bool) -> None:
        """Decide `SpeechPersisted` of the windows of the speech in progress from here on, or not.

        It ends with the speech.
        """
        self._followed = on

    def sent(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Note what the client was just sent to play: it may come back as an echo."""
        if self._echo is not None:
            self._echo.guard.sent(audio, audio_format, self._index * WINDOW_MS)

    def silenced(self) -> None:
        """Note that the client was just told to be silent, or says that it is."""
        if self._echo is not None:
            self._echo.guard.silenced(self._index * WINDOW_MS)

    @property
    def hears_echo(self) -> bool:
        """Whether what was sent is heard again: a loudspeaker is near the microphone."""
        return self._echo is not None and self._echo.guard.hears_echo

    def add(self, pcm: bytes) -> None:
        """Append 16-bit PCM of any length."""
        self._windows.add(pcm)

    @property
    def waiting(self) -> bool:
        """Whether there is a window to score, or to decide on."""
        return self._windows.ready or (self._echo is not None and self._echo.waiting)

    @property
    def lacking(self) -> int:
        """Bytes of audio that the next window still lacks; 0 or less: it is complete."""
        return self._windows.lacking

    @property
    def window(self) -> Window:
        """The window to score, made louder where it is quiet."""
        if self._heard is None:
            self._heard = self._loudness.heard(self._windows.window())
        return self._heard.window

    def advance(self) -> Decision | None:
        """Advance as far as possible without the model; return the first decision on the way.

        After `VerdictDue` the caller may call `judged` before it continues.
        """
        if self._echo is not None and self._echo.waiting and self._detector is not None:
            decision = self._decide_on_passed(self._detector, self._echo)
            if decision is not None:
                return decision
        while self.waiting:
            if self._detector is None:
                self._step()
                continue
            score = self.stream.recall_silence() if self._windows.silent else None
            if score is None:
                return None
            self.stream.hear_silence(score, speaking=self._detector.speaking)
            decision = self._decide(self._detector, score, SILENCE)
            if decision is not None:
                return decision
        return None

    def scored(self, window: Window, score: Score) -> Decision | None:
        """Take the score of the waiting window and advance past it."""
        if self._detector is None:
            return None
        self.stream.hear(window, score, speaking=self._detector.speaking)
        return self._decide(self._detector, score, window)

    def _decide(self, detector: EndPointer, score: Score, window: Window) -> Decision | None:
        index, echo = self._index, self._echo
        was = Heard(window, window, 0.0) if self._heard is None else self._heard
        self._loudness.passed(was.amplitude)
        heard = Scored(index, score.probability, was.level_db)
        self._step()
        if echo is None or echo.passes(index):
            return self._decide_on(detector, heard)
        voiced, speaking = detector.is_voiced(heard.probability), detector.speaking
        # What was sent is compared with what came, not with what was made louder.
        if echo.take(heard, was.original, voiced=voiced, speaking=speaking):
            self._echo_begins(index)
        return self._decide_on_passed(detector, echo)

    def _decide_on_passed(self, detector: EndPointer, echo: EchoHold) -> Decision | None:
        while (passed := echo.next()) is not None:
            decision = self._decide_on(detector, passed)
            if decision is not None:
                return decision
        return None

    def _decide_on(self, detector: EndPointer, heard: Scored) -> Decision | None:
        self._decided = heard.place
        decision = detector.next(
            heard.place, heard.probability, heard.level_db, covered=heard.covered
        )
        return self._persisting(detector, heard, decision) if self._followed else decision

    def _echo_begins(self, index: int) -> None:
        """Do nothing: see `ObservedTurnDetector`."""

    def _persisting(
        self, detector: EndPointer, heard: Scored, decision: Decision | None
    ) -> Decision | None:
        """Return the decision on a window, or that speech persists where there is no other."""
        self._followed = detector.speaking
        if decision is not None or not detector.speaking:
            return decision
        if heard.covered and detector.voiced_ms:
            # Whether the voice goes on below the server's own is not known yet.
            return None
        at_ms = (heard.place + 1) * WINDOW_MS
        return SpeechPersisted(at_ms, detector.voiced_ms, heard.level_db, heard.probability)

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
        self._heard = None
        self._windows.step()
        self._index += 1

    @property
    def pausing(self) -> bool:
        """Whether speech is in progress, and paused at the last window."""
        return self._detector is not None and self._detector.pausing

    def heard_text(self, text: str) -> None:
        """Take the transcript of the open turn so far."""
        if self._detector is not None:
            self._detector.heard_text(text)

    def judged(self, completeness: float | None) -> SpeechStopped | None:
        """Take the judgement on the pause, at the `VerdictDue` just decided.

        Args:
            completeness: Probability (0–1) that the turn is over; None: it came too late.
        """
        if self._detector is None:
            return None
        return self._detector.judged(self._decided, completeness)
