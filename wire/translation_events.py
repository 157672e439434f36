"""The protocol of translation sessions (§B.14): its events both ways, and their dialect.

It is a protocol of its own beside that of conversations: no turns, no items, no responses. Its
records derive from the same bases, so that they are read, refused and written alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from wire.client_events import ClientEvent, CloseSession, SessionEvent
from wire.event_record import ServerEvent, WireEvent
from wire.reading import parse_client_event, validate_event
from wire.session_fields import NoiseReductionPatch, only_null
from wire.strict_models import StrictModel


def _fixed(name: str) -> object:
    return only_null(
        f"The {name} of a translation session is set when it is created and cannot be changed "
        "with session.update."
    )


class TranslationTranscription(StrictModel):
    """`session.audio.input.transcription` (§C.6): whether the client gets what was said, too.

    The server's recogniser hears whatever `model` is; the name is echoed.
    """

    model: str


class TranslationInputPatch(StrictModel):
    """`session.audio.input` (§C.6); null switches off either of them."""

    transcription: TranslationTranscription | None = None
    noise_reduction: NoiseReductionPatch | None = None


class TranslationOutputPatch(StrictModel):
    """`session.audio.output` (§C.6)."""

    language: str | None = None


class TranslationAudioPatch(StrictModel):
    """`session.audio` (§C.6): what is absent keeps its value."""

    input: TranslationInputPatch | None = None
    output: TranslationOutputPatch | None = None


class TranslationPatch(StrictModel):
    """The `session` of a `session.update` (§B.14)."""

    type: Annotated[None, _fixed("type")] = None
    model: Annotated[None, _fixed("model")] = None
    audio: TranslationAudioPatch | None = None


class TranslationRequest(StrictModel):
    """The `session` with which a client secret or a call is asked for (§D.6)."""

    model: str
    audio: TranslationAudioPatch | None = None


# --- client events ------------------------------------------------------------------------------


class UpdateTranslation(SessionEvent):
    """The client changes the target language, the transcript or the noise reduction."""

    section = "B.14"
    beta = None
    handler = "update_session"

    type: Literal["session.update"]
    session: TranslationPatch


class AppendSourceAudio(ClientEvent):
    """The client sends speech to translate: base64 of 24 kHz PCM."""

    section = "B.14"
    beta = None

    type: Literal["session.input_audio_buffer.append"]
    audio: str


TRANSLATION_CLIENT_EVENTS: Mapping[str, type[ClientEvent]] = {
    record.type_name(): record for record in (UpdateTranslation, AppendSourceAudio, CloseSession)
}
"""Event type → record."""

# --- server events ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TranslationClosed(ServerEvent):
    """The last event: all that was said is translated."""

    type = "session.closed"
    beta = None
    section = "B.14"


@dataclass(frozen=True, slots=True)
class SourceTranscriptDelta(ServerEvent):
    """More of what was said, in its own language; only where transcription is configured."""

    type = "session.input_transcript.delta"
    beta = None
    section = "B.14"

    delta: str
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class TranslatedTextDelta(ServerEvent):
    """More of the translation, as text."""

    type = "session.output_transcript.delta"
    beta = None
    section = "B.14"

    delta: str
    elapsed_ms: int


@dataclass(frozen=True, slots=True)
class TranslatedAudioDelta(ServerEvent):
    """More of the translation, spoken: base64 of 24 kHz PCM."""

    type = "session.output_audio.delta"
    beta = None
    section = "B.14"

    delta: str
    elapsed_ms: int
    sample_rate: int = 24000
    channels: int = 1
    format: str = "pcm16"


TRANSLATION_SERVER_EVENTS: Mapping[str, type[ServerEvent]] = {
    record.type: record
    for record in (
        TranslationClosed,
        SourceTranscriptDelta,
        TranslatedTextDelta,
        TranslatedAudioDelta,
    )
}
"""Event type → record, of those that only translation sessions send."""


class TranslationDialect:
    """The one dialect of translation sessions (`wire.dialect.Dialect`)."""

    def __init__(self) -> None:
        """Accept the client events of translation sessions."""
        self._validate = partial(
            validate_event,
            models=TRANSLATION_CLIENT_EVENTS,
            announced=tuple(TRANSLATION_CLIENT_EVENTS),
        )

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame; raises `ProtocolError`."""
        return parse_client_event(raw, self._validate)

    def render(self, event: ServerEvent) -> list[WireEvent]:
        """Write a server event."""
        return [event.wire()]
