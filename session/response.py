"""One response: from `response.created` to exactly one `response.done` (§B.2, B.5–B.10).

A pure state machine. It takes what the pipeline reports, in whatever order the stages report it,
and returns the server events in the order that the protocol guarantees: items strictly one after
the other, each closed before the next is added. After `done` it returns nothing, so a late report
of a cancelled pipeline cannot reach the client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from audio.formats import Encoder
from session.conversation import Conversation
from session.items import Item, SpokenText
from session.ports import FinishReason, ProviderError, TokenUsage
from session.response_spec import ResponseSpec
from session.usage import no_usage, response_usage
from wire.envelope import ServerEvent, encode_audio, new_id, server_event

CancelReason = Literal["turn_detected", "client_cancelled"]
Outcome = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]

_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


@dataclass(slots=True)
class _Output:
    item: Item
    index: int
    previous_id: str | None
    encoder: Encoder
    text: str = ""
    """All that was sent of it, even if the client has cut the item since."""


@dataclass(slots=True)
class _ToolDelta:
    index: int
    call_id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Response:
    """The state of one response."""

    spec: ResponseSpec
    conversation: Conversation
    context: list[Item] = field(default_factory=list)
    """The items the model reads: those there were when the response was created."""
    outcome: Outcome = "in_progress"
    started: bool = False
    """Whether the model was asked."""
    _output: list[Item] = field(default_factory=list)
    _open: _Output | None = None
    _open_call: int | None = None
    _closed_calls: set[int] = field(default_factory=set)
    _held_calls: list[_ToolDelta] = field(default_factory=list)
    _usage: dict[str, Any] | None = None
    _status_details: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The `resp_…` id."""
        return self.spec.id

    @property
    def active(self) -> bool:
        """Whether `response.done` is still to come."""
        return self.outcome == "in_progress"

    @property
    def audio_ms(self) -> float:
        """Length of the audio made so far, in milliseconds."""
        return sum(item.audio_ms for item in self._output)

    def wire(self) -> dict[str, Any]:
        """Return the response object (§B)."""
        spec = self.spec
        return {
            "object": "realtime.response",
            "id": spec.id,
            "status": self.outcome,
            "status_details": self._status_details,
            "output": [] if self.active else [item.wire() for item in self._output],
            "conversation_id": self.conversation.id if spec.in_conversation else None,
            "output_modalities": spec.modalities,
            "max_output_tokens": spec.max_output_tokens,
            "audio": {"output": {"format": spec.format.wire(), "voice": spec.voice}},
            "usage": self._usage,
            "metadata": spec.metadata,
            **({} if spec.temperature is None else {"temperature": spec.temperature}),
        }

    def created(self) -> list[ServerEvent]:
        """Announce the response."""
        return [server_event("response.created", response=self.wire())]

    def text(self, delta: str) -> list[ServerEvent]:
        """The model wrote `delta`: text, or the transcript of audio to come."""
        if not self.active or not delta:
            return []
        events = self._ensure_message()
        assert self._open is not None
        self._open.text += delta
        if not self._open.item.truncated:
            key = "transcript" if self.spec.spoken else "text"
            self._open.item.content[0][key] = self._open.text
        name = "output_audio_transcript" if self.spec.spoken else "output_text"
        return [*events, self._part_event(f"response.{name}.delta", delta=delta)]

    def speaking(self, text: str) -> None:
        """Note that the audio from here on speaks `text`, for a later truncation (§A.8)."""
        if self.active and self._open is not None and self._open.item.type == "message":
            item = self._open.item
            if not item.truncated:
                item.spoken.append(SpokenText(text, item.audio_ms))

    def audio(self, pcm: bytes) -> list[ServerEvent]:
        """The voice made `pcm`: 24 kHz, 16-bit, mono."""
        if not self.active or not pcm or not self.spec.spoken:
            return []
        events = self._ensure_message()
        assert self._open is not None
        return events + self._audio_delta(self._open.encoder.push(pcm))

    def _audio_delta(self, audio: bytes) -> list[ServerEvent]:
        assert self._open is not None
        if not audio:
            return []
        if not self._open.item.truncated:
            self._open.item.audio += audio
        return [self._part_event("response.output_audio.delta", delta=encode_audio(audio))]

    def tool_call(self, index: int, call_id: str, name: str, arguments: str) -> list[ServerEvent]:
        """The model continued tool call `index`.

        A call waits for the end of the speech or the call before it: items are strictly
        sequential, and a model may write several calls in turns. What comes for a call that
        is closed already is dropped, or the client would run it twice.
        """
        if not self.active or index in self._closed_calls:
            return []
        delta = _ToolDelta(index, call_id, name, arguments)
        if self._open is None or self._open_call == index:
            return self._tool_delta(delta)
        if self._open_call is not None or self.spec.spoken:
            self._held_calls.append(delta)
            return []
        return [*self._close_open("completed"), *self._tool_delta(delta)]

    def finish(self, reason: FinishReason, reported: TokenUsage | None) -> list[ServerEvent]:
        """Text, tool calls and audio are complete."""
        if not self.active:
            return []
        incomplete = _INCOMPLETE.get(reason)
        last: Literal["completed", "incomplete"] = "incomplete" if incomplete else "completed"
        events: list[ServerEvent] = []
        if self._held_calls:
            events += self._close_open("completed")
            for delta in sorted(self._held_calls, key=lambda delta: delta.index):
                events += self._tool_delta(delta)
        events += self._close_open(last)
        if incomplete:
            self._status_details = {"type": "incomplete", "reason": incomplete}
        return events + self._done(last, reported)

    def cancel(self, reason: CancelReason) -> list[ServerEvent]:
        """Close the response out where it stands (§B.5, B.6)."""
        if not self.active:
            return []
        if self._open is not None and self._open.item.type == "message" and self.spec.spoken:
            # The text runs ahead of the voice: the model must remember what was said, not more.
            self._open.item.forget_unheard(self._open.item.audio_ms)
        events = self._close_open("incomplete")
        self._status_details = {"type": "cancelled", "reason": reason}
        return events + self._done("cancelled", None)

    def fail(self, error: ProviderError) -> list[ServerEvent]:
        """Close the response out because a stage failed (§B.10)."""
        if not self.active:
            return []
        events = self._close_open("incomplete")
        self._status_details = {
            "type": "failed",
            "error": {"type": error.type, "code": error.code, "message": error.message},
        }
        return events + self._done("failed", None)

    def _done(self, outcome: Outcome, reported: TokenUsage | None) -> list[ServerEvent]:
        generated = bool(self._output) or outcome in ("completed", "incomplete")
        self._usage = (
            response_usage(self.context, self.spec.instructions, self._output, reported)
            if self.started and generated
            else no_usage()
        )
        self.outcome = outcome
        self._held_calls.clear()
        events = [server_event("response.done", response=self.wire())]
        if generated:
            events.append(_rate_limits())
        return events

    def _ensure_message(self) -> list[ServerEvent]:
        if self._open is not None and self._open.item.type == "message":
            return []
        events = self._close_open("completed")
        events += self._add(Item(new_id("item"), "message", role="assistant", status="in_progress"))
        assert self._open is not None
        spoken = self.spec.spoken
        self._open.item.content.append(
            {"type": "output_audio", "transcript": ""}
            if spoken
            else {"type": "output_text", "text": ""}
        )
        return [*events, self._part_event("response.content_part.added", part=self._part())]

    def _tool_delta(self, delta: _ToolDelta) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        if self._open is None or self._open_call != delta.index:
            events += self._close_open("completed")
            item = Item(new_id("item"), "function_call", status="in_progress")
            item.name, item.call_id = delta.name, delta.call_id
            events += self._add(item)
            self._open_call = delta.index
        if delta.arguments:
            assert self._open is not None
            self._open.item.arguments += delta.arguments
            events.append(
                self._call_event("response.function_call_arguments.delta", delta=delta.arguments)
            )
        return events

    def _add(self, item: Item) -> list[ServerEvent]:
        previous = self.conversation.insert(item) if self.spec.in_conversation else None
        item.format = self.spec.format
        encoder = Encoder(self.spec.format)
        self._open = _Output(item, len(self._output), previous, encoder)
        self._output.append(item)
        wire = item.wire()
        events = [
            server_event(
                "response.output_item.added",
                response_id=self.id,
                output_index=self._open.index,
                item=wire,
            )
        ]
        if self.spec.in_conversation:
            events.append(
                server_event("conversation.item.added", previous_item_id=previous, item=wire)
            )
        return events

    def _close_open(self, status: Literal["completed", "incomplete"]) -> list[ServerEvent]:
        if self._open is None:
            return []
        item = self._open.item
        item.status = status
        events: list[ServerEvent] = []
        if item.type == "function_call":
            events.append(
                self._call_event(
                    "response.function_call_arguments.done",
                    name=item.name,
                    arguments=item.arguments,
                )
            )
        elif self.spec.spoken:
            text = self._open.text
            if status == "completed":
                events += self._audio_delta(self._open.encoder.push(b"", last=True))
            events.append(self._part_event("response.output_audio.done"))
            events.append(
                self._part_event("response.output_audio_transcript.done", transcript=text)
            )
            events.append(self._part_event("response.content_part.done", part=self._part()))
        else:
            events.append(self._part_event("response.output_text.done", text=self._open.text))
            events.append(self._part_event("response.content_part.done", part=self._part()))
        wire = item.wire()
        if self.spec.in_conversation:
            if self.conversation.get(item.id) is item:
                self.conversation.keep_audio(item)
            events.append(
                server_event(
                    "conversation.item.done",
                    previous_item_id=self._open.previous_id,
                    item=wire,
                )
            )
        events.append(
            server_event(
                "response.output_item.done",
                response_id=self.id,
                output_index=self._open.index,
                item=wire,
            )
        )
        if self._open_call is not None:
            self._closed_calls.add(self._open_call)
        self._open = None
        self._open_call = None
        return events

    def _part(self) -> dict[str, Any]:
        assert self._open is not None
        # Parts are called "audio" and "text", the item's content "output_…" (§0, rule 2).
        if self.spec.spoken:
            return {"type": "audio", "transcript": self._open.text}
        return {"type": "text", "text": self._open.text}

    def _part_event(self, event_type: str, /, **fields: Any) -> ServerEvent:
        assert self._open is not None
        return server_event(
            event_type,
            response_id=self.id,
            item_id=self._open.item.id,
            output_index=self._open.index,
            content_index=0,
            **fields,
        )

    def _call_event(self, event_type: str, /, **fields: Any) -> ServerEvent:
        assert self._open is not None
        return server_event(
            event_type,
            response_id=self.id,
            item_id=self._open.item.id,
            output_index=self._open.index,
            call_id=self._open.item.call_id,
            **fields,
        )


def _rate_limits() -> ServerEvent:
    """Return the event that clients expect after a response; this server sets no such limit."""
    limit = 15_000_000
    return server_event(
        "rate_limits.updated",
        rate_limits=[{"name": "tokens", "limit": limit, "remaining": limit, "reset_seconds": 0.0}],
    )
