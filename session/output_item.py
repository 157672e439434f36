"""The open item of a response (text, speech or a function call) and its events (§B.2, B.7).

An item is added, grows by deltas and is closed; each kind emits its own events for that, in the
order that the protocol guarantees. `session/response.py` decides which item comes when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from audio.formats import Encoder
from session.content import AssistantAudio, OutputText
from session.conversation import Conversation
from session.effects import Effect, OutputAudio, Send
from session.items import AssistantMessage, FunctionCall, OutputItem
from session.response_spec import ResponseSpec
from wire.event_record import AudioPart, TextPart
from wire.ids import new_id
from wire.response_events import (
    ContentPartAdded,
    ContentPartDone,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    OutputAudioDone,
    OutputAudioTranscriptDelta,
    OutputAudioTranscriptDone,
    OutputItemAdded,
    OutputItemDone,
    OutputTextDelta,
    OutputTextDone,
)
from wire.session_events import ItemAdded, ItemDone

Ending = Literal["completed", "incomplete"]


class OpenItem:
    """What all kinds have in common: their place, their first and their last events."""

    def __init__(
        self, item: OutputItem, spec: ResponseSpec, index: int, conversation: Conversation
    ) -> None:
        """Add the item to the conversation, unless the response runs beside it.

        Args:
            item: A new, empty item.
            spec: The parameters of its response.
            index: Its `output_index`.
            conversation: The session's conversation.
        """
        self.item = item
        self._response_id = spec.id
        self._index = index
        self._conversation = conversation if spec.in_conversation else None
        self._previous_id = conversation.insert_output(item) if spec.in_conversation else None

    @property
    def _place(self) -> tuple[str, str, int]:
        """First fields of its events: response id, item id and output index."""
        return self._response_id, self.item.id, self._index

    @property
    def _part_place(self) -> tuple[str, str, int, int]:
        """The same with the content index, which is always 0."""
        return self._response_id, self.item.id, self._index, 0

    def _added(self) -> list[Effect]:
        wire = self.item.wire()
        effects: list[Effect] = [Send(OutputItemAdded(self._response_id, self._index, wire))]
        if self._conversation is not None:
            effects.append(Send(ItemAdded(self._previous_id, wire)))
        return effects

    def _done(self, ending: Ending) -> list[Effect]:
        if isinstance(self.item, AssistantMessage | FunctionCall):
            self.item.status = ending
        wire = self.item.wire()
        effects: list[Effect] = []
        # Of an item that the client has deleted, it knows no more than the response.
        if self._conversation is not None and self._conversation.get(self.item.id) is self.item:
            self._conversation.keep_audio(self.item)
            effects.append(Send(ItemDone(self._previous_id, wire)))
        return [*effects, Send(OutputItemDone(self._response_id, self._index, wire))]


class OpenText(OpenItem):
    """A message that the model is writing."""

    def __init__(self, spec: ResponseSpec, index: int, conversation: Conversation) -> None:
        """Begin an empty message; its arguments are those of `OpenItem`."""
        self._message = AssistantMessage(new_id("item"), [], "in_progress")
        super().__init__(self._message, spec, index, conversation)
        self._text = OutputText()

    def open(self) -> list[Effect]:
        """Announce the message."""
        effects = self._added()
        self._message.content.append(self._text)
        return [*effects, Send(ContentPartAdded(*self._part_place, self._part()))]

    def write(self, delta: str) -> list[Effect]:
        """Add a text delta."""
        self._text.text += delta
        return [Send(OutputTextDelta(*self._part_place, delta))]

    def close(self, ending: Ending) -> list[Effect]:
        """Close the message."""
        return [
            Send(OutputTextDone(*self._part_place, self._text.text)),
            Send(ContentPartDone(*self._part_place, self._part())),
            *self._done(ending),
        ]

    def _part(self) -> TextPart:
        # Parts are called "text" and "audio", the item's content "output_…" (§0, rule 2).
        return {"type": "text", "text": self._text.text}


class OpenSpeech(OpenItem):
    """A message that is being spoken: transcript deltas come first, their audio follows."""

    def __init__(self, spec: ResponseSpec, index: int, conversation: Conversation) -> None:
        """Begin an empty message; its arguments are those of `OpenItem`."""
        self._message = AssistantMessage(new_id("item"), [], "in_progress")
        super().__init__(self._message, spec, index, conversation)
        self._audio = AssistantAudio(spec.format, growing=True, pace=spec.speed)
        self._encoder = Encoder(spec.format)
        self._transcript = ""
        """All transcript deltas that were sent, even if the client has truncated the item."""

    def open(self) -> list[Effect]:
        """Announce the message."""
        effects = self._added()
        self._message.content.append(self._audio)
        return [*effects, Send(ContentPartAdded(*self._part_place, self._part()))]

    def write(self, delta: str) -> list[Effect]:
        """Add a transcript delta."""
        self._transcript += delta
        self._audio.write(delta)
        return [Send(OutputAudioTranscriptDelta(*self._part_place, delta))]

    def speak(self, text: str) -> None:
        """Note that the audio from here on speaks `text`."""
        self._audio.speak(text)

    def timing(self, words: Sequence[tuple[int, float]]) -> None:
        """Note when words of the clause are spoken (`session.reports.WordsTimed`)."""
        self._audio.timing(words)

    def play(self, pcm: bytes) -> list[Effect]:
        """Add audio; `pcm` is 24 kHz, 16-bit, mono."""
        return self._output(self._encoder.push(pcm))

    def interrupt(self, *, at_once: bool) -> None:
        """Play no more of it, and cut the model's text, which runs ahead of the sound.

        Args:
            at_once: Whether only what was played so far is heard; else all that was made is.
        """
        if at_once:
            self._audio.forget_unplayed()
        else:
            self._audio.forget_unheard(self._audio.ms)
        # With the old one goes the audio that it holds back.
        self._encoder = Encoder(self._audio.format)

    def close(self, ending: Ending) -> list[Effect]:
        """Close the message, behind the audio that the encoder still holds back."""
        rest = self._output(self._encoder.push(b"", last=True))
        if ending == "completed":
            self._audio.growing = False
        return [
            *rest,
            Send(OutputAudioDone(*self._part_place)),
            Send(OutputAudioTranscriptDone(*self._part_place, self._transcript)),
            Send(ContentPartDone(*self._part_place, self._part())),
            *self._done(ending),
        ]

    def _output(self, audio: bytes) -> list[Effect]:
        if not audio:
            return []
        self._audio.append(audio)
        return [OutputAudio(*self._part_place, audio, self._audio.format)]

    def _part(self) -> AudioPart:
        return {"type": "audio", "transcript": self._transcript}


class OpenCall(OpenItem):
    """A function call that the model is writing."""

    def __init__(
        self,
        spec: ResponseSpec,
        index: int,
        conversation: Conversation,
        number: int,
        call_id: str,
        name: str,
    ) -> None:
        """Begin a call without arguments.

        Args:
            spec: As in `OpenItem`.
            index: As in `OpenItem`.
            conversation: As in `OpenItem`.
            number: The model's index of this call among its calls.
            call_id: The `call_…` id.
            name: The function's name.
        """
        self._call = FunctionCall(new_id("item"), call_id, name, status="in_progress")
        super().__init__(self._call, spec, index, conversation)
        self.number = number

    def open(self) -> list[Effect]:
        """Announce the call."""
        return self._added()

    def write(self, arguments: str) -> list[Effect]:
        """Add a delta of the arguments' JSON."""
        if not arguments:
            return []
        self._call.arguments += arguments
        return [Send(FunctionCallArgumentsDelta(*self._place, self._call.call_id, arguments))]

    def close(self, ending: Ending) -> list[Effect]:
        """Close the call."""
        call = self._call
        return [
            Send(FunctionCallArgumentsDone(*self._place, call.call_id, call.name, call.arguments)),
            *self._done(ending),
        ]


OpenMessage = OpenText | OpenSpeech
