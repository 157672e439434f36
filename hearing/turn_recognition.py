"""Sends a session's turns to the recogniser, and matches its results with turns.

A turn is recognised while it is spoken. At a short pause, before it is known whether the turn is
over, the recogniser is asked for the transcript so far: a guess. If the user speaks on, the guess
is dropped and the turn is recognised anew; if not, the transcript is there when the turn ends. So
one turn may have several recognitions, each with its own id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from time import monotonic

from pipecat.frames.frames import Frame

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from audio.pcm import SAMPLE_RATE
from hearing.cleaned_audio import InputStream, cleaned, takes_long
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from session.ports import FailureReason, Transcript, TranscriptionSettings
from session.reports import TurnFailed, TurnGuessed, TurnReport, TurnSoFar, TurnUnderstood


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame for the recogniser that is made only when it is handed over."""

    make: Callable[[], Frame | None]
    """Returns the frame; None: no audio is ready yet."""
    hard: bool = False
    """Whether `make` takes so long that it should run in a thread."""


@dataclass(slots=True)
class _Open:
    """The recognition of an open turn."""

    id: str
    """The recognition's id."""
    item_id: str
    settings: TranscriptionSettings
    stream: InputStream | None
    """Converts the turn's audio as it is spoken; None: the recogniser takes only whole turns."""


@dataclass(slots=True)
class _Guess:
    """The recognition of a turn that may be over, asked for at a pause."""

    id: str
    item_id: str
    settings: TranscriptionSettings
    asked: float
    """When its transcript was asked for, in seconds by the clock."""
    so_far: bool
    """Whether the turn goes on, so that this is never its transcript."""
    transcript: Transcript | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Awaited:
    """The recognition of a committed turn, whose result is due."""

    item_id: str
    again: tuple[str, Delivery] | None = None
    """A second recognition of the whole turn, in case this one, begun as a guess, fails soon."""
    again_until: float = inf
    """Until when `again` takes its place if it fails, in seconds by the clock."""


class TurnRecognition:
    """The recognitions of one session."""

    def __init__(
        self,
        push: Callable[[Delivery], None],
        report: Callable[[TurnReport], None],
        *,
        as_spoken: bool = True,
        noise_reduced: bool = True,
        rate: int = SAMPLE_RATE,
        patience_s: float = inf,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Start with none.

        Args:
            push: Queues a frame for the recogniser's pipeline; order is kept.
            report: Takes reports about turns.
            as_spoken: Whether the recogniser takes turns as they are spoken; otherwise no audio
                is sent before a turn ends.
            noise_reduced: Whether it gets the audio behind the session's noise reduction; otherwise
                as the client sent it (§C.2).
            rate: Rate of the audio that it takes, in Hz.
            patience_s: Seconds after which a guess that fails is not asked for again: its attempts
                were those of the turn, and its user has waited for them.
            clock: Tells the time in seconds.
        """
        self._patience_s = patience_s
        self._clock = clock
        self._as_spoken = as_spoken
        self._noise_reduced = noise_reduced
        self._rate = rate
        self._push = push
        self._report = report
        self._open: _Open | None = None
        self._guess: _Guess | None = None
        self._awaited: dict[str, _Awaited] = {}
        """By the recognition's id."""
        self._count = 0

    def begin(self, item_id: str, clip: Clip, settings: TranscriptionSettings) -> None:
        """Begin the recognition of a turn with `clip`; `hear` takes the rest."""
        clip = self._for_recogniser(clip)
        self._count += 1
        id_ = f"{item_id}.{self._count}"
        stream = InputStream(clip.format, clip.noise, self._rate) if self._as_spoken else None
        self._open = _Open(id_, item_id, settings, stream)
        if stream is not None:
            started = TurnStartedFrame(id_, settings)
            self._push(Delivery(lambda: started))
            self._pass_on(self._open, stream, clip.audio, hard=takes_long(clip))

    def hear(self, audio: bytes) -> None:
        """Send audio that was appended to the open turn."""
        if self._open is not None and self._open.stream is not None:
            self._pass_on(self._open, self._open.stream, audio)

    def reformat(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Expect another format and noise reduction from here on."""
        if self._open is not None and self._open.stream is not None:
            self._pass_on(self._open, self._open.stream, None)
            heard = noise if self._noise_reduced else None
            self._open.stream = InputStream(audio_format, heard, self._rate)

    def guess(self, clip: Clip, *, so_far: bool = False) -> None:
        """Ask for the transcript of the open turn so far, `clip`, in case it ends here.

        Args:
            clip: The turn from its beginning.
            so_far: Whether it goes on, and what kind of words there are is wanted soon.
        """
        if self._open is None:
            return
        turn, self._open = self._open, None
        self._guess = _Guess(turn.id, turn.item_id, turn.settings, self._clock(), so_far)
        heard = self._for_recogniser(clip)
        self._push(self._committed(turn.id, turn.item_id, heard, turn.settings, so_far=so_far))

    def is_guess(self, item_id: str, text: str | None) -> bool:
        """Return whether the turn is still at the pause at which it was guessed.

        Args:
            item_id: The turn.
            text: Its guessed transcript; None: whatever that is, if there is one at all.
        """
        guess = self._guess
        if guess is None or guess.item_id != item_id:
            return False
        return text is None or (guess.transcript is not None and guess.transcript.text == text)

    def resume(self, clip: Clip) -> None:
        """Drop the guess, as the user speaks on, and recognise the turn so far, `clip`, anew."""
        guess = self._drop_guess()
        if guess is not None:
            self.begin(guess.item_id, clip, guess.settings)

    def commit(
        self, item_id: str, clip: Clip, settings: TranscriptionSettings
    ) -> Transcript | None:
        """Ask for the transcript of a turn that is over: exactly `clip`.

        Returns:
            The transcript, if the guess has one already; None: it will be reported.
        """
        clip = self._for_recogniser(clip)
        guess = self._guess
        asked = None if guess is None or guess.so_far else (guess.item_id, guess.settings)
        if guess is not None and asked == (item_id, settings):
            self._guess = None
            if guess.transcript is not None:
                return guess.transcript
            if not guess.failed:
                again_id = f"{guess.id}.again"
                again = self._committed(again_id, item_id, clip, settings)
                self._awaited[guess.id] = _Awaited(
                    item_id, (again_id, again), guess.asked + self._patience_s
                )
                return None
        elif guess is not None and guess.item_id == item_id:
            self._drop_guess()
        id_ = item_id
        if self._open is not None and self._open.item_id == item_id:
            id_ = self._open.id
            self._open = None
        self._awaited[id_] = _Awaited(item_id)
        self._push(self._committed(id_, item_id, clip, settings))
        return None

    def forget(self, item_id: str) -> None:
        """Drop the recognition of a turn: its transcript is not needed."""
        if self._guess is not None and self._guess.item_id == item_id:
            self._drop_guess()
        if self._open is not None and self._open.item_id == item_id:
            self._discard(self._open.id)
            self._open = None

    # --- what the recogniser reports ----------------------------------------------------------

    def on_interim(self, id_: str, text: str) -> None:
        """Take a recognition's transcript so far."""
        awaited = self._awaited.get(id_)
        item_id = awaited.item_id if awaited else None
        for turn in (self._open, self._guess):
            if turn is not None and turn.id == id_:
                item_id = turn.item_id
        if item_id is not None:
            self._report(TurnSoFar(item_id, text))

    def on_transcript(self, id_: str, transcript: Transcript) -> None:
        """Take a recognition's final transcript."""
        awaited = self._awaited.pop(id_, None)
        if awaited is not None:
            self._report(TurnUnderstood(awaited.item_id, transcript))
        elif self._guess is not None and self._guess.id == id_:
            self._guess.transcript = transcript
            guessed = TurnGuessed(self._guess.item_id, transcript.text, transcript.no_speech)
            self._report(guessed)

    def on_failure(self, id_: str, error: FailureReason) -> None:
        """Take a failure; a turn whose guess soon failed is recognised again, as a whole."""
        awaited = self._awaited.pop(id_, None)
        if (
            awaited is not None
            and awaited.again is not None
            and self._clock() < awaited.again_until
        ):
            again_id, again = awaited.again
            self._awaited[again_id] = _Awaited(awaited.item_id)
            self._push(again)
        elif awaited is not None:
            self._report(TurnFailed(awaited.item_id, error))
        elif self._guess is not None and self._guess.id == id_:
            self._guess.failed = True

    # ------------------------------------------------------------------------------------------

    def _for_recogniser(self, clip: Clip) -> Clip:
        return clip if self._noise_reduced else replace(clip, noise=None)

    def _pass_on(
        self, turn: _Open, stream: InputStream, audio: bytes | None, *, hard: bool = False
    ) -> None:
        """Send audio of a turn; None: what its filters still hold."""

        def make() -> TurnAudioFrame | None:
            pcm = stream.flush() if audio is None else stream.push(audio)
            return TurnAudioFrame(turn.id, pcm) if pcm else None

        self._push(Delivery(make, hard))

    def _discard(self, id_: str) -> None:
        self._push(Delivery(lambda: TurnDiscardedFrame(id_)))

    def _drop_guess(self) -> _Guess | None:
        guess, self._guess = self._guess, None
        if guess is not None:
            self._discard(guess.id)
        return guess

    def _committed(
        self,
        id_: str,
        item_id: str,
        clip: Clip,
        settings: TranscriptionSettings,
        *,
        so_far: bool = False,
    ) -> Delivery:
        rate = self._rate

        def make() -> TurnCommittedFrame:
            return TurnCommittedFrame(id_, cleaned(clip, rate), settings, so_far, item_id)

        return Delivery(make, takes_long(clip))
