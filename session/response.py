"""One response: from `response.created` to exactly one `response.done` (§B.2, B.5–B.10).

A pure state machine. It takes what the pipeline reports, in whatever order the stages report it,
and returns effects in the order that the protocol guarantees: items strictly one after the other,
each closed before the next is added (`session/output_item.py`). After `done` it returns nothing,
so a late report of a cancelled pipeline cannot reach the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from session.conversation import Conversation
from session.effects import Effect, Send
from session.heard_turns import HeardMessage
from session.items import AssistantMessage, FunctionCall, Item, OutputItem
from session.mcp import McpError
from session.mcp_calls import RunningCall, stopped
from session.mcp_items import McpApprovalRequest, McpCall
from session.mcp_offer import Offer
from session.mcp_output import OpenApproval, OpenMcpCall
from session.output_item import Ending, OpenCall, OpenMessage, OpenSpeech, OpenText
from session.ports import FailureReason, FinishReason, TokenUsage
from session.reading_order import Readable
from session.response_spec import ResponseSpec
from session.usage import no_usage, response_usage
from wire.envelope import ServerEvent
from wire.response_events import RateLimitsUpdated, ResponseCreated, ResponseDone

CancelReason = Literal["turn_detected", "client_cancelled"]
Outcome = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]

_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
_Message = TypeVar("_Message", OpenText, OpenSpeech)
_CALLS = OpenCall | OpenMcpCall | OpenApproval
_CALLED = FunctionCall | McpCall | McpApprovalRequest
_Opened = OpenMessage | OpenCall | OpenMcpCall | OpenApproval


@dataclass(frozen=True, slots=True)
class _CallDelta:
    """A delta of a function call, as the model wrote it."""

    number: int
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What is to be known of a response once the user goes on with the turn that it answers."""

    answers: str | None
    """The item up to which it read the conversation; None: it read something else."""
    items: Sequence[OutputItem]
    """What it has made so far."""


@dataclass(slots=True)
class Response:
    """The state of one response."""

    spec: ResponseSpec
    conversation: Conversation
    context: list[Item] = field(default_factory=list)
    """The conversation when the response was created, whose transcripts it waits for."""
    read: list[Readable | HeardMessage] | None = None
    """What the model is given of it; None: generation was not started."""
    outcome: Outcome = "in_progress"
    _output: list[OutputItem] = field(default_factory=list)
    offer: Offer = field(default_factory=Offer)
    """The functions that its model may call; none before generation was started."""
    announced: bool = False
    """Whether clients know of it: a response that the server begins after a call is announced with
    its first output, or to a client that asks for it (§B.13)."""
    calls: dict[str, RunningCall] = field(default_factory=dict)
    """Item id → a call of an MCP tool that runs."""
    complete: bool = False
    """Whether all of its output was made, before it is known how it ended."""
    _called: bool = False
    """Whether a call of an MCP tool was made."""
    _made: Ending | None = None
    """How the model ended, while calls run."""
    _counted: TokenUsage | None = None
    """What the model told that it has cost."""
    _counted_so_far: bool = False
    """Whether it may have made more than that."""
    _open: _Opened | None = None
    """The last item of `_output`, while it is open."""
    _closed_calls: set[int] = field(default_factory=set)
    _held_calls: list[_CallDelta] = field(default_factory=list)
    """Deltas of calls that wait until the open item is closed."""
    _usage: dict[str, Any] | None = None
    _status_details: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The `resp_…` id."""
        return self.spec.id

    @property
    def _grows(self) -> bool:
        """Whether more output is taken."""
        return self.active and not self.complete

    @property
    def told(self) -> bool:
        """Whether the client has all of it, without a failure."""
        return self.outcome == "completed" or (self.active and self.complete)

    @property
    def active(self) -> bool:
        """Whether `response.done` is still to come."""
        return self.outcome == "in_progress"

    @property
    def audio_ms(self) -> float:
        """Length of the audio made so far, in milliseconds."""
        return sum(item.audio_ms for item in self._output)

    @property
    def awaits_no_client(self) -> bool:
        """Whether the server goes on by itself: tools have run, and no function of the client's.

        After a function it is for the client to go on, once it has the result (§B.7). Where nothing
        has run and a call waits for approval, what was refused is told behind that call. Of calls
        that the client has deleted there is nothing to tell.
        """
        ran_or_refused = any(
            isinstance(item, McpCall)
            and (self.spec.input is not None or self.conversation.get(item.id) is item)
            for item in self._output
        )
        functions = any(isinstance(item, FunctionCall) for item in self._output)
        asks = any(isinstance(item, McpApprovalRequest) for item in self._output)
        waits = functions or (asks and not self._called)
        return self.outcome == "completed" and ran_or_refused and not waits

    @property
    def output(self) -> Sequence[OutputItem]:
        """What it has made so far."""
        return self._output

    @property
    def last_item_id(self) -> str | None:
        """The last item that it read or made; None: there is none."""
        items: list[Item] = [*self.context, *self._output]
        return items[-1].id if items else None

    @property
    def unheard(self) -> bool:
        """Whether nothing of it can have been heard or read, and no function was called."""
        return all(
            self.spec.spoken and isinstance(item, AssistantMessage) and not item.audio_ms
            for item in self._output
        )

    def as_answer(self) -> LastAnswer:
        """Return what it answers and makes."""
        reads_on = self.spec.input is None and bool(self.context)
        return LastAnswer(self.context[-1].id if reads_on else None, self._output)

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

    def announce(self) -> list[Effect]:
        """Announce the response, if clients do not know of it."""
        if self.announced:
            return []
        self.announced = True
        return [Send(ResponseCreated(response=self.wire()))]

    def text(self, delta: str) -> list[Effect]:
        """Take a text delta: output text, or the transcript of audio to come."""
        if not self._grows or not delta:
            return []
        if self.spec.spoken:
            effects, speech = self._message(OpenSpeech)
            return effects + speech.write(delta)
        effects, text = self._message(OpenText)
        return effects + text.write(delta)

    def speaking(self, text: str) -> None:
        """Note that the audio from here on speaks `text`, for a later truncation (§A.8)."""
        if self.active and isinstance(self._open, OpenSpeech):
            self._open.speak(text)

    def timing(self, words: Sequence[tuple[int, float]]) -> None:
        """Note when words of the clause are spoken (`session.reports.WordsTimed`)."""
        if self.active and isinstance(self._open, OpenSpeech):
            self._open.timing(words)

    def audio(self, pcm: bytes) -> list[Effect]:
        """Take audio; `pcm` is 24 kHz, 16-bit, mono."""
        if not self._grows or not pcm or not self.spec.spoken:
            return []
        effects, speech = self._message(OpenSpeech)
        return effects + speech.play(pcm)

    def tool_call(self, number: int, call_id: str, name: str, arguments: str) -> list[Effect]:
        """Take a delta of tool call `number`.

        A call waits until the speech or the call before it is closed: items are strictly
        sequential, but a model may interleave calls. Deltas of a closed call are dropped, or the
        client would run it twice.
        """
        if not self._grows or number in self._closed_calls:
            return []
        delta = _CallDelta(number, call_id, name, arguments)
        match self._open:
            case OpenSpeech():
                waits = True
            case OpenCall() | OpenMcpCall() | OpenApproval() as call:
                waits = call.number != number
            case _:
                waits = any(held.number == number for held in self._held_calls)
        if waits:
            self._held_calls.append(delta)
            return []
        return self._write_call(delta)

    def counted(self, usage: TokenUsage, *, so_far: bool = False) -> None:
        """Note what the model has cost, or `so_far`: it is told however the response ends."""
        self._counted, self._counted_so_far = usage, so_far

    def finish(self, reason: FinishReason, reported: TokenUsage | None) -> list[Effect]:
        """Close the response: text, tool calls and audio are complete."""
        if not self.active:
            return []
        incomplete = _INCOMPLETE.get(reason)
        last: Ending = "incomplete" if incomplete else "completed"
        effects = self._close_all(last)
        if incomplete:
            self._status_details = {"type": "incomplete", "reason": incomplete}
        self._made = last
        if reported is not None:
            self.counted(reported)
        return effects + self._done_if_called()

    def output_made(self) -> list[Effect]:
        """Close all items; `finish` tells later how the response ended."""
        if not self.active:
            return []
        self.complete = True
        return self._close_all("completed")

    def called(self, item_id: str, result: str | McpError) -> list[Effect]:
        """Take the result of a call of an MCP tool; the last one may end the response."""
        return self.calls.pop(item_id).end(result) + self._done_if_called()

    def release_calls(self) -> list[RunningCall]:
        """Let calls go on without the response: the user interrupts it."""
        calls = list(self.calls.values())
        self.calls.clear()
        return calls

    def _done_if_called(self) -> list[Effect]:
        if self._made is None or self.calls:
            return []
        return self._done(self._made)

    def cancel(self, reason: CancelReason) -> list[Effect]:
        """Close the response unfinished: barge-in or `response.cancel` (§B.5, B.6)."""
        if not self.active:
            return []
        if isinstance(self._open, OpenSpeech):
            # What was sent sounds on when the client cancels, and not when the user interrupts.
            self._open.interrupt(at_once=reason == "turn_detected")
        effects = self._close("incomplete") + stopped(self.release_calls())
        self._status_details = {"type": "cancelled", "reason": reason}
        return effects + self._done("cancelled")

    def fail(self, error: FailureReason) -> list[Effect]:
        """Close the response because a stage failed (§B.10)."""
        if not self.active:
            return []
        effects = self._close("incomplete") + stopped(self.release_calls())
        self._status_details = {
            "type": "failed",
            "error": {"type": error.type, "code": error.code, "message": error.message},
        }
        return effects + self._done("failed")

    def _done(self, outcome: Outcome) -> list[Effect]:
        generated = bool(self._output) or outcome in ("completed", "incomplete")
        self._usage = (
            response_usage(
                self.read,
                self.spec.instructions,
                self._output,
                self._counted,
                so_far=self._counted_so_far,
            )
            if self.read is not None and (generated or self._counted is not None)
            else no_usage()
        )
        self.outcome = outcome
        self._held_calls.clear()
        effects: list[Effect] = [Send(ResponseDone(response=self.wire()))]
        if generated:
            effects.append(Send(_rate_limits()))
        return effects

    def _message(self, kind: type[_Message]) -> tuple[list[Effect], _Message]:
        """Return the open message of this kind, and the effects of opening it if none was."""
        if isinstance(self._open, kind):
            return [], self._open
        effects = self._close("completed")
        message = kind(self.spec, len(self._output), self.conversation)
        return effects + self._begin(message), message

    def _write_call(self, delta: _CallDelta) -> list[Effect]:
        effects: list[Effect] = []
        call = self._open
        if not isinstance(call, _CALLS) or call.number != delta.number:
            effects += self._close("completed")
            call = self._new_call(delta)
            effects += self._begin(call)
        return effects + call.write(delta.arguments)

    def _new_call(self, delta: _CallDelta) -> OpenCall | OpenMcpCall | OpenApproval:
        """Return a call of the client's function, or of the tool that the function stands for."""
        place = (self.spec, len(self._output), self.conversation, delta.number)
        tool = self.offer.mcp_tools.get(delta.name)
        if tool is None:
            return OpenCall(*place, delta.call_id, delta.name)
        first = not any(isinstance(item, _CALLED) for item in self._output)
        refusal = self.offer.refusal(tool.called, first=first)
        if refusal is None and tool.needs_approval:
            return OpenApproval(*place, tool)
        return OpenMcpCall(*place, tool, refusal)

    def _begin(self, opened: _Opened) -> list[Effect]:
        self._open = opened
        self._output.append(opened.item)
        return opened.open()

    def _close_all(self, last: Ending) -> list[Effect]:
        """Write the calls that waited, and close the last item."""
        effects: list[Effect] = []
        held, self._held_calls = self._held_calls, []
        if held:
            effects += self._close("completed")
            for delta in sorted(held, key=lambda delta: delta.number):
                effects += self._write_call(delta)
        return effects + self._close(last)

    def _close(self, ending: Ending) -> list[Effect]:
        if self._open is None:
            return []
        opened, self._open = self._open, None
        if isinstance(opened, _CALLS):
            self._closed_calls.add(opened.number)
        if isinstance(opened, OpenMcpCall) and ending == "completed" and not opened.refusal:
            effects, running = opened.run()
            self._called = True
            self.calls[running.item.id] = running
            return effects
        if isinstance(opened, OpenApproval) and ending == "incomplete":
            opened.forget()
            self._output.pop()
            return []
        return opened.close(ending)


def _rate_limits() -> ServerEvent:
    """Return the event that clients expect after a response; this server has no rate limits."""
    limit = 15_000_000
    return RateLimitsUpdated(
        rate_limits=[{"name": "tokens", "limit": limit, "remaining": limit, "reset_seconds": 0.0}]
    )
