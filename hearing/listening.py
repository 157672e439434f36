"""One session's ear: what is appended goes to the turn detector, and its decisions come out.

Whether a pause needs a judgement, and how long audio may wait before it decides anything, is
settled here; what a decision means is the session's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from hearing.cleaned_audio import CleanStream, heard
from session.decisions import Decision, SpeechPaused
from session.turn_settings import TurnDetection
from turn_detection.smart_turn import CONTEXT_MS
from turn_detection.turn_models import TurnModels


class Listening:
    """The turn detector of one session, and the filters before it."""

    def __init__(self, models: TurnModels, recent_speech: Callable[[int], Clip]) -> None:
        """Listen to nothing yet.

        Args:
            models: Score the audio; all sessions share them.
            recent_speech: Returns the last so many milliseconds of the open turn.
        """
        self._models = models
        self._recent_speech = recent_speech
        self._detector = models.create_detector()
        self._format = AudioFormat()
        self._unchanged = True
        """Whether the detector hears just what was appended: PCM that is not cleaned."""
        self._stream = CleanStream(self._format, None)
        self._detects = False

    @property
    def format(self) -> AudioFormat:
        """Format of what is appended."""
        return self._format

    def reformat(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Hear what is appended from here on in another way."""
        # What the old filter still holds back goes first: offsets count every sample.
        self._detector.add(self._stream.flush())
        self._detector.reformat(audio_format.rate)
        self._format = audio_format
        self._unchanged = noise is None and audio_format.name == "audio/pcm"
        self._stream = CleanStream(audio_format, noise)

    def configure(self, settings: TurnDetection | None) -> None:
        """Detect turns with these settings from here on; None: the client commits them."""
        self._detects = settings is not None
        self._detector.configure(settings)

    def reset(self) -> None:
        """Forget the speech in progress: what follows is a new turn."""
        self._detector.reset()

    def can_wait(self, length: int) -> bool:
        """Return whether so much audio decides nothing yet: it is cheaper to take it with more.

        A chunk of 20 ms completes a window of 32 ms only now and then.
        """
        return self._unchanged and self._detects and length < self._detector.lacking

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
            decision = await self._models.next_decision(self._detector)
            if not isinstance(decision, SpeechPaused):
                return decision
            judged = await self._judge()
            if judged is not None:
                return judged
        return None

    async def _judge(self) -> Decision | None:
        """Ask Smart Turn whether the turn is over at this pause."""
        recent = self._recent_speech(CONTEXT_MS)
        # Cleaning 8 s of noise takes a while.
        pcm = await asyncio.to_thread(heard, recent)
        return self._detector.judged(await self._models.completeness(pcm))
