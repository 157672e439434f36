"""Drives the session of a call: its audio comes by a track, and the server plays the answers."""

from __future__ import annotations

from typing import Any

from session.effects import Effect, OutputAudio, Silence
from session.reports import PlaybackDrained, PlaybackStarted
from tests.support.session_driver import (
    BYTES_PER_MS,
    MAX_EVENT_LENGTH,
    Driver,
    pcm,
    session_config,
)
from tests.support.strict_reader import Event
from wire.dialect import GADialect
from wire.incoming import EventReader
from wire.media import Media
from wire.session_fields import SessionKind


class CallDriver(Driver):
    """A session whose peer, which plays, is the test."""

    def __init__(self, kind: SessionKind = "realtime", **groups: Any) -> None:
        self.given: list[OutputAudio] = []
        """The audio that the peer was given to play."""
        super().__init__(session_config(kind=kind, media=Media.TRACKS, **groups))
        self._reader = EventReader(GADialect(kind, Media.TRACKS), MAX_EVENT_LENGTH, Media.TRACKS)

    def perform(self, effects: list[Effect]) -> list[Event]:
        """Record effects; audio is played, and is no event."""
        self.given += [effect for effect in effects if isinstance(effect, OutputAudio)]
        return super().perform([e for e in effects if not isinstance(e, OutputAudio)])

    @property
    def given_ms(self) -> float:
        """Milliseconds of audio that the peer was given."""
        return sum(len(one.audio) for one in self.given) / BYTES_PER_MS

    @property
    def silenced(self) -> int:
        """How often the peer was told to be silent."""
        return len(self.kind(Silence))

    def append(self, ms: float) -> list[Event]:
        """Let so much audio come by the track."""
        return self.write(pcm(ms))

    def begin(self, text: str, ms: float, **response: Any) -> str:
        """Let a response make its first `ms` of audio, and go on; returns its id."""
        self.respond(**response)
        self.text(text)
        self.audio(ms)
        return self.running

    def starts(self, response_id: str) -> list[Event]:
        """The first of a response leaves the peer."""
        return self.report(PlaybackStarted(response_id))

    def drains(self, response_id: str) -> list[Event]:
        """The peer has played all that there is of a response."""
        return self.report(PlaybackDrained(response_id))

    def item_of(self, response_id: str) -> str:
        """The item of a response's audio."""
        return next(one.item_id for one in self.given if one.response_id == response_id)

    def plays(self, response_id: str, ms: float) -> None:
        """The peer has played so much of a response's item, as the transport passes it on."""
        self.session.played(self.item_of(response_id), ms)
