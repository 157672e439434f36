"""The server events about responses (§B): records, like those of `wire/session_events.py`."""

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
    """A response is over, in whatever way; there is exactly one for each."""

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
    """An item of a response is complete, or cut short."""

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
    """The text or the speech of an item begins."""

    type = "response.content_part.added"

    part: TextPart | AudioPart


@dataclass(frozen=True, slots=True)
class ContentPartDone(_PartEvent):
    """The text or the speech of an item is complete."""

    type = "response.content_part.done"

    part: TextPart | AudioPart


@dataclass(frozen=True, slots=True)
class OutputTextDelta(_PartEvent):
    """The model wrote more of an answer in writing."""

    type = "response.output_text.delta"
    beta = "response.text.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputTextDone(_PartEvent):
    """An answer in writing, as a whole."""

    type = "response.output_text.done"
    beta = "response.text.done"

    text: str


@dataclass(frozen=True, slots=True)
class OutputAudioTranscriptDelta(_PartEvent):
    """The model wrote more of an answer that is spoken."""

    type = "response.output_audio_transcript.delta"
    beta = "response.audio_transcript.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputAudioTranscriptDone(_PartEvent):
    """The words of a spoken answer, as a whole."""

    type = "response.output_audio_transcript.done"
    beta = "response.audio_transcript.done"

    transcript: str


@dataclass(frozen=True, slots=True)
class OutputAudioDelta(_PartEvent):
    """The voice said more: base64, in the format of the response."""

    type = "response.output_audio.delta"
    beta = "response.audio.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class OutputAudioDone(_PartEvent):
    """The voice said all of an item."""

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
    """The model wrote more of a call's arguments."""

    type = "response.function_call_arguments.delta"

    delta: str


@dataclass(frozen=True, slots=True)
class FunctionCallArgumentsDone(_CallEvent):
    """A call's arguments, as a whole."""

    type = "response.function_call_arguments.done"
    not_in_beta = ("name",)

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RateLimitsUpdated(ServerEvent):
    """What the client may still ask for; this server sets no such limit (§B)."""

    type = "rate_limits.updated"
    # Beta has the event, but at another time: its dialect sends one of its own.
    beta = None
    section = "B.2"

    rate_limits: list[RateLimit]
