"""What a translation session is and does, without I/O or a clock (§B.14).

Audio is cut into utterances at the speaker's pauses, their transcripts into clauses, and each
clause is translated and spoken behind the one before. Speech goes on meanwhile: there are no turns,
and nothing interrupts. Methods return effects, in the order in which they are to be carried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from audio.clip import Clip
from audio.loudness import contrast_db
from flow.steps import Steps
from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.effects import (
    Close,
    Generate,
    GuessTurn,
    HearAs,
    HearOn,
    HearTurn,
    ResumeTurn,
    Send,
    SetTurnDetection,
    To,
    Transcribe,
)
from session.ports import NO_WISHES, CloseReason, FailureReason, FinishReason, ResponseRequest
from session.reports import (
    AudioMade,
    PlaybackDrained,
    Report,
    ResponseFailed,
    ResponseFinished,
    TextMade,
    TurnFailed,
    TurnSoFar,
    TurnUnderstood,
)
from session.turn_settings import ServerVad
from session.wordless import has_words
from settings.stacks import in_stack
from translation.instructions import Interpreter
from translation.settings import TranslationSettings
from translation.source_audio import PADDING_MS, Longest, SourceAudio
from translation.speaking import Sound, Speaking, elapsed
from translation.utterances import Caption, Heard, Utterances
from wire.client_events import CloseSession, SessionEvent
from wire.envelope import error_event, new_id
from wire.errors import ProtocolError
from wire.media import Media
from wire.session_events import SessionCreated, SessionUpdated
from wire.translation_events import (
    SourceTranscriptDelta,
    TranslatedTextDelta,
    TranslationClosed,
    UpdateTranslation,
)

_LACKING: Mapping[FinishReason, str] = {
    "length": "its translation of a clause was cut short, at the most that it may write",
    "content_filter": "its translation of a clause was kept back by a filter",
}
MANY = 32
"""Clauses that may wait to be translated before the client is slowed."""


@dataclass(frozen=True, slots=True)
class ClauseCut:
    """A clause was cut: note it in the log."""

    clause_id: str
    age_ms: float
    """How long ago its last word ended, in ms of audio."""


@dataclass(frozen=True, slots=True)
class ClauseOver:
    """A clause was spoken, or failed: note it in the log, and release its pipeline."""

    clause_id: str
    error: FailureReason | None = None
    """None: it was spoken."""


Effect = (
    Send
    | Sound
    | Close
    | HearAs
    | SetTurnDetection
    | HearTurn
    | HearOn
    | GuessTurn
    | ResumeTurn
    | Transcribe
    | Generate
    | ClauseCut
    | ClauseOver
)


class TranslationSession:
    """The state of one translation session."""

    def __init__(self, settings: TranslationSettings, longest: Longest) -> None:
        """Start a session.

        Args:
            settings: The session's settings, which updates change.
            longest: How long utterances may get with its recogniser.
        """
        self._settings = settings
        self._longest = longest
        self._audio = SourceAudio(settings.format)
        self._utterances = Utterances(_ids("clause"))
        self._unheard: dict[str, Clip] = {}
        """The utterances that ended, until their transcripts are there."""
        self._interpreter = Interpreter()
        self._speaking = Speaking(settings.max_speed)
        self._sounding: str | None = None
        """The last clause that a peer was given to play, until it has; only calls tell."""
        self._ending: Close | Literal["closed"] | None = None
        """How the session ends once all is translated; None: it goes on."""

    @property
    def lifetime_s(self) -> float:
        """Seconds after which the caller is to call `expire`."""
        return 60 * self._settings.limit_minutes

    @property
    def hears(self) -> bool:
        """Whether appended audio counts: it does until the session is being closed."""
        return self._ending is None

    @property
    def has_room(self) -> bool:
        """Whether so few clauses wait that more may be heard."""
        return self._speaking.waiting < MANY

    def open(self) -> list[Effect]:
        """Begin the session: `session.created` (§B.14)."""
        settings = self._settings
        detection = ServerVad(settings.threshold, PADDING_MS, settings.pause_ms)
        effects: list[Effect] = [Send(SessionCreated(session=settings.wire()))]
        if settings.noise_reduction is not None:
            effects.append(HearAs(settings.format, settings.noise_reduction))
        return [*effects, SetTurnDetection(detection)]

    # --- the client ----------------------------------------------------------------------------

    def take(self, event: SessionEvent) -> Steps[list[Effect]]:
        """Take a client event; the record names the method that handles it."""
        try:
            effects: list[Effect] = getattr(self, event.handler)(event)
        except ProtocolError as error:
            return [Send(error_event(error.answering(event.event_id)), To.ASKER)]
        yield
        return self._settled(effects)

    def update_session(self, event: UpdateTranslation) -> list[Effect]:
        """Change the target language, the captions or the noise reduction (§B.14)."""
        settings = self._settings
        language, noise = settings.language, settings.noise_reduction
        settings.apply(event.session.audio)
        if settings.language != language:
            self._interpreter.forget()
        effects: list[Effect] = [Send(SessionUpdated(session=settings.wire()))]
        if settings.noise_reduction != noise:
            effects.append(HearAs(settings.format, settings.noise_reduction))
        return effects

    def close_session(self, _event: CloseSession) -> list[Effect]:
        """Translate what was said so far, then close (§B.14)."""
        return self._finish(Close(CloseReason.CLIENT_DONE))

    def append(self, audio: bytes) -> tuple[list[Effect], bytes]:
        """Take audio to translate.

        Args:
            audio: 24 kHz PCM; half a sample at the end waits for the next.

        Returns:
            The effects, and the whole samples written, for the turn detector.
        """
        if not self.hears:
            return [], b""
        written = self._audio.append(audio)
        if self._audio.open is None:
            return [], written
        effects: list[Effect] = [HearOn(written)]
        if self._audio.open_ms >= self._longest.hard_ms:
            effects += self._cut_at(self._audio.quietest_ms(self._longest.back_ms))
        return effects, written

    # --- the turn detector -----------------------------------------------------------------------

    def heard(self, decision: Decision) -> list[Effect]:
        """Take a decision of the turn detector: only where the speaker pauses counts."""
        if not self.hears:
            return []
        is_open = self._audio.open is not None
        match decision:
            case SpeechStarted(onset_ms) if not is_open:
                return self._begin(onset_ms)
            case SpeechResumed(at_ms) if not is_open:
                # It was cut at the pause.
                return self._begin(at_ms)
            case SpeechHesitated(at_ms) if is_open:
                return self._hesitated(at_ms)
            case SpeechResumed():
                assert self._audio.open is not None
                return [ResumeTurn(self._audio.open.id, self._so_far(self._audio.written_ms))]
            case SpeechStopped(end_ms) if is_open:
                return self._end(end_ms, end_ms - self._settings.pause_ms)
        return []

    def _hesitated(self, at_ms: int) -> list[Effect]:
        assert self._audio.open is not None
        if self._audio.open_ms >= self._longest.soft_ms:
            return self._end(at_ms, at_ms)
        return [GuessTurn(self._audio.open.id, self._so_far(at_ms))]

    def _begin(self, onset_ms: float) -> list[Effect]:
        utterance_id = new_id("item")
        clip = self._clip(self._audio.begin(utterance_id, onset_ms))
        self._utterances.begin(utterance_id)
        return [HearTurn(utterance_id, clip, NO_WISHES)]

    def _end(self, end_ms: float, last_word_ms: float) -> list[Effect]:
        assert self._audio.open is not None
        utterance_id = self._audio.open.id
        clip = self._clip(self._audio.end(end_ms))
        self._utterances.ended(utterance_id, last_word_ms)
        self._unheard[utterance_id] = clip
        return [Transcribe(utterance_id, clip, NO_WISHES)]

    def _cut_at(self, at_ms: float) -> list[Effect]:
        """End the open utterance in the middle of speech; another begins there."""
        return [*self._end(at_ms, at_ms), *self._begin(at_ms)]

    def _so_far(self, end_ms: float) -> Clip:
        assert self._audio.open is not None
        return self._clip(self._audio.between(self._audio.open.start_ms, end_ms))

    def _clip(self, audio: bytes) -> Clip:
        return Clip(audio, self._settings.format, self._settings.noise_reduction)

    # --- recogniser, model and voice ----------------------------------------------------------

    def report(self, report: Report) -> list[Effect]:
        """Take a report of the recogniser, of a clause's pipeline, or of the playback."""
        match report:
            case TurnSoFar(id_, text):
                now_ms = self._audio.written_ms
                said = text if has_words(text) else ""
                effects = self._understood(self._utterances.so_far(id_, said, now_ms))
            case TurnUnderstood(id_, transcript):
                clip = self._unheard.pop(id_)
                said = transcript.text if has_words(transcript, partial(_contrast, clip)) else ""
                effects = self._understood(self._utterances.understood(id_, said))
            case TurnFailed(id_, error):
                del self._unheard[id_]
                effects = [_failure(error), *self._understood(self._utterances.failed(id_))]
            case TextMade(id_, delta):
                effects = self._written(id_, delta)
            case AudioMade(id_, pcm):
                effects = self._spoken(self._speaking.sound(id_, pcm))
            case ResponseFinished(id_, reason):
                lacking = self._lacking(id_, reason)
                effects = [*self._spoken(self._speaking.end(id_)), *self._over(id_, lacking)]
            case ResponseFailed(id_, error):
                effects = [*self._spoken(self._speaking.end(id_)), *self._over(id_, error)]
            case PlaybackDrained(id_):
                self._sounding = None if id_ == self._sounding else self._sounding
                effects = []
            case _:
                return []
        return self._settled(effects)

    def _understood(self, heard: list[Heard]) -> list[Effect]:
        effects: list[Effect] = []
        for one in heard:
            if isinstance(one, Caption):
                if self._settings.captions:
                    effects.append(Send(SourceTranscriptDelta(one.delta, elapsed(one.end_ms))))
                continue
            self._speaking.add(one)
            effects.append(ClauseCut(one.id, self._audio.written_ms - one.end_ms))
        return effects

    def _written(self, clause_id: str, delta: str) -> list[Effect]:
        told = self._speaking.text(clause_id, delta)
        return [] if told is None else [Send(TranslatedTextDelta(*told))]

    def _spoken(self, sounds: Iterator[Sound]) -> list[Effect]:
        effects: list[Effect] = list(sounds)
        if effects and self._settings.media is Media.TRACKS:
            (self._sounding,) = {one.clause_id for one in effects if isinstance(one, Sound)}
        return effects

    def _lacking(self, clause_id: str, reason: FinishReason) -> FailureReason | None:
        """Return what is missing of a clause that the model has ended by itself; None: nothing."""
        if reason in _LACKING:
            lacking = _LACKING[reason]
        elif self._speaking.is_empty(clause_id):
            lacking = "it wrote no translation of a clause"
        else:
            return None
        remedy = in_stack("Choose another model (llm.model).", self._settings.stack)
        message = f"LLM {self._settings.translator} failed: {lacking}. {remedy}"
        return FailureReason(message, stage="LLM")

    def _over(self, clause_id: str, error: FailureReason | None) -> list[Effect]:
        known = self._speaking.over(clause_id)
        if known is None:
            return []
        clause, translation = known
        if error is None:
            self._interpreter.translated(clause.text, translation)
        failed = [] if error is None else [_failure(error)]
        return [*failed, ClauseOver(clause_id, error)]

    def _translated_next(self) -> list[Effect]:
        clause = self._speaking.next()
        if clause is None:
            return []
        settings = self._settings
        request = ResponseRequest(
            response_id=clause.id,
            instructions=self._interpreter.instructions(settings.language),
            messages=self._interpreter.messages(clause.text),
            voice=settings.voice,
        )
        return [Generate(request)]

    # --- the end -------------------------------------------------------------------------------

    def expire(self) -> list[Effect]:
        """End the session at the end of its lifetime (§D.7)."""
        limit = self._settings.limit_minutes
        message = f"Your session hit the maximum duration of {limit:g} minutes."
        error = ProtocolError("session_expired", message)
        return [Send(error_event(error)), Close(CloseReason.EXPIRED, message)]

    def leave(self) -> list[Effect]:
        """Translate what was said so far, then end the session: the server stops."""
        return self._settled(self._finish(self._stopping))

    def go_away(self) -> list[Effect]:
        """End the session now: the server stops."""
        return [self._stopping]

    @property
    def _stopping(self) -> Close:
        return Close(CloseReason.SERVER_STOPS, "The server is shutting down.")

    def _finish(self, ending: Close) -> list[Effect]:
        if self._ending is not None:
            return []
        self._ending = ending
        now_ms = self._audio.written_ms
        return self._end(now_ms, now_ms) if self._audio.open is not None else []

    def _settled(self, effects: list[Effect]) -> list[Effect]:
        """Return effects, the next clause's, and the session's end once there is nothing left."""
        effects = [*effects, *self._translated_next()]
        if not isinstance(self._ending, Close) or self._utterances.pending:
            return effects
        if not self._speaking.idle or self._sounding is not None:
            return effects
        ending, self._ending = self._ending, "closed"
        return [*effects, Send(TranslationClosed()), ending]


def _ids(prefix: str) -> Iterator[str]:
    while True:
        yield new_id(prefix)


def _contrast(clip: Clip) -> float:
    return contrast_db(clip.format.decode(clip.audio), clip.format.rate)


def _failure(error: FailureReason) -> Send:
    """Return the error event of a stage that failed: the next clause goes on (§B.14)."""
    return Send(error_event(ProtocolError(error.code, error.message, type_=error.type)))
