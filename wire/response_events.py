"""The server events about responses (§B), one record each (`wire/event_record.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from wire.event_record import AudioPart, ItemBody, RateLimit, ResponseBody, ServerEvent, TextPart


@dataclass(frozen=True, slots=True)
class ResponseCreated(ServerEvent):
    """A response begins."""

    type = "response.created"
    section = "B.2"

    response: ResponseBody


@dataclass(frozen=True, slots=True)
class ResponseDone(ServerEvent):
    """A response ended: completed, cancelled, incomplete or failed. Sent exactly once for each."""

    type = "response.done"
    section = "B.2"

    response: ResponseBody


@dataclass(frozen=True, slots=True)
class _OutputItemEvent(ServerEvent):
    section = "B.2"

    response_id: str
    output_index: int
    item: ItemBody


@dataclass(frozen=True, slots=True)
class OutputItemAdded(_OutputItemEvent):
    """A response begins an item."""

    type = "response.output_item.added"


@dataclass(frozen=True, slots=True)
class OutputItemDone(_OutputItemEvent):
    """An item of a response is closed, complete or not."""

    type = "response.output_item.done"


@dataclass(frozen=True, slots=True)
class _PartEvent(ServerEvent):
    section = "B.2"

    response_id: str
    item_id: str
    output_index: int
    content_index: int


@dataclass(frozen=True, slots=True)
class ContentPartAdded(_PartEvent):
    """A content part, text or audio, begins."""

    type = "response.content_part.added"

    part: TextPart | AudioPart


@dataclass(frozen=True, slots=True)
class ContentPartDone(_PartEvent):
    """A content part is complete."""

    type = "response.content_part.done"

    part: TextPart | AudioPart


@dataclass(frozen=True, slots=True)
class OutputTextDelta(_PartEvent):
    """A text delta of a written message."""

    type = "response.output_text.delta"
    beta = "response.text.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputTextDone(_PartEvent):
    """The complete text of a written message."""

    type = "response.output_text.done"
    beta = "response.text.done"

    text: str


@dataclass(frozen=True, slots=True)
class OutputAudioTranscriptDelta(_PartEvent):
    """A transcript delta of a spoken message."""

    type = "response.output_audio_transcript.delta"
    beta = "response.audio_transcript.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputAudioTranscriptDone(_PartEvent):
    """The complete transcript of a spoken message."""

    type = "response.output_audio_transcript.done"
    beta = "response.audio_transcript.done"

    transcript: str


@dataclass(frozen=True, slots=True)
class OutputAudioDelta(_PartEvent):
    """An audio delta of a spoken message: base64, in the response's output format."""

    type = "response.output_audio.delta"
    beta = "response.audio.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputAudioDone(_PartEvent):
    """The audio of a spoken message is complete."""

    type = "response.output_audio.done"
    beta = "response.audio.done"


@dataclass(frozen=True, slots=True)
class _CallEvent(ServerEvent):
    section = "B.7"

    response_id: str
    item_id: str
    output_index: int
    call_id: str


@dataclass(frozen=True, slots=True)
class FunctionCallArgumentsDelta(_CallEvent):
    """A delta of a call's arguments (JSON)."""

    type = "response.function_call_arguments.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class FunctionCallArgumentsDone(_CallEvent):
    """The complete arguments of a call."""

    type = "response.function_call_arguments.done"

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RateLimitsUpdated(ServerEvent):
    """The client's remaining rate limits; this server has none (§B)."""

    type = "rate_limits.updated"
    # Beta sends this event at another time: `BetaDialect` writes its own.
    beta = None
    section = "B.2"

    rate_limits: list[RateLimit]


@dataclass(frozen=True, slots=True)
class _PlaybackEvent(ServerEvent):
    section = "B.5"

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputBufferStarted(_PlaybackEvent):
    """The server began to play a response's audio; only where it plays: WebRTC."""

    type = "output_audio_buffer.started"


@dataclass(frozen=True, slots=True)
class OutputBufferStopped(_PlaybackEvent):
    """A response was played to its end."""

    type = "output_audio_buffer.stopped"


@dataclass(frozen=True, slots=True)
class OutputBufferCleared(_PlaybackEvent):
    """The playback of a response was stopped: by the user's speech, or by the client."""

    type = "output_audio_buffer.cleared"
