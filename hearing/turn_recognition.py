"""What the recogniser is given of a session's turns, and which turn its results belong to.

A turn is heard while it is spoken. At a short pause, before it is known whether the turn is over,
the recogniser is already asked for the transcript: a guess. If the user goes on, the guess is
dropped and the turn is heard anew; if not, the transcript is there when the turn ends. So one
turn may be heard several times, and every hearing has an id of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipecat.frames.frames import Frame

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from hearing.cleaned_audio import InputStream, heard
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from session.ports import ProviderError, TranscriptionSettings

EASY_MS, EASY_NOISY_MS = 10_000, 1_000
"""Audio up to this length, and up to this one if it has to be cleaned, is converted on the spot: it
takes a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame for the recogniser that is made when its turn has come."""

    make: Callable[[], Frame | None]
    """None: there is nothing to hand over yet."""
    hard: bool = False
    """Whether making it takes so long that a thread should do it."""


class Listener(Protocol):
    """Who is told what has been understood. Every call names the turn's item."""

    def turn_so_far(self, item_id: str, text: str) -> None:
        """The turn says `text` as far as it has been heard."""

    def turn_guessed(self, item_id: str, text: str) -> None:
        """The turn says `text` if it is over, which is not known yet."""

    def turn_understood(self, item_id: str, text: str) -> None:
        """The turn said `text`."""

    def turn_failed(self, item_id: str, error: ProviderError) -> None:
        """The turn could not be transcribed."""


@dataclass(slots=True)
class _Hearing:
    """A turn as the recogniser hears it once."""

    id: str
    item_id: str
    settings: TranscriptionSettings
    stream: InputStream | None
    """What is heard as it is spoken; None: the recogniser waits for the whole turn."""


@dataclass(slots=True)
class _Guess:
    """A transcript asked for at a pause."""

    id: str
    item_id: str
    settings: TranscriptionSettings
    text: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A result that is due."""

    item_id: str
    again: tuple[str, Delivery] | None = None
    """The hearing of the turn as it was when it was over, if the result is one that was guessed
    before that."""


class TurnHearing:
    """The turns of one session on their way through the recogniser."""

    def __init__(
        self, push: Callable[[Delivery], None], listener: Listener, *, as_spoken: bool = True
    ) -> None:
        """Start with no turn.

        Args:
            push: Puts a frame into the hearing pipeline, soon; order is kept.
            listener: Who is told what has been understood.
            as_spoken: Whether the recogniser hears turns as they are spoken, or only whole ones:
                then no audio is sent before a turn ends.
        """
        self._as_spoken = as_spoken
        self._push = push
        self._listener = listener
        self._open: _Hearing | None = None
        self._guess: _Guess | None = None
        self._awaited: dict[str, _Awaited] = {}
        """By hearing."""
        self._hearings = 0

    def begin(
        self,
        item_id: str,
        audio: bytes,
        audio_format: AudioFormat,
        noise: NoiseReduction | None,
        settings: TranscriptionSettings,
    ) -> None:
        """Let the recogniser hear a turn: `audio`, and what `hear` is given from now on."""
        self._hearings += 1
        hearing_id = f"{item_id}.{self._hearings}"
        stream = InputStream(audio_format, noise) if self._as_spoken else None
        self._open = _Hearing(hearing_id, item_id, settings, stream)
        if stream is not None:
            started = TurnStartedFrame(hearing_id, settings.language, settings.prompt)
            self._push(Delivery(lambda: started))
            self._pass_on(self._open, stream, audio, hard=_hard(audio, audio_format, noise))

    def hear(self, audio: bytes) -> None:
        """Pass on what is appended while a turn is open."""
        if self._open is not None and self._open.stream is not None:
            self._pass_on(self._open, self._open.stream, audio)

    def reformat(self, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Take what follows in another format."""
        if self._open is not None and self._open.stream is not None:
            self._pass_on(self._open, self._open.stream, None)
            self._open.stream = InputStream(audio_format, noise)

    def guess(self, audio: bytes, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """Ask for the transcript of the open turn, whose audio so far is `audio`."""
        if self._open is None:
            return
        hearing, self._open = self._open, None
        self._guess = _Guess(hearing.id, hearing.item_id, hearing.settings)
        self._push(_committed(hearing.id, audio, audio_format, noise, hearing.settings))

    def is_guess(self, item_id: str, text: str) -> bool:
        """Return whether `text` is still the guess of what the turn says."""
        guess = self._guess
        return guess is not None and (guess.item_id, guess.text) == (item_id, text)

    def resume(self, audio: bytes, audio_format: AudioFormat, noise: NoiseReduction | None) -> None:
        """The user goes on: drop the guess and hear the turn again from its beginning."""
        guess = self._drop_guess()
        if guess is not None:
            self.begin(guess.item_id, audio, audio_format, noise, guess.settings)

    def commit(
        self,
        item_id: str,
        audio: bytes,
        audio_format: AudioFormat,
        noise: NoiseReduction | None,
        settings: TranscriptionSettings,
    ) -> str | None:
        """Ask for the transcript of a turn that is over, whose audio is `audio`.

        Returns:
            The transcript, if a guess has it already; None: it will be reported.
        """
        guess = self._guess
        if guess is not None and (guess.item_id, guess.settings) == (item_id, settings):
            self._guess = None
            if guess.text is not None:
                return guess.text
            if not guess.failed:
                again_id = f"{guess.id}.again"
                again = _committed(again_id, audio, audio_format, noise, settings)
                self._awaited[guess.id] = _Awaited(item_id, (again_id, again))
                return None
        elif guess is not None and guess.item_id == item_id:
            self._drop_guess()
        hearing_id = item_id
        if self._open is not None and self._open.item_id == item_id:
            hearing_id = self._open.id
            self._open = None
        self._awaited[hearing_id] = _Awaited(item_id)
        self._push(_committed(hearing_id, audio, audio_format, noise, settings))
        return None

    def forget(self, item_id: str) -> None:
        """The turn came to nothing."""
        if self._guess is not None and self._guess.item_id == item_id:
            self._drop_guess()
        if self._open is not None and self._open.item_id == item_id:
            self._discard(self._open.id)
            self._open = None

    # --- what the recogniser reports ----------------------------------------------------------

    def on_interim(self, hearing_id: str, text: str) -> None:
        """A hearing has got so far."""
        awaited = self._awaited.get(hearing_id)
        item_id = awaited.item_id if awaited else None
        for hearing in (self._open, self._guess):
            if hearing is not None and hearing.id == hearing_id:
                item_id = hearing.item_id
        if item_id is not None:
            self._listener.turn_so_far(item_id, text)

    def on_transcript(self, hearing_id: str, text: str) -> None:
        """A hearing has its result."""
        awaited = self._awaited.pop(hearing_id, None)
        if awaited is not None:
            self._listener.turn_understood(awaited.item_id, text)
        elif self._guess is not None and self._guess.id == hearing_id:
            self._guess.text = text
            self._listener.turn_guessed(self._guess.item_id, text)

    def on_failure(self, hearing_id: str, error: ProviderError) -> None:
        """A hearing has no result. A turn whose guess failed is heard again when it is over."""
        awaited = self._awaited.pop(hearing_id, None)
        if awaited is not None and awaited.again is not None:
            again_id, again = awaited.again
            self._awaited[again_id] = _Awaited(awaited.item_id)
            self._push(again)
        elif awaited is not None:
            self._listener.turn_failed(awaited.item_id, error)
        elif self._guess is not None and self._guess.id == hearing_id:
            self._guess.failed = True

    # ------------------------------------------------------------------------------------------

    def _pass_on(
        self, hearing: _Hearing, stream: InputStream, audio: bytes | None, *, hard: bool = False
    ) -> None:
        """Hand over audio of a hearing; None: what its filters still hold back."""

        def make() -> TurnAudioFrame | None:
            pcm = stream.flush() if audio is None else stream.push(audio)
            return TurnAudioFrame(hearing.id, pcm) if pcm else None

        self._push(Delivery(make, hard))

    def _discard(self, hearing_id: str) -> None:
        self._push(Delivery(lambda: TurnDiscardedFrame(hearing_id)))

    def _drop_guess(self) -> _Guess | None:
        guess, self._guess = self._guess, None
        if guess is not None:
            self._discard(guess.id)
        return guess


def _committed(
    hearing_id: str,
    audio: bytes,
    audio_format: AudioFormat,
    noise: NoiseReduction | None,
    settings: TranscriptionSettings,
) -> Delivery:
    def make() -> TurnCommittedFrame:
        pcm = heard(audio, audio_format, noise)
        return TurnCommittedFrame(hearing_id, pcm, settings.language, settings.prompt)

    return Delivery(make, _hard(audio, audio_format, noise))


def _hard(audio: bytes, audio_format: AudioFormat, noise: NoiseReduction | None) -> bool:
    easy_ms = EASY_MS if noise is None else EASY_NOISY_MS
    return len(audio) > easy_ms * audio_format.bytes_per_ms
