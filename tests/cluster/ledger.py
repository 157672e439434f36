"""What happened to callers, in the order in which it did, and the figures of a stage.

Callers note, stages read: so a figure is counted in one way, whatever has happened to a gateway.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

PATIENCE_S = 60.0
"""Seconds after which what a stage waits for does not happen any more."""


class NeverHappened(Exception):
    """What a stage waits for did not happen; the message names it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to a caller."""

    at: float
    """When, by the event loop's clock, in s."""
    caller: int


@dataclass(frozen=True, slots=True)
class Refused(Entry):
    """The caller wanted a session and got none; it tries again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Opened(Entry):
    """The caller has a session."""

    gateway: str
    asked: float
    """When it asked for it, for the last time."""
    resumed: bool = False
    """Whether it is the session that the caller has lost."""


@dataclass(frozen=True, slots=True)
class Answered(Entry):
    """The caller was answered, in speech and to the end."""

    gateway: str


@dataclass(frozen=True, slots=True)
class Unanswered(Entry):
    """The caller was not answered, although its connection stands; it hangs up."""

    gateway: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended(Entry):
    """The caller has hung up."""

    gateway: str


@dataclass(frozen=True, slots=True)
class Lost(Entry):
    """The connection ended, and it was not the caller who ended it."""

    gateway: str
    owed: bool
    """Whether an answer was due: the caller had spoken, and was not answered to the end."""
    code: int | None
    """The close code; None: the connection broke."""
    kept: bool = False
    """Whether the gateways had kept the conversation, as it was opened by a client secret."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The counts and times of one stage."""

    opened: Counter[str]
    """Gateway → calls that it has got."""
    answers: int
    lost: Counter[str]
    """Gateway → calls that it has lost."""
    lost_answers: int
    refused: Counter[str]
    """Reason → calls that could not be opened at the first try."""
    noticed_s: tuple[float, ...]
    """Seconds from the stage's beginning to each loss."""
    back_s: tuple[float, ...]
    """Seconds from each loss to the caller's next session."""

    kept: int
    """Lost calls whose conversation the gateways have kept."""
    resumed: int
    """Those of them that went on."""

    def row(self) -> tuple[str, ...]:
        """Return them as the cells of a table."""
        return (
            str(self.opened.total()),
            str(self.answers),
            str(self.lost.total()),
            str(self.lost_answers),
            str(self.refused.total()),
            _times(self.noticed_s),
            _times(self.back_s),
            f"{self.resumed} of {self.kept}" if self.kept else "–",
        )


HEADINGS = (
    "calls opened",
    "answers",
    "calls lost",
    "answers lost",
    "dials refused",
    "noticed after, s",
    "back after, s",
    "resumed",
)
"""Of the cells of `Figures.row`; times are the median and the longest; of what was kept,
those that went on."""


def _times(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} / {max(seconds):.1f}" if seconds else "–"


def figures(entries: Sequence[Entry], began: float) -> Figures:
    """Count what happened in a stage.

    Args:
        entries: What happened, in order.
        began: When the stage began, by the same clock.
    """
    waiting: dict[int, Lost] = {}
    back: list[float] = []
    resumed = 0
    for entry in entries:
        if isinstance(entry, Lost):
            waiting[entry.caller] = entry
        elif isinstance(entry, Opened) and entry.caller in waiting:
            loss = waiting.pop(entry.caller)
            back.append(entry.at - loss.at)
            resumed += loss.kept and entry.resumed
    losses = [entry for entry in entries if isinstance(entry, Lost)]
    unanswered = sum(isinstance(entry, Unanswered) for entry in entries)
    return Figures(
        opened=Counter(entry.gateway for entry in entries if isinstance(entry, Opened)),
        answers=sum(isinstance(entry, Answered) for entry in entries),
        lost=Counter(entry.gateway for entry in losses),
        lost_answers=sum(entry.owed for entry in losses) + unanswered,
        refused=Counter(entry.reason for entry in entries if isinstance(entry, Refused)),
        noticed_s=tuple(entry.at - began for entry in losses),
        back_s=tuple(back),
        kept=sum(entry.kept for entry in losses),
        resumed=resumed,
    )


def imbalance(counts: Counter[str], gateways: Sequence[str]) -> float:
    """Return how far a gateway is from its fair share, at most, as a part of that."""
    share = counts.total() / len(gateways)
    if share == 0:
        return 0.0
    return max(abs(counts[gateway] - share) for gateway in gateways) / share


def shares(entries: Sequence[Entry]) -> Counter[str]:
    """Add up how many callers talked at each gateway whenever one had got a session.

    From the second session of a caller on: before, they come one after the other.
    """
    talking: dict[int, str] = {}
    added: Counter[str] = Counter()
    full = False
    for entry in entries:
        if isinstance(entry, Opened):
            full = full or entry.caller in talking
            talking[entry.caller] = entry.gateway
            if full:
                added.update(talking.values())
    return added


class Ledger:
    """All that has happened so far."""

    def __init__(self) -> None:
        """Begin an empty one."""
        self.entries: list[Entry] = []
        self.talking: dict[int, str] = {}
        """Caller → the gateway of its session."""
        self._more = asyncio.Event()

    def note(self, entry: Entry) -> None:
        """Add what has just happened."""
        self.entries.append(entry)
        if isinstance(entry, Opened):
            self.talking[entry.caller] = entry.gateway
        elif isinstance(entry, Ended | Lost | Unanswered):
            self.talking.pop(entry.caller, None)
        self._more.set()

    def held(self) -> Counter[str]:
        """Return gateway → callers that have a session there."""
        return Counter(self.talking.values())

    def callers_of(self, gateway: str) -> set[int]:
        """Return the callers that have a session at a gateway."""
        return {caller for caller, where in self.talking.items() if where == gateway}

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds, which is looked at whenever something has happened.

        Args:
            holds: What.
            what: The same in words.

        Raises:
            NeverHappened: It does not hold in time.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise NeverHappened(f"not in {PATIENCE_S:.0f} s: {what}") from None
