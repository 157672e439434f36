"""What Gemini Live writes of the user's turns: their transcripts come whenever they come.

They are in no order with the answer: a piece may come while the turn is still spoken, or when the
service has ended its own turn. No piece says whose it is. So words are those of a turn only where
it is alone in what the service hears, and while no other turn is spoken or waited for; what comes
while two may be meant is nobody's, and both are to be written elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pipecat.utils.errors import ErrorCategory

from providers.links.failures import LinkFailure
from providers.links.link import Event
from upstream.google.conversation import Spoken

UNWRITTEN = LinkFailure(
    ErrorCategory.UNKNOWN,
    "the service wrote no transcript",
    remedy="It understood no words, or heard another language than those of "
    "session.audio.input.transcription; the answer does not depend on it.",
)

MIXED = LinkFailure(
    ErrorCategory.UNKNOWN,
    "the service wrote words that may be those of another turn",
    remedy="Its transcripts come late; the answer does not depend on them.",
)


@dataclass(slots=True, eq=False)
class Writing:
    """What one connection writes of a turn."""

    turn: Turn
    text: str = ""
    over: bool = False
    """Whether nothing more will come."""
    broken: bool = False
    """Whether it ended although more may have been to come, which is lost."""

    @property
    def words(self) -> str:
        """What it has written."""
        return self.text.strip()

    @property
    def is_transcript(self) -> bool:
        """Whether it is a transcript of all of the turn."""
        return self.over and not self.broken and bool(self.words)


@dataclass(slots=True, eq=False)
class Turn(Spoken):
    """A turn of the user whose transcript the service writes, over one connection or several."""

    writings: list[Writing] = field(default_factory=list)
    leading: Writing | None = None
    """The first of them that had words: they are told while they come."""

    @property
    def is_unfinished(self) -> bool:
        """Whether more of it may be written."""
        return any(not one.over for one in self.writings)

    @property
    def transcript(self) -> str | None:
        """A transcript of all of it, by whichever connection; None: there is none (yet)."""
        return next((one.words for one in self.writings if one.is_transcript), None)

    @property
    def gist(self) -> str | None:
        """What is known of its words: the beginning of a transcript, if there is no more."""
        return self.words or self.transcript or (self.leading.words if self.leading else None)


class Writer(Protocol):
    """What wants to know what is written: an upstream's session."""

    async def wrote(self, writing: Writing) -> None:
        """`writing.text` has grown."""

    async def written(self, writing: Writing, failure: LinkFailure) -> None:
        """`writing` is over; `failure` tells why, should it have no words."""


class Transcripts:
    """The transcripts that one connection writes."""

    def __init__(self, writer: Writer) -> None:
        """Start with none; `writer` is told of all."""
        self._writer = writer
        self._writing: Writing | None = None
        """That of the turn which the service has heard last; None: nothing more of it comes."""
        self._is_shared = False
        """Whether that writing is of several turns, and its words are no single turn's."""
        self._early = ""
        """Words that came while a turn is being spoken."""
        self._early_in_doubt = False
        """Whether those may be of the turn before, and not of the one that is being spoken."""

    @property
    def pending(self) -> bool:
        """Whether words of a turn that the service has heard may still come."""
        return self._writing is not None

    @property
    def wanted(self) -> bool:
        """Whether those words would be the transcript of one turn."""
        return self.pending and not self._is_shared

    @property
    def begun(self) -> bool:
        """Whether words of such a transcript have come already."""
        return self.wanted and self._writing is not None and bool(self._writing.words)

    @property
    def mixed(self) -> bool:
        """Whether words that came while a turn is spoken may be of the one before."""
        return self._early_in_doubt and bool(self._early.strip())

    def speaking(self) -> None:
        """A turn begins."""
        self._early = ""
        self._early_in_doubt = self.pending

    async def service_turn_over(self) -> None:
        """The service has ended its turn: what came before that is of the turn before."""
        if self._early_in_doubt and self._writing is not None:
            early, self._early = self._early, ""
            await self._grow(self._writing, early)

    async def expect(self, turn: Turn | None) -> None:
        """Have the transcript written of a turn that was alone in what the service hears.

        Args:
            turn: The turn; None: there are several, or words of another may come as well.
        """
        self._is_shared = turn is None
        self._writing = Writing(turn or Turn("of nobody"))
        self._writing.turn.writings.append(self._writing)
        early, self._early, self._early_in_doubt = self._early, "", False
        await self._grow(self._writing, early)

    async def take(self, told: Event) -> None:
        """Take a piece."""
        text = str(told.get("text") or "")
        if self._writing is None or self._early_in_doubt:
            self._early += text
        else:
            await self._grow(self._writing, text)

    async def end(self, failure: LinkFailure | None = None, *, turn_over: bool = False) -> None:
        """Take what was written as all that will come.

        Args:
            failure: Why more may have been to come, which is lost; None: that is not so.
            turn_over: Whether the service has ended the turn in which it would have been written.
        """
        writing, self._writing = self._writing, None
        if writing is None:
            return
        if self.mixed:
            failure = failure or MIXED
        elif writing.words or turn_over:
            # What comes now is not its rest: the turn was over for long.
            self._early_in_doubt = False
        writing.over, writing.broken = True, failure is not None
        await self._writer.written(writing, failure or UNWRITTEN)

    async def _grow(self, writing: Writing, text: str) -> None:
        if not text:
            return
        writing.text += text
        if writing.turn.leading is None and writing.words:
            writing.turn.leading = writing
        await self._writer.wrote(writing)
