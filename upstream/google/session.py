"""What stands behind one client's session at Gemini Live: turns out, responses in.

The service keeps the conversation, and answers whatever it hears. So a turn is heard while it is
spoken, but its end is told only when a response to it is asked for. Where the conversation there is
not what the response is to read (an answer was interrupted and only half heard, something was
deleted, the instructions changed), a new connection is told all of it, as text. A turn that nobody
wants answered has its transcript written beside, over a connection of its own, and so has one whose
words could not be told from another's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loguru import logger
from pipecat.utils.errors import ErrorCategory

from hearing.cleaned_audio import cleaned
from providers.frames import (
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
)
from providers.links.failures import LinkFailure, lost
from providers.links.link import Address
from session.ports import NO_WISHES, ResponseRequest, Transcript, TranscriptionSettings
from upstream.generation import UpstreamGeneration
from upstream.google.conversation import Entry, Heard, entries, parted
from upstream.google.live import LiveLink
from upstream.google.transcripts import MIXED, Turn, Writing
from upstream.google.wire import HEARS_RATE, Model, Wishes
from upstream.service import UpstreamService, UpstreamSession
from upstream.turn_input import UpstreamTurns

HOLD_S = 0.1
"""Seconds after the end of a turn in which a response to it is waited for; then its transcript is
written without one."""


WRITINGS = 2
"""Most connections that are opened to write a turn, the second where the first one broke."""
_PASSING = (ErrorCategory.CONNECTIVITY, ErrorCategory.SERVER)
"""Failures that another connection may not have."""
WRITING_TOKENS = 32
"""Most tokens of the answer that the service makes to a turn whose transcript alone is wanted; it
is not heard."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How sessions are set up."""

    address: Address
    model: Model
    provider: UpstreamService
    voice: str
    """The service's own name of the voice of nobody's choice."""


@dataclass(slots=True)
class _Told(Turn):
    """A committed turn."""

    recognition_id: str = ""
    pcm: bytes = b""
    """Its audio, until its transcript is there."""
    hold: asyncio.TimerHandle | None = None
    """When it is taken for one that nobody wants answered."""
    due: asyncio.TimerHandle | None = None
    """When its transcript is given up; None: none is wanted any more."""
    beside: LiveLink | None = None
    """The connection that was opened last to write it."""
    opened: int = 0
    """How many were."""


class LiveUpstream(UpstreamSession):
    """One client's session at the service."""

    def __init__(self, setup: Setup) -> None:
        """Connect, in the background."""
        super().__init__(setup.provider)
        self._setup = setup
        self._ears = UpstreamTurns(self, HEARS_RATE)
        self._wishes: Wishes | None = None
        """How the last response was asked for."""
        self._hints: TranscriptionSettings = NO_WISHES
        self._turns: dict[str, _Told] = {}
        """Committed turns, by item."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._beside: set[LiveLink] = set()
        """Connections for one response or transcript each."""
        self._main = self._connect()

    def ears(self) -> UpstreamTurns:
        """Return what takes the frames of the session's turns."""
        return self._ears

    async def close(self) -> None:
        """End all connections."""
        for turn in self._turns.values():
            _settle(turn)
        for link in [self._main, *self._beside]:
            await link.close()

    # --- turns ----------------------------------------------------------------------------------

    async def begin(self, turn: TurnStartedFrame) -> None:
        """A turn begins: the service hears it, if it may be the next in its conversation."""
        self._hints = turn.settings
        self._renew()
        await self._main.begin(turn.recognition_id)

    async def hear(self, turn: TurnAudioFrame) -> None:
        """Send audio of the turn, unless it has to be sent as a whole."""
        await self._main.hear(turn.recognition_id, turn.audio)

    async def commit(self, turn: TurnCommittedFrame) -> None:
        """A turn is over; whether it is to be answered will be known in a moment."""
        self._hints = turn.settings
        told = _Told(turn.item_id, recognition_id=turn.recognition_id, pcm=turn.audio)
        loop = asyncio.get_running_loop()
        told.hold = loop.call_later(HOLD_S, self._write_beside, told)
        told.due = loop.call_later(self._patience.first_s, self._too_late, told)
        self._turns[turn.item_id] = told
        await self._main.commit(turn.recognition_id, told, turn.audio)

    async def discard(self, turn: TurnDiscardedFrame) -> None:
        """Drop a turn."""
        found = next(
            (one for one in self._turns.values() if one.recognition_id == turn.recognition_id), None
        )
        self._main.discard(turn.recognition_id, found)
        if found is not None:
            _settle(found)
            _leave(found)
            del self._turns[found.item_id]

    def _write_beside(self, turn: _Told) -> None:
        """Have the transcript of a turn written by a connection of its own."""
        wishes = self._hinted(Wishes("", self._setup.voice, limit=WRITING_TOKENS))
        link = turn.beside = self._connect()
        turn.opened += 1
        self._beside.add(link)
        link.prepare(wishes, ())
        self._soon(link.tell([Heard(turn)], {turn.item_id: turn.pcm}))

    def _too_late(self, turn: _Told) -> None:
        limit_s = self._patience.first_s
        failure = lost(f"no transcript within {limit_s:g} s")
        self._soon(self._report(turn, turn.transcript, failure))

    async def wrote(self, writing: Writing) -> None:
        """Report a transcript so far (`live.Reader`)."""
        turn = writing.turn
        if isinstance(turn, _Told) and turn.due is not None and turn.leading is writing:
            await self._ears.so_far(turn.recognition_id, writing.words)

    async def written(self, writing: Writing, failure: LinkFailure) -> None:
        """Report a transcript (`live.Reader`)."""
        turn, words = writing.turn, writing.turn.transcript
        if turn.words is None:
            turn.words = words
        if not isinstance(turn, _Told) or turn.due is None:
            return
        if words is not None:
            await self._report(turn, words, failure)
        elif not turn.is_unfinished:
            again = failure is MIXED or failure.category in _PASSING
            if again and turn.opened < WRITINGS:
                self._write_beside(turn)
            else:
                await self._report(turn, None, failure)

    async def _report(self, turn: _Told, words: str | None, failure: LinkFailure) -> None:
        """Report a transcript, or why there is none."""
        if turn.due is None:
            return
        _settle(turn)
        if turn.words is None:
            turn.words = words
        if words is not None:
            await self._ears.understood(turn.recognition_id, Transcript(words))
        else:
            await self._ears.failed(turn.recognition_id, failure)
        _leave(turn)

    # --- responses ------------------------------------------------------------------------------

    async def ask(self, asked: UpstreamGeneration) -> None:
        """Ask for a response, over a connection whose conversation it goes on with."""
        request = asked.request
        wishes = self._hinted(self._wishes_of(request))
        wanted = [self._known_turn(entry) for entry in entries(request.messages)]
        self._wishes = wishes
        link = self._main
        new = link.fits(wishes, wanted)
        if new is None:
            link = self._fresh()
            before, new = parted(wanted)
            link.prepare(wishes, before)
        await link.reserve(asked)
        writes = False
        try:
            pcm: dict[str, bytes] = {}
            for entry in new:
                if isinstance(entry, Heard) and entry.clip is not None:
                    item_id = entry.turn.item_id
                    if not link.heard_already(item_id):
                        pcm[item_id] = await asyncio.to_thread(cleaned, entry.clip, HEARS_RATE)
            writes = await link.tell(new, pcm)
        finally:
            # It may be stopped in the middle.
            if not writes:
                self._write_apart(new)

    def _write_apart(self, told: Sequence[Entry]) -> None:
        """Have each turn in it written that the connection which was told it will not write."""
        for entry in told:
            turn = entry.turn if isinstance(entry, Heard) else None
            if isinstance(turn, _Told) and turn.due is not None and turn.beside is None:
                self._write_beside(turn)

    def give_up(self, asked: UpstreamGeneration, silent: bool) -> None:
        """Have nothing more made of a response."""
        for link in [self._main, *self._beside]:
            if link.gives_up(asked):
                # The user has heard less of it than the service believes; and what hangs is left.
                link.drop(
                    lost("the service was silent for too long" if silent else "it was stopped")
                )

    def _wishes_of(self, request: ResponseRequest) -> Wishes:
        tools = [] if request.tool_choice == "none" else request.tools
        setup = self._setup
        if tools and setup.model.thinks_aloud:
            raise _impossible(
                f"{setup.model.name} goes on speaking while a function runs, which "
                "a response cannot: choose a model without 'thinking' in its name"
            )
        return Wishes(
            request.instructions,
            setup.provider.named_voices.get(request.voice, request.voice),
            json.dumps([setup.model.declared(tool) for tool in tools]),
            request.max_output_tokens,
            request.temperature,
            request.reasoning_effort,
        )

    def _hinted(self, wishes: Wishes) -> Wishes:
        return replace(wishes, languages=self._hints.languages, words=self._hints.keywords)

    def _known_turn(self, entry: Entry) -> Entry:
        """Return the same, with our own record of a turn whose transcript is to come."""
        if not isinstance(entry, Heard):
            return entry
        told = self._turns.get(entry.turn.item_id)
        if told is None:
            return Heard(Turn(entry.turn.item_id), entry.clip)
        if told.hold is not None:
            told.hold.cancel()
        return Heard(told, entry.clip)

    # --- connections ----------------------------------------------------------------------------

    def _connect(self) -> LiveLink:
        return LiveLink(self._setup.address, self._setup.model, self)

    def _fresh(self) -> LiveLink:
        """Return a connection without a past."""
        main = self._main
        if main.alive and main.busy:
            link = self._connect()
            self._beside.add(link)
            return link
        if main.alive and main.wishes is None:
            return main
        if main.needed:
            self._beside.add(main)
        elif main.alive:
            main.drop(lost("another connection took its place"))
        self._main = self._connect()
        return self._main

    def _renew(self) -> None:
        """Replace a connection that is over or will be, so that it can hear the next turn."""
        main = self._main
        if (main.alive and not main.leaving) or main.busy:
            return
        known = main.known
        link = self._fresh()
        if self._wishes is not None and not main.cut_short:
            link.prepare(self._wishes, known)

    async def at_rest(self, link: LiveLink) -> None:
        """Close a connection that had one purpose (`live.Reader`)."""
        if link in self._beside:
            link.drop(lost("it is not needed any more"))

    async def ended(self, link: LiveLink, failure: LinkFailure) -> None:
        """Note that a connection is over (`live.Reader`)."""
        logger.debug(f"an upstream connection ended: {failure.reason}")
        self._beside.discard(link)

    def _soon(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work, name="transcript of a turn")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settle(turn: _Told) -> None:
    """Have nothing more written of a turn."""
    for timer in (turn.hold, turn.due):
        if timer is not None:
            timer.cancel()
    turn.hold = turn.due = None
    turn.pcm = b""


def _leave(turn: _Told) -> None:
    """End the connection that was opened to write a turn, once nothing waits for it."""
    if turn.beside is not None and turn.beside.alive:
        turn.beside.drop(lost("it is not needed any more"))


def _impossible(reason: str) -> LinkFailure:
    return LinkFailure(ErrorCategory.INVALID_REQUEST, reason)
