"""One connection to Gemini Live: what it has been told, what it hears, and what it answers.

It makes one response at a time. A response is over when all of it has been made; the service ends
its own turn later, when it thinks that the sound has been played.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pybase64
from pipecat.utils.errors import ErrorCategory

from providers.links.failures import LinkFailure, nonsense
from providers.links.link import Address, Event, Link
from session.ports import FinishReason, TokenUsage
from session.reports import AudioMade, ResponseFinished, TextMade, ToolCallMade
from upstream.generation import UpstreamGeneration
from upstream.google import wire
from upstream.google.closing import why
from upstream.google.conversation import (
    Called,
    Entry,
    Heard,
    Returned,
    Said,
    Seen,
    Spoken,
    as_text,
    beyond,
)

STEP_BYTES = 32_000
"""Audio of one message: a second of it."""
GRACE_S = 0.5
"""Longest wait for the end of the service's turn, with the usage, behind the last of a response."""

_UNWRITTEN = LinkFailure(ErrorCategory.UNKNOWN, "the service wrote no transcript")
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FAULTS = ("MALFORMED_FUNCTION_CALL", "RESPONSE_REJECTED", "MAX_REGENERATION_REACHED")
_GOOD = ("TURN_COMPLETE_REASON_UNSPECIFIED", "NEED_MORE_INPUT")


@dataclass(slots=True)
class Turn(Spoken):
    """A turn of the user whose transcript the service writes."""

    so_far: str = ""


class Reader(Protocol):
    """What wants to know what a connection brings: an upstream's session."""

    async def wrote(self, turn: Turn) -> None:
        """`turn.so_far` has grown."""

    async def written(self, turn: Turn, failure: LinkFailure) -> None:
        """`turn.so_far` is all that will come; `failure` tells why, should it be nothing."""

    async def at_rest(self, link: LiveLink) -> None:
        """A response is over, or the transcript of a turn that nobody answers."""

    async def ended(self, link: LiveLink, failure: LinkFailure) -> None:
        """The connection is over."""


@dataclass(slots=True)
class _Activity:
    """What the user does, of which the service has been told the beginning."""

    turns: list[Turn] = field(default_factory=list)
    """Whole turns in it."""
    going: str | None = None
    """Recognition of the turn that is being spoken into it."""
    sent: int = 0
    """Bytes of that."""


@dataclass(slots=True)
class _Answer:
    """A response in the making."""

    asked: UpstreamGeneration
    text: str = ""
    half: bytes = b""
    """Half a sample, whose rest comes with the next audio."""
    usage: TokenUsage | None = None
    grace: asyncio.TimerHandle | None = None


class LiveLink(Link):
    """A connection, from the attempt to its end."""

    def __init__(self, address: Address, model: wire.Model, reader: Reader) -> None:
        """Begin to connect.

        Args:
            address: The service.
            model: Its model.
            reader: Told of what comes.
        """
        super().__init__(address)
        self._model = model
        self._reader = reader
        self.wishes: wire.Wishes | None = None
        """How it was set up; None: it was not yet."""
        self.known: list[Entry] = []
        """The conversation that the service has."""
        self.leaving = False
        """Whether nothing new should be begun on it."""
        self._activity: _Activity | None = None
        self._hearing: list[Turn] = []
        """Turns whose transcripts are being written."""
        self._answer: _Answer | None = None
        self._tail = False
        """Whether the service has not ended its turn yet, though all of it has come."""
        self._calls: dict[str, str] = {}
        """Our ids of calls that wait for their results → the service's."""
        self._cut_short = False
        self._finishing: set[asyncio.Task[None]] = set()

    # --- what it is told ------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether it makes a response."""
        return self._answer is not None and self.alive

    @property
    def cut_short(self) -> bool:
        """Whether it ended in the middle of a response, so that nobody knows what was heard."""
        return self._cut_short or (self._answer is not None and not self.alive)

    def prepare(self, wishes: wire.Wishes, known: Sequence[Entry]) -> None:
        """Set it up, with what was said before."""
        self.wishes, self.known = wishes, list(known)
        self.send_soon(wire.setup(self._model, wishes, history=bool(known)))
        self.wait_for_answer()
        if known:
            self.send_soon(wire.history(known))

    def begin(self, recognition_id: str) -> None:
        """Begin to hear a turn, if that is possible now; else it is heard as a whole later."""
        if self.wishes is None or self.busy or self.leaving or self._calls:
            return
        if self._activity is None:
            self._activity = _Activity()
            self.send_soon(wire.activity("activityStart"))
        self._activity.going, self._activity.sent = recognition_id, 0

    async def hear(self, recognition_id: str, pcm: bytes) -> None:
        """Hear the next of a turn, if it was begun here."""
        activity = self._activity
        if activity is not None and activity.going == recognition_id:
            activity.sent += len(pcm)
            await self._sound(pcm)

    async def commit(self, recognition_id: str, turn: Turn, pcm: bytes) -> None:
        """Hear the rest of a turn, whose audio is `pcm`, if it was begun here."""
        activity = self._activity
        if activity is None or activity.going is None:
            return
        if activity.going != recognition_id:
            # Another turn is being spoken: what the service hears is not in order any more.
            self.leaving = True
            return
        activity.going = None
        activity.turns.append(turn)
        await self._sound(pcm[activity.sent :])

    def discard(self, recognition_id: str, turn: Turn | None) -> None:
        """Forget a turn: the service cannot, so a new connection is needed if it has heard it."""
        activity = self._activity
        if activity is not None and (
            activity.going == recognition_id or (turn is not None and turn in activity.turns)
        ):
            activity.going = None
            self.leaving = True

    def fits(self, wishes: wire.Wishes, wanted: Sequence[Entry]) -> list[Entry] | None:
        """Return what has to be told for a response that is to read `wanted`.

        None: it has been told something else, or is not free.
        """
        if self.wishes != wishes or self.busy or self.leaving or not self.alive:
            return None
        new = beyond(self.known, wanted)
        return new if new is not None and self._goes_on(new) else None

    def reserve(self, asked: UpstreamGeneration) -> None:
        """Make this response next."""
        self._answer = _Answer(asked)

    def hears(self, turn: Turn) -> None:
        """Let it write the transcript of a turn that nobody has asked to be answered."""
        self._hearing.append(turn)

    async def tell(self, new: Sequence[Entry], pcm: dict[str, bytes]) -> None:
        """Tell what is new, which the model then answers.

        Args:
            new: What the user did, or the results of all calls.
            pcm: Item → its audio at `wire.HEARS_RATE`, for what has not been heard yet.
        """
        returned = [one for one in new if isinstance(one, Returned)]
        if self._calls and returned:
            self.send_soon(wire.results([(self._calls[one.call_id], one) for one in returned]))
            self._calls.clear()
            made = {one.call_id: one for one in self.known if isinstance(one, Called)}
            while self.known and isinstance(self.known[-1], Called):
                self.known.pop()
            for one in returned:
                self.known += [made[one.call_id], one]
            return
        activity, self._activity = self._activity, None
        there = {turn.item_id: turn for turn in activity.turns} if activity else {}
        if activity is None:
            self.send_soon(wire.activity("activityStart"))
        for entry in new:
            await self._tell(entry, there, pcm)
        if not new:
            self.send_soon(wire.words(wire.NUDGE))
        self.send_soon(wire.activity("activityEnd"))

    def heard_already(self, item_id: str) -> bool:
        """Return whether the turn of an item is in what the service is just hearing."""
        activity = self._activity
        return activity is not None and any(turn.item_id == item_id for turn in activity.turns)

    def gives_up(self, asked: UpstreamGeneration) -> bool:
        """Return whether this was the response that it makes."""
        return self._answer is not None and self._answer.asked is asked

    async def _tell(self, entry: Entry, there: dict[str, Turn], pcm: dict[str, bytes]) -> None:
        match entry:
            case Said(text=text):
                self.send_soon(wire.words(text))
            case Seen():
                await self.send(wire.sight(entry))
            case Heard(turn=turn):
                if turn.item_id not in there:
                    await self._sound(pcm[turn.item_id])
                heard = there.get(turn.item_id) or turn
                if isinstance(heard, Turn):
                    self._hearing.append(heard)
                entry = Heard(heard)
            case Called() | Returned():
                self.send_soon(wire.words(as_text(entry)))
        self.known.append(entry)

    async def _sound(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), STEP_BYTES):
            await self.send(wire.sound(pcm[start : start + STEP_BYTES]))

    def _goes_on(self, new: Sequence[Entry]) -> bool:
        """Return whether what the service is just hearing is of what is new."""
        if self._calls:
            return {one.call_id for one in new if isinstance(one, Returned)} == set(self._calls)
        activity = self._activity
        if activity is None:
            return True
        items = {entry.turn.item_id for entry in new if isinstance(entry, Heard)}
        return activity.going is None and all(turn.item_id in items for turn in activity.turns)

    # --- what comes -----------------------------------------------------------------------------

    def read(self, message: str | bytes) -> Event | None:
        """Read a message; the service sends JSON in binary frames."""
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None

    def closed(self, code: int | None, reason: str) -> LinkFailure:
        """Return why the service closed the connection."""
        return super().closed(None, "") if code is None else why(code, reason)

    async def ended(self, failure: LinkFailure) -> None:
        """Fail what was under way."""
        answer, self._answer = self._answer, None
        self._cut_short = answer is not None
        _settle(answer)
        await self._written(failure)
        if answer is not None:
            answer.asked.fail(failure)
        await self._reader.ended(self, failure)

    async def came(self, event: Event) -> None:
        """Take a message."""
        try:
            await self._took(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            names = ", ".join(str(name)[:30] for name in event)[:60]
            self.drop(nonsense(f"its message '{names}' cannot be read ({type(error).__name__})"))

    async def _took(self, event: Event) -> None:
        if self._answer is not None:
            self._answer.asked.alive()
            if "usageMetadata" in event:
                self._answer.usage = wire.usage_of(event["usageMetadata"])
        if "setupComplete" in event:
            self.answered()
        if "goAway" in event or "toolCallCancellation" in event:
            self.leaving = True
        if "serverContent" in event:
            await self._content(event["serverContent"])
        if "toolCall" in event:
            await self._called(event["toolCall"]["functionCalls"])

    async def _content(self, content: Event) -> None:
        if "inputTranscription" in content:
            await self._heard(content["inputTranscription"])
        if "modelTurn" in content:
            self._tail = False
            for part in content["modelTurn"].get("parts") or ():
                if "inlineData" in part:
                    await self._made(part["inlineData"])
        if text := (content.get("outputTranscription") or {}).get("text"):
            await self._said(str(text))
        if content.get("interrupted") and not self._tail:
            # What it will remember of its answer is then not what it made.
            self.leaving = True
        # Who thinks between the words may speak on.
        if content.get("generationComplete") and not self._model.thinks_aloud:
            await self._written()
            self._end_soon()
        if content.get("turnComplete") and content.get("interactionStatus") != "IN_PROGRESS":
            await self._completed(content.get("turnCompleteReason"))

    async def _made(self, data: Event) -> None:
        answer = self._answer
        kind = str(data.get("mimeType") or "")
        if answer is None or not kind.startswith("audio/pcm"):
            return
        rate = kind.partition("rate=")[2]
        if rate and rate != str(wire.SPEAKS_RATE):
            raise ValueError(f"audio at {rate} Hz")
        pcm = answer.half + _decoded(data["data"])
        whole = len(pcm) & ~1
        answer.half = pcm[whole:]
        await answer.asked.take(AudioMade(answer.asked.request.response_id, pcm[:whole]))

    async def _said(self, text: str) -> None:
        answer = self._answer
        if answer is not None:
            answer.text += text
            await answer.asked.take(TextMade(answer.asked.request.response_id, text))

    async def _called(self, calls: Sequence[Event]) -> None:
        self._tail = False
        answer = self._answer
        if answer is None:
            return
        await self._written()
        request = answer.asked.request
        if request.parallel_tool_calls is False and len(calls) > 1:
            # The service cannot be told to make one call alone, and waits for all results.
            calls, self.leaving = calls[:1], True
        made: list[Called] = []
        for index, call in enumerate(calls):
            given = str(call.get("id") or "")
            call_id = given if _CALL_ID.fullmatch(given) else f"call_{secrets.token_hex(8)}"
            one = Called(call_id, call["name"], json.dumps(call.get("args") or {}))
            made.append(one)
            self._calls[call_id] = given
            await answer.asked.take(
                ToolCallMade(request.response_id, index, call_id, one.name, one.arguments)
            )
        await self._finish("tool_calls", made)

    async def _heard(self, told: Event) -> None:
        if not self._hearing:
            return
        # Several turns that are answered together are written as one.
        turn = self._hearing[-1]
        if text := told.get("text"):
            turn.so_far += str(text)
            await self._reader.wrote(turn)
        if told.get("finished"):
            await self._written()

    async def _written(self, failure: LinkFailure = _UNWRITTEN) -> None:
        """Take what was written of the turns as all that will come."""
        turns, self._hearing = self._hearing, []
        for turn in turns:
            await self._reader.written(turn, failure)
        if turns and self._answer is None and self.alive:
            await self._reader.at_rest(self)

    def _end_soon(self) -> None:
        """Wait a moment for the end of the service's turn, which tells the usage."""
        self._tail = True
        answer = self._answer
        if answer is not None and answer.grace is None:
            loop = asyncio.get_running_loop()
            answer.grace = loop.call_later(GRACE_S, self._end_now)

    def _end_now(self) -> None:
        task = asyncio.create_task(self._finish(self._reason()), name="end of a response")
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _completed(self, reason: str | None) -> None:
        answer = self._answer
        of_before = self._tail and answer is not None and answer.grace is None
        self._tail = False
        if of_before:
            return
        await self._written()
        if answer is None:
            return
        if reason in _FAULTS:
            self._fail(LinkFailure(ErrorCategory.SERVER, f"the model ended for {reason}"))
        elif reason is None or reason in _GOOD:
            await self._finish(self._reason())
        else:
            await self._finish("content_filter")

    def _reason(self) -> FinishReason:
        """Return why an answer ended: that it is cut short is told by its length alone."""
        answer = self._answer
        limit = answer.asked.request.max_output_tokens if answer else None
        if answer is None or limit is None or answer.usage is None:
            return "stop"
        media = answer.usage.media
        made = answer.usage.output_tokens + (media.audio_out if media else 0)
        return "length" if made >= limit else "stop"

    async def _finish(self, reason: FinishReason, calls: Sequence[Called] = ()) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        _settle(answer)
        if answer.text.strip():
            self.known.append(Said("model", answer.text))
        self.known += calls
        response_id = answer.asked.request.response_id
        await answer.asked.take(ResponseFinished(response_id, reason, answer.usage))
        await self._reader.at_rest(self)

    def _fail(self, failure: LinkFailure) -> None:
        answer, self._answer = self._answer, None
        _settle(answer)
        self.leaving = True
        if answer is not None:
            answer.asked.fail(failure)


def _settle(answer: _Answer | None) -> None:
    if answer is not None and answer.grace is not None:
        answer.grace.cancel()


def _decoded(data: Any) -> bytes:
    """Decode base64 of either alphabet: Google writes and reads both."""
    text = str(data).replace("-", "+").replace("_", "/")
    return pybase64.b64decode(text + "=" * (-len(text) % 4), validate=True)
