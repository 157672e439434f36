"""What Gemini Live writes of the user's turns: their transcripts come whenever they come.

They are in no order with the answer: a piece may come while the turn is still spoken, or when all
of the answer has been made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from providers.links.failures import LinkFailure
from providers.links.link import Event
from upstream.google.conversation import Spoken


@dataclass(slots=True)
class Turn(Spoken):
    """A turn of the user whose transcript the service writes."""

    so_far: str = ""
    taken: bool = False
    """Whether a connection writes it."""


class Writer(Protocol):
    """What wants to know what is written: an upstream's session."""

    async def wrote(self, turn: Turn) -> None:
        """`turn.so_far` has grown."""

    async def written(self, turn: Turn, failure: LinkFailure) -> None:
        """`turn.so_far` is all that will come; `failure` tells why, should it be nothing."""


class Transcripts:
    """The transcripts that one connection writes."""

    def __init__(self, writer: Writer) -> None:
        """Start with none; `writer` is told of all."""
        self._writer = writer
        self._turns: list[Turn] = []
        """Turns whose transcripts are being written."""
        self._early = ""
        """What was written of the turn that is being spoken."""

    @property
    def pending(self) -> bool:
        """Whether a transcript is being written."""
        return bool(self._turns)

    @property
    def begun(self) -> bool:
        """Whether anything of one that is being written has come."""
        return any(turn.so_far.strip() for turn in self._turns)

    def speaking(self) -> None:
        """A turn begins: what is written from here on is of that, or of those still awaited."""
        self._early = ""

    async def expect(self, turn: Turn) -> None:
        """Have the transcript of a turn written; where another connection does, it is not told."""
        if turn.taken:
            turn = Turn(turn.item_id)
        turn.taken = True
        early, self._early = self._early, ""
        self._turns.append(turn)
        if early:
            turn.so_far += early
            await self._writer.wrote(turn)

    async def take(self, told: Event) -> None:
        """Take a piece; several turns that are answered together are written as one."""
        text = str(told.get("text") or "")
        if not self._turns:
            self._early += text
        elif text:
            turn = self._turns[-1]
            turn.so_far += text
            await self._writer.wrote(turn)

    async def end(self, failure: LinkFailure) -> None:
        """Take what was written as all that will come; `failure` is why there is nothing."""
        turns, self._turns = self._turns, []
        for turn in turns:
            await self._writer.written(turn, failure)
