"""A translation session without pipelines: the test is detector, recogniser, model and voice."""

from __future__ import annotations

from typing import Any, cast

from audio.pcm import silence
from config import Settings
from flow.steps import at_once
from session.decisions import Decision, SpeechHesitated, SpeechResumed, SpeechStarted, SpeechStopped
from session.effects import Close, Generate, Send
from session.ports import FailureReason, ResponseRequest, Transcript
from session.reports import (
    AudioMade,
    Report,
    ResponseFailed,
    ResponseFinished,
    TextMade,
    TurnFailed,
    TurnSoFar,
    TurnUnderstood,
)
from tests.support.session_driver import settings as settings_with
from translation.session import Effect, TranslationSession
from translation.settings import TranslationSettings
from translation.source_audio import WHOLE_TURNS, Longest
from translation.voices import Voices
from wire.client_events import SessionEvent
from wire.dialect import Dialect
from wire.event_record import WireEvent
from wire.media import Media
from wire.translation_events import TranslationDialect


class TranslationDriver:
    """Drives one session, and keeps what it wants done."""

    def __init__(
        self,
        longest: Longest = WHOLE_TURNS,
        media: Media = Media.EVENTS,
        voices: Voices | None = None,
        **groups: Any,
    ) -> None:
        config: Settings = settings_with(**groups)
        self.settings = TranslationSettings(
            config,
            voices or Voices("alloy", [], "the voice"),
            session_id="sess_1",
            model="gpt-realtime-translate",
            now=0,
            media=media,
        )
        self.session = TranslationSession(self.settings, longest)
        self.effects: list[Effect] = []
        self._dialect: Dialect = TranslationDialect()
        self.perform(self.session.open())

    def perform(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        return effects

    def send(self, text: str) -> list[Effect]:
        """Let the client send an event."""
        event = cast(SessionEvent, self._dialect.parse(text))
        return self.perform(at_once(self.session.take(event)))

    def append(self, audio: float | bytes) -> list[Effect]:
        """Append audio, or so many milliseconds of silence."""
        pcm = audio if isinstance(audio, bytes) else silence(audio)
        return self.perform(self.session.append(pcm)[0])

    def decide(self, decision: Decision) -> list[Effect]:
        return self.perform(self.session.heard(decision))

    def starts(self, ms: int) -> list[Effect]:
        return self.decide(SpeechStarted(ms))

    def hesitates(self, ms: int) -> list[Effect]:
        return self.decide(SpeechHesitated(ms))

    def resumes(self, ms: int) -> list[Effect]:
        return self.decide(SpeechResumed(ms))

    def stops(self, ms: int) -> list[Effect]:
        return self.decide(SpeechStopped(ms))

    def report(self, report: Report) -> list[Effect]:
        return self.perform(self.session.report(report))

    def utterance(self, start_ms: int = 500, length_ms: int = 1000) -> str:
        """Let somebody speak; returns the utterance's id."""
        self.append(start_ms + length_ms)
        self.starts(start_ms)
        (begun,) = self.of("HearTurn")[-1:]
        self.stops(start_ms + length_ms)
        return str(begun.item_id)

    def so_far(self, id_: str, text: str) -> list[Effect]:
        return self.report(TurnSoFar(id_, text))

    def understood(self, id_: str, text: str) -> list[Effect]:
        return self.report(TurnUnderstood(id_, Transcript(text)))

    def not_understood(self, id_: str, error: FailureReason) -> list[Effect]:
        return self.report(TurnFailed(id_, error))

    def writes(self, id_: str, *deltas: str) -> list[Effect]:
        return [effect for delta in deltas for effect in self.report(TextMade(id_, delta))]

    def speaks(self, id_: str, ms: float) -> list[Effect]:
        return self.report(AudioMade(id_, silence(ms)))

    def finishes(self, id_: str) -> list[Effect]:
        return self.report(ResponseFinished(id_, "stop", None))

    def fails(self, id_: str, error: FailureReason) -> list[Effect]:
        return self.report(ResponseFailed(id_, error))

    def translates(self, request: ResponseRequest, ms: float = 400) -> list[Effect]:
        """Let a clause be translated, into itself in capitals, and spoken."""
        said = str(request.messages[-1]["content"]).upper()
        return [
            *self.writes(request.response_id, said),
            *self.speaks(request.response_id, ms),
            *self.finishes(request.response_id),
        ]

    def of(self, kind: str) -> list[Any]:
        """Return all effects so far of one class, by its name."""
        return [effect for effect in self.effects if type(effect).__name__ == kind]

    @property
    def requests(self) -> list[ResponseRequest]:
        return [effect.request for effect in self.effects if isinstance(effect, Generate)]

    @property
    def closed(self) -> Close | None:
        closed = [effect for effect in self.effects if isinstance(effect, Close)]
        assert len(closed) <= 1
        return closed[0] if closed else None

    @property
    def events(self) -> list[WireEvent]:
        return [
            written
            for effect in self.effects
            if isinstance(effect, Send)
            for written in self._dialect.render(effect.event)
        ]

    def text(self, type_: str) -> str:
        """Return all deltas of one kind, joined."""
        return "".join(event["delta"] for event in self.events if event["type"] == type_)
