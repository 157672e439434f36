"""One connection to Gemini Live: what it has been told, what it hears, and what it answers.

It makes one response at a time (`answering.py`), and writes what it hears (`transcripts.py`).
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from providers.links.failures import LinkFailure, nonsense
from providers.links.link import Address, Event, Link
from session.reports import ToolCallMade
from upstream.generation import UpstreamGeneration
from upstream.google import wire
from upstream.google.answering import FAULTS, GRACE_S, LATE_S, Answering
from upstream.google.closing import why
from upstream.google.conversation import (
    Called,
    Entry,
    Heard,
    Returned,
    Said,
    Seen,
    as_text,
    beyond,
    by_model,
)
from upstream.google.transcripts import MIXED, Transcripts, Turn, Writer

STEP_BYTES = 32_000
"""Audio of one message: a second of it."""
REST_S = 1.0
"""How long the rest of a transcript may be in coming while the service's turn goes on."""
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Reader(Writer, Protocol):
    """What wants to know what a connection brings: an upstream's session."""

    async def at_rest(self, link: LiveLink) -> None:
        """Nothing that was asked of it is under way any more."""

    async def ended(self, link: LiveLink, failure: LinkFailure) -> None:
        """The connection is over."""


@dataclass(slots=True)
class _Activity:
    """What the user does, of which the service has been told the beginning."""

    turns: list[Turn] = field(default_factory=list)
    """Whole turns in it."""
    going: str | None = None
    """Id of the recognition of the turn that is being spoken; None: none is."""
    sent: int = 0
    """Bytes of that turn's audio that were sent."""


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
        self._transcripts = Transcripts(reader)
        self._late: asyncio.TimerHandle | None = None
        """Due when no more words of the turn are waited for."""
        self._answering = Answering(self.known.append, self._rest)
        self._calls: dict[str, str] = {}
        """Our ids of calls that wait for their results → the service's."""
        self._cut_short = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what it is told ------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether it makes a response."""
        return self._answering.current is not None and self.alive

    @property
    def needed(self) -> bool:
        """Whether more will come of what was asked of it, though it makes no response."""
        return self.alive and (not self._answering.idle or self._transcripts.wanted)

    @property
    def cut_short(self) -> bool:
        """Whether it ended in the middle of a response, so that nobody knows what was heard."""
        return self._cut_short or (self._answering.current is not None and not self.alive)

    def prepare(self, wishes: wire.Wishes, known: Sequence[Entry]) -> None:
        """Set it up, with what was said before."""
        self.wishes, self.known[:] = wishes, known
        self.send_soon(wire.setup(self._model, wishes, history=bool(known)))
        self.wait_for_answer()
        if known:
            self.send_soon(wire.history(known))

    async def begin(self, recognition_id: str) -> None:
        """Begin to hear a turn, if that is possible now; else it is heard as a whole later."""
        if self.wishes is None or self.busy or self.leaving or self._calls:
            return
        if self._activity is None:
            self._activity = _Activity()
            self._answering.interrupted()
            self._transcripts.speaking()
            self.send_soon(wire.activity("activityStart"))
            if self._transcripts.pending:
                # The service ends its turn at once: what comes before that is of the turn before.
                self._await_words(GRACE_S if self._transcripts.begun else LATE_S)
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
        if new is None or not self._goes_on(new):
            return None
        # All that can be told here are words of the user, and results that it waits for.
        return None if any(map(by_model, new)) else new

    async def reserve(self, asked: UpstreamGeneration) -> None:
        """Make this response next."""
        await self._answering.begin(asked)

    async def tell(self, new: Sequence[Entry], pcm: dict[str, bytes]) -> bool:
        """Tell what is new, which the model then answers.

        Args:
            new: What the user did, or the results of all calls.
            pcm: Item → its audio at `wire.HEARS_RATE`, for what has not been heard yet.

        Returns:
            Whether it will be known which words are those of the turns in it.
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
            return True
        activity, self._activity = self._activity, None
        there = {turn.item_id: turn for turn in activity.turns} if activity else {}
        mixed = False
        if any(isinstance(entry, Heard) for entry in new):
            # Words of a turn that are still to come may come with those of the next.
            mixed = self._transcripts.pending or self._transcripts.mixed
            self._stop_waiting()
            await self._transcripts.end(MIXED)
            if activity is None:
                self._transcripts.speaking()
        if activity is None:
            self.send_soon(wire.activity("activityStart"))
        heard: list[Turn] = []
        for entry in new:
            await self._tell(entry, there, pcm, heard)
        if not new:
            self.send_soon(wire.words(wire.NUDGE))
        alone = len(heard) == 1 and not mixed
        if heard:
            await self._transcripts.expect(heard[0] if alone else None)
        self.send_soon(wire.activity("activityEnd"))
        if not self.alive:
            await self._transcripts.end(self.failure)
        return alone or not heard

    def heard_already(self, item_id: str) -> bool:
        """Return whether the turn of an item is in what the service is just hearing."""
        activity = self._activity
        return activity is not None and any(turn.item_id == item_id for turn in activity.turns)

    def gives_up(self, asked: UpstreamGeneration) -> bool:
        """Return whether this was the response that it makes; what it has made is forgotten."""
        self._answering.forget(asked)
        answer = self._answering.current
        return answer is not None and answer.asked is asked

    async def _tell(
        self, entry: Entry, there: dict[str, Turn], pcm: dict[str, bytes], told: list[Turn]
    ) -> None:
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
                    told.append(heard)
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
        self._cut_short = await self._answering.lost(failure)
        self._stop_waiting()
        await self._transcripts.end(failure)
        await self._reader.ended(self, failure)

    async def close(self) -> None:
        """End the connection, and wait until it is gone."""
        self._answering.stop()
        self._stop_waiting()
        await super().close()

    async def came(self, event: Event) -> None:
        """Take a message."""
        try:
            await self._took(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            names = ", ".join(str(name)[:30] for name in event)[:60]
            self.drop(nonsense(f"its message '{names}' cannot be read ({type(error).__name__})"))

    async def _took(self, event: Event) -> None:
        content = event.get("serverContent") or {}
        self._answering.alive()
        if "usageMetadata" in event:
            ends = content.get("generationComplete") or content.get("turnComplete")
            last = bool(ends) or "toolCall" in event
            await self._answering.count(event["usageMetadata"], last=last)
        if "setupComplete" in event:
            self.answered()
        if "goAway" in event or "toolCallCancellation" in event:
            self.leaving = True
        await self._content(content)
        if "toolCall" in event:
            await self._called(event["toolCall"]["functionCalls"])

    async def _content(self, content: Event) -> None:
        if "inputTranscription" in content:
            await self._heard(content["inputTranscription"])
        if "modelTurn" in content:
            self._answering.goes_on()
            for part in content["modelTurn"].get("parts") or ():
                if "inlineData" in part:
                    await self._answering.sound(part["inlineData"])
        if text := (content.get("outputTranscription") or {}).get("text"):
            await self._answering.text(str(text))
        if content.get("interrupted") and not self._answering.tail:
            # What it will remember of its answer is then not what it made.
            self.leaving = True
        # Who thinks between the words may speak on.
        if content.get("generationComplete") and not self._model.thinks_aloud:
            self._answering.all_came(self._made)
        if content.get("turnComplete") and content.get("interactionStatus") != "IN_PROGRESS":
            await self._completed(content.get("turnCompleteReason"))

    async def _called(self, calls: Sequence[Event]) -> None:
        self._answering.goes_on()
        answer = self._answering.current
        if answer is None:
            return
        if self._transcripts.begun:
            self._await_words(REST_S)
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
        await self._answering.made(made)

    async def _made(self) -> None:
        """All of an answer has come, and nothing more for a moment."""
        if self._transcripts.pending:
            begun = self._transcripts.begun
            self._await_words(REST_S if begun else self._answering.left_s + LATE_S)
        await self._answering.made()
        await self._rest()

    async def _completed(self, reason: str | None) -> None:
        if reason in FAULTS:
            self.leaving = True
        tail = self._answering.tail
        if await self._answering.turn_over(reason):
            return
        if self._activity is not None and tail:
            await self._transcripts.service_turn_over()
        if self._transcripts.pending:
            self._await_words(GRACE_S if self._transcripts.begun else LATE_S)

    async def _heard(self, told: Event) -> None:
        await self._transcripts.take(told)
        if self._activity is not None:
            # In the tail its end may tell whose they are.
            if self._transcripts.mixed and not self._answering.tail:
                await self._written()
        elif told.get("finished") and self._transcripts.begun:
            await self._written()
        elif self._late is not None and self._transcripts.begun:
            self._await_words(GRACE_S if self._answering.idle else REST_S)

    def _await_words(self, limit_s: float) -> None:
        self._stop_waiting()
        self._late = asyncio.get_running_loop().call_later(limit_s, self._too_late)

    def _too_late(self) -> None:
        task = asyncio.create_task(self._written(), name="end of a transcript")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _written(self) -> None:
        """Take what was written of the turn as all that will come."""
        self._stop_waiting()
        await self._transcripts.end(turn_over=not self._answering.tail)
        await self._rest()

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    async def _rest(self) -> None:
        if self.alive and not self.needed:
            await self._reader.at_rest(self)
