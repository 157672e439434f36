"""The item that a response is writing: text, speech or a call, and the events of each (§B.2, B.7).

An item is added, grows by deltas and is closed; each kind writes its own events for that, in the
order that the protocol guarantees. Which item comes when is decided in `session/response.py`.
"""

from __future__ import annotations

from typing import Any, Literal

from audio.formats import Encoder
from session.content import AssistantAudio, OutputText
from session.conversation import Conversation
from session.effects import Effect, OutputAudio, Send
from session.items import AssistantMessage, FunctionCall, OutputItem
from session.response_spec import ResponseSpec
from wire.envelope import new_id, server_event

Ending = Literal["completed", "incomplete"]


class _OpenItem:
    """What all of them have in common: where they stand, and how they begin and end."""

    def __init__(
        self, item: OutputItem, spec: ResponseSpec, index: int, conversation: Conversation
    ) -> None:
        """Put the item where it belongs.

        Args:
            item: New, and empty.
            spec: What its response was asked to be.
            index: Which item of its response it is.
            conversation: Takes it in, unless the response runs beside it.
        """
        self.item = item
        self._response_id = spec.id
        self._index = index
        self._conversation = conversation if spec.in_conversation else None
        self._previous_id = conversation.insert(item) if spec.in_conversation else None

    def _added(self) -> list[Effect]:
        wire = self.item.wire()
        effects: list[Effect] = [self._output_item("added", wire)]
        if self._conversation is not None:
            effects.append(self._conversation_item("added", wire))
        return effects

    def _done(self, ending: Ending) -> list[Effect]:
        self.item.status = ending
        wire = self.item.wire()
        effects: list[Effect] = []
        if self._conversation is not None:
            if self._conversation.get(self.item.id) is self.item:
                self._conversation.keep_audio(self.item)
            effects.append(self._conversation_item("done", wire))
        return [*effects, self._output_item("done", wire)]

    def _output_item(self, step: str, wire: dict[str, Any]) -> Send:
        place = {"response_id": self._response_id, "output_index": self._index}
        return _send(f"response.output_item.{step}", **place, item=wire)

    def _conversation_item(self, step: str, wire: dict[str, Any]) -> Send:
        return _send(f"conversation.item.{step}", previous_item_id=self._previous_id, item=wire)

    def _event(self, type_: str, /, **fields: Any) -> Send:
        """Return an event that says to which item it belongs."""
        return _send(
            f"response.{type_}",
            response_id=self._response_id,
            item_id=self.item.id,
            output_index=self._index,
            **fields,
        )

    def _part_event(self, type_: str, /, **fields: Any) -> Send:
        """Return an event about the one content part of a message."""
        return self._event(type_, content_index=0, **fields)


class OpenText(_OpenItem):
    """A message that the model is writing."""

    def __init__(self, spec: ResponseSpec, index: int, conversation: Conversation) -> None:
        """Begin an empty message; its arguments are those of `_OpenItem`."""
        self._message = AssistantMessage(new_id("item"), [], "in_progress")
        super().__init__(self._message, spec, index, conversation)
        self._text = OutputText()

    def open(self) -> list[Effect]:
        """Announce the message."""
        effects = self._added()
        self._message.content.append(self._text)
        return [*effects, self._part_event("content_part.added", part=self._part())]

    def write(self, delta: str) -> list[Effect]:
        """The model wrote `delta`."""
        self._text.text += delta
        return [self._part_event("output_text.delta", delta=delta)]

    def close(self, ending: Ending) -> list[Effect]:
        """Close the message out."""
        return [
            self._part_event("output_text.done", text=self._text.text),
            self._part_event("content_part.done", part=self._part()),
            *self._done(ending),
        ]

    def _part(self) -> dict[str, Any]:
        # Parts are called "text" and "audio", the item's content "output_…" (§0, rule 2).
        return {"type": "text", "text": self._text.text}


class OpenSpeech(_OpenItem):
    """A message that is being spoken: the model writes its words, the voice follows."""

    def __init__(self, spec: ResponseSpec, index: int, conversation: Conversation) -> None:
        """Begin an empty message; its arguments are those of `_OpenItem`."""
        self._message = AssistantMessage(new_id("item"), [], "in_progress")
        super().__init__(self._message, spec, index, conversation)
        self._audio = AssistantAudio(spec.format)
        self._encoder = Encoder(spec.format)
        self._transcript = ""
        """All that was sent of it, even if the client has cut the item since."""

    def open(self) -> list[Effect]:
        """Announce the message."""
        effects = self._added()
        self._message.content.append(self._audio)
        return [*effects, self._part_event("content_part.added", part=self._part())]

    def write(self, delta: str) -> list[Effect]:
        """The model wrote `delta`: words of audio to come."""
        self._transcript += delta
        self._audio.write(delta)
        return [self._part_event("output_audio_transcript.delta", delta=delta)]

    def speak(self, text: str) -> None:
        """The audio from here on speaks `text`."""
        self._audio.speak(text)

    def play(self, pcm: bytes) -> list[Effect]:
        """The voice made `pcm`: 24 kHz, 16-bit, mono."""
        return self._output(self._encoder.push(pcm))

    def forget_unplayed(self) -> None:
        """The text runs ahead of the voice: the model must remember what was said, not more."""
        self._audio.forget_unplayed()

    def close(self, ending: Ending) -> list[Effect]:
        """Close the message out; what the encoder still holds belongs to a complete one only."""
        rest = self._encoder.push(b"", last=True) if ending == "completed" else b""
        return [
            *self._output(rest),
            self._part_event("output_audio.done"),
            self._part_event("output_audio_transcript.done", transcript=self._transcript),
            self._part_event("content_part.done", part=self._part()),
            *self._done(ending),
        ]

    def _output(self, audio: bytes) -> list[Effect]:
        if not audio:
            return []
        self._audio.append(audio)
        return [OutputAudio(self._response_id, self.item.id, self._index, 0, audio)]

    def _part(self) -> dict[str, Any]:
        return {"type": "audio", "transcript": self._transcript}


class OpenCall(_OpenItem):
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
            spec: As in `_OpenItem`.
            index: As in `_OpenItem`.
            conversation: As in `_OpenItem`.
            number: Which of its calls this is to the model.
            call_id: The `call_…` id.
            name: The function.
        """
        self._call = FunctionCall(new_id("item"), call_id, name, status="in_progress")
        super().__init__(self._call, spec, index, conversation)
        self.number = number

    def open(self) -> list[Effect]:
        """Announce the call."""
        return self._added()

    def write(self, arguments: str) -> list[Effect]:
        """The model continued the JSON of the arguments."""
        if not arguments:
            return []
        self._call.arguments += arguments
        return [self._call_event("delta", delta=arguments)]

    def close(self, ending: Ending) -> list[Effect]:
        """Close the call out."""
        call = self._call
        return [
            self._call_event("done", name=call.name, arguments=call.arguments),
            *self._done(ending),
        ]

    def _call_event(self, step: str, /, **fields: Any) -> Send:
        return self._event(f"function_call_arguments.{step}", call_id=self._call.call_id, **fields)


OpenMessage = OpenText | OpenSpeech


def _send(type_: str, /, **fields: Any) -> Send:
    return Send(server_event(type_, **fields))
