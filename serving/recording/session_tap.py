"""Notes what passes in one session, for the thread that writes it.

It runs in the event loop, so it only takes down: an event as text, audio as it is.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict

from audio.formats import AudioFormat
from peers.base import AppendedAudio
from serving.recording.hiding import light
from serving.recording.notes import (
    Appended,
    Backlog,
    Came,
    Closed,
    InputFormat,
    Note,
    Overflowed,
    Sent,
    Silenced,
    Spoken,
    TurnOver,
)
from session.effects import OutputAudio
from telemetry.turn_record import TurnRecord
from wire.client_events import SessionEvent
from wire.dialect import Dialect
from wire.envelope import ServerEvent, WireEvent, serialize
from wire.errors import ProtocolError
from wire.media import Media
from wire.response_events import OutputAudioDelta
from wire.session_events import SessionCreated, SessionUpdated
from wire.translation_events import TranslatedAudioDelta


class SessionTap:
    """Listens to a session (`peers.tapped.Tap`)."""

    def __init__(self, began: float, dialect: Dialect, media: Media, backlog: Backlog) -> None:
        """Begin.

        Args:
            began: When the session began, in seconds of `time.monotonic`.
            dialect: Names the events that carry audio as the client knows them.
            media: How the session's audio travels.
            backlog: What waits for the disk.
        """
        self._began = began
        self._dialect = dialect
        self._plays = media is Media.TRACKS
        self._backlog = backlog
        self.notes: deque[tuple[int, Note]] = deque()
        """What is not written yet, each with the bytes that it was counted with; the writing thread
        takes it from the left."""
        self.stopped = False
        """Set, by whichever side, when nothing is to be noted any more."""

    def came(self, event: SessionEvent | ProtocolError) -> None:
        """Note an event of the client."""
        self._note(Came(self._now(), event.raw), len(event.raw or ""))

    def appended(self, audio: AppendedAudio) -> None:
        """Note audio of the client."""
        self._note(Appended(self._now(), audio), len(audio.audio))

    def sent(self, event: ServerEvent, written: Sequence[WireEvent]) -> None:
        """Note an event of the server."""
        now = self._now()
        if isinstance(event, SessionCreated | SessionUpdated):
            heard = event.session.get("audio", {}).get("input", {}).get("format")
            if heard is not None:
                self._note(InputFormat(AudioFormat.read(heard)), 0)
        if isinstance(event, TranslatedAudioDelta):
            for one in written:
                text = serialize({**one, "delta": ""}).encode()
                self._note(Spoken(now, text, event.delta, AudioFormat()), len(event.delta))
            return
        for one in written:
            text = serialize(light(one)).encode()
            self._note(Sent(now, text), len(text))

    def played(self, audio: OutputAudio) -> None:
        """Note audio of the server."""
        named = OutputAudioDelta(
            response_id=audio.response_id,
            item_id=audio.item_id,
            output_index=audio.output_index,
            content_index=audio.content_index,
            delta="",
        )
        for written in self._dialect.render(named):
            # The event of a WebSocket has an id of its own, and a call has no event.
            del written["event_id"]
            text = serialize(written).encode()
            self._note(Spoken(self._now(), text, audio.audio, audio.format), len(audio.audio))

    def silenced(self) -> None:
        """Note that a call drops what it has not played."""
        if self._plays:
            self._note(Silenced(self._now()), 0)

    def turn_over(self, record: TurnRecord) -> None:
        """Note the stages of a turn."""
        told = asdict(record)
        del told["session_id"], told["started_at"]
        told["stages"] = {stage: round(s * 1000, 1) for stage, s in record.stages.items()}
        age_ms = (time.time() - record.started_at) * 1000
        self._note(TurnOver(self._now(), {**told, "began": round(self._now() - age_ms, 1)}), 0)

    def closed(self, reason: str) -> None:
        """Note that the session is over."""
        self._note(Closed(self._now(), reason), 0)

    def _now(self) -> float:
        return (time.monotonic() - self._began) * 1000

    def _note(self, note: Note, size: int) -> None:
        if self.stopped:
            return
        if self._backlog.is_full:
            self.stopped = True
            note, size = Overflowed(self._now()), 0
        self._backlog.noted += size
        self.notes.append((size, note))
