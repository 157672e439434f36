"""What a session hears: appended audio in, the turn detector's decisions out.

It stands beside the recognition because both hear the same audio through the same filters.

Asks Smart Turn about pauses, and says how much audio may be collected before any decision depends
on it. What a decision means is up to the session.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from hearing.cleaned_audio import CleanStream, cleaned
from session.decisions import Decision, SpeechPaused, VerdictDue
from session.turn_settings import TurnDetection
from turn_detection.observed_detector import Observer
from turn_detection.smart_turn import CONTEXT_MS, Question
from turn_detection.turn_models import TurnModels

SLICE_MS = 100
"""Longest audio taken at once; a file in one event is taken in slices of this length."""
COLLECTED_MS = 100
"""Audio that is collected while turns are not detected: a recogniser hears it that much later."""


class Listening:
    """The turn detector of one session, and the filters before it."""

    def __init__(
        self,
        models: TurnModels,
        recent_speech: Callable[[int, int], Clip],
        observe: Observer | None = None,
    ) -> None:
        """Start without audio.

        Args:
            models: The models that score audio, shared by all sessions.
            recent_speech: Returns the open turn's last milliseconds, at most so many, before an
                offset in milliseconds.
            observe: Is told what the turn detector hears; None: nobody is.
        """
        self._models = models
        self._recent_speech = recent_speech
        self._detector = models.create_detector(observe)
        self._format = AudioFormat()
        self._unchanged = True
        """Whether the detector hears just what was appended: PCM that is not cleaned."""
        self._noise: NoiseReduction | None = None
        self._stream = CleanStream(self._format, self._noise)
        self._detects = False
        self._question: Question | None = None
        """What Smart Turn was asked about the pause."""

    @property
    def format(self) -> AudioFormat:
        """Format of the appended audio."""
        return self._format

    def reformat(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Expect another format and noise reduction from here on."""
        # The old filter's remaining samples go first: offsets count every sample.
        self._detector.add(self._stream.flush())
        self._detector.reformat(audio_format.rate)
        self._format, self._noise = audio_format, noise
        self._unchanged = noise is None and audio_format.name == "audio/pcm"
        self._stream = CleanStream(audio_format, noise)

    def configure(self, settings: TurnDetection | None) -> None:
        """Detect turns with these settings from here on; None: the client commits turns."""
        self._detects = settings is not None
        self._detector.configure(settings)

    def go_back(self, ms: float, *, speaking: bool) -> None:
        """Go on at an offset: what is added next is the audio from there on.

        Args:
            ms: Milliseconds of audio since the session began.
            speaking: Whether a turn is open there.
        """
        self._stream = CleanStream(self._format, self._noise)
        self._detector.go_back(ms, speaking=speaking)

    def reset(self) -> None:
        """Drop the state of speech in progress: what follows is a new turn."""
        self._detector.reset()

    def follow(self, *, on: bool) -> None:
        """Decide `SpeechPersisted` of the speech in progress from here on, or not."""
        self._detector.follow(on=on)

    def sent(self, audio: bytes, audio_format: AudioFormat) -> None:
        """Note what the client was just sent to play."""
        if self._detects:
            self._detector.sent(audio, audio_format)

    def silenced(self) -> None:
        """Note that the client was just told to be silent, or says that it is."""
        self._detector.silenced()

    @property
    def hears_echo(self) -> bool:
        """Whether what the client plays is heard again."""
        return self._detector.hears_echo

    def can_wait(self, length: int) -> bool:
        """Return whether `length` bytes decide nothing, so that more may be collected first.

        Fewer, longer calls are cheaper: a chunk of 20 ms often completes no window of 32 ms, and
        where the client commits its turns, nothing is decided before it does.
        """
        if not self._detects:
            return length < COLLECTED_MS * self._format.bytes_per_ms
        return self._unchanged and length < self._detector.lacking

    def heard_text(self, text: str) -> None:
        """Take the transcript of the open turn so far: its last words count at a pause (§C.4)."""
        self._detector.heard_text(text)

    def add(self, audio: bytes) -> None:
        """Take audio, to be heard behind what was added before."""
        self._detector.add(self._stream.push(audio))

    @property
    def waiting(self) -> bool:
        """Whether there is audio on which something may be decided."""
        return self._detector.waiting

    async def next_decision(self) -> Decision | None:
        """Return the next decision on the audio that was added; None: there is none yet.

        Call it until then: nothing overtakes the audio, which waits here for the models.
        """
        while self._detector.waiting:
            decision: Decision | None = await self._models.next_decision(self._detector)
            if isinstance(decision, VerdictDue):
                decision = self._detector.judged(await self._answer())
            if isinstance(decision, SpeechPaused):
                self._ask(decision.at_ms)
                continue
            if self._question is not None and not self._detector.pausing:
                self._take_back()
            if decision is not None or not self._detector.waiting:
                return decision
        return None

    def _ask(self, at_ms: int) -> None:
        """Ask Smart Turn whether the turn is over at the pause that lasts up to `at_ms`."""
        self._take_back()
        recent = self._recent_speech(CONTEXT_MS, at_ms)
        self._question = self._models.ask(partial(cleaned, recent))

    async def _answer(self) -> float | None:
        question, self._question = self._question, None
        return None if question is None else await question.answered()

    def _take_back(self) -> None:
        if self._question is not None:
            self._question.take_back()
            self._question = None
