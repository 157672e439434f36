"""Reads a client's text frames into what a session takes: typed events, and audio as bytes.

Appends, which are frequent, take a fast path past the JSON parser (`wire/append_shortcut.py`);
long frames are read in steps (`wire/long_strings.py`).
"""

from __future__ import annotations

from typing import NamedTuple

from flow.steps import Steps
from wire.append_shortcut import AppendShape
from wire.binary_parts import decode_parts
from wire.client_events import AppendAudio, SessionEvent
from wire.dialect import Dialect
from wire.errors import ProtocolError
from wire.long_strings import cut_long, put_back
from wire.media import Media
from wire.reading import decode_audio
from wire.translation_events import AppendSourceAudio


class AppendedAudio(NamedTuple):
    """The audio of an `input_audio_buffer.append`, in the session's input format (§A.2).

    Made fifty times a second, and a tuple is made in half the time of a frozen dataclass.
    """

    audio: bytes
    event_id: str | None = None
    """The client's id of the event, if it gave one."""


Incoming = SessionEvent | AppendedAudio | ProtocolError
"""What a client sent; an error in place of a frame that could not be read."""


class EventReader:
    """Reads the text frames of one client."""

    def __init__(self, dialect: Dialect, max_length: int, media: Media = Media.EVENTS) -> None:
        """Start with no known shape of appends.

        Args:
            dialect: The client's dialect.
            max_length: Characters that an event may have, not counting audio and images.
            media: How its audio travels.
        """
        self._media = media
        self._dialect = dialect
        self._max_length = max_length
        self._append_shape = AppendShape()

    def read_append(self, raw: str) -> AppendedAudio | None:
        """Read an append by the fast path; None: use `read`."""
        audio = self._append_shape.read(raw)
        return None if audio is None else AppendedAudio(audio)

    def read(self, raw: str) -> Steps[Incoming]:
        """Read one text frame, a long one in steps."""
        came = yield from self._read(raw)
        if isinstance(came, ProtocolError):
            came.raw = raw
        elif isinstance(came, SessionEvent):
            came.read_from(raw)
        return came

    def _read(self, raw: str) -> Steps[Incoming]:
        event_id = None
        try:
            light, cut = yield from cut_long(raw, self._max_length)
            event = self._dialect.parse(light)
            event_id = event.event_id
            if cut:
                yield from put_back(event, cut, self._max_length)
            if isinstance(event, AppendAudio | AppendSourceAudio):
                if self._media is Media.TRACKS:
                    raise ProtocolError(
                        "invalid_value",
                        f"A call's audio comes by its track: '{event.type}' is for "
                        "WebSocket sessions.",
                        "type",
                    )
                if event_id is None:
                    self._append_shape.learn(raw, event.audio)
                return AppendedAudio(decode_audio(event.audio), event_id)
            assert isinstance(event, SessionEvent), "every other record is one"
            decode_parts(event)
        except ProtocolError as error:
            return error.answering(error.event_id or event_id)
        return event
