"""The script of a running test: which rule counts for which turn, and how often it still does.

Rules with a number of times come before those that count always, and among each the order is that
of the script. A rule is used up by the turn that takes it, whatever becomes of that turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic import BaseModel

from testing.rules import (
    ALWAYS,
    Answers,
    Calls,
    Delays,
    Drops,
    Expires,
    Fails,
    Hears,
    Rule,
    ScriptPart,
    Stage,
    Stalls,
    Words,
)

Spoken = Answers | Calls | Fails | Stalls
"""What the model does."""
Fault = Literal["drop", "expire"]
"""What happens to a session: its connection is lost, or its time is up."""
UNHEARD = "hello there"
"""What is understood of a turn of which the script says nothing."""


def unscripted(words: str) -> str:
    """Return what the model says where no rule counts: a test that fails shows it."""
    return f"The script has no answer to: {words}" if words else "The script has no answer."


@dataclass(slots=True, eq=False)
class _Told:
    """A rule, and how often it was taken."""

    rule: Rule
    taken: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    """Session → how many events the server has sent there since the rule is known."""

    @property
    def is_used_up(self) -> bool:
        return self.rule.times != ALWAYS and self.taken >= self.rule.times


class Script:
    """What the scripted stages do. It belongs to one event loop."""

    def __init__(self) -> None:
        """Start without rules, and with stages that take no time."""
        self._rules: list[_Told] = []
        self._turns: dict[str, Hears | Fails | None] = {}
        """Item → what is understood of it, however often it is recognised."""
        self.delays = Delays()

    def reset(self) -> None:
        """Forget everything."""
        self._rules.clear()
        self._turns.clear()
        self.delays = Delays()

    def add(self, part: ScriptPart) -> None:
        """Put rules behind those that are there; delays that it names replace the others."""
        self._rules += [_Told(rule) for rule in part.rules]
        if part.delays is not None:
            named = {name: getattr(part.delays, name) for name in part.delays.model_fields_set}
            self.delays = self.delays.model_copy(update=named)

    def state(self) -> list[dict[str, Any]]:
        """Return each rule's action, it as it was given, and how often it was taken."""
        return [
            {
                "rule": told.rule.action,
                **{
                    name: _plain(getattr(told.rule, name))
                    for name in type(told.rule).model_fields
                    if name in told.rule.model_fields_set
                },
                "times": told.rule.times,
                "taken": told.taken,
            }
            for told in self._rules
        ]

    def spoken(self, words: str, *, of_call: bool = False) -> Spoken | None:
        """Take the rule for a response of the model; None: the script says nothing.

        Args:
            words: What the user said last.
            of_call: Whether the response follows the result of a call: a call that is made always
                is not made again then.
        """

        def counts(rule: Rule) -> bool:
            if not isinstance(rule, Answers | Calls | Fails | Stalls):
                return False
            if isinstance(rule, Fails) and rule.stage != "llm":
                return False
            if of_call and isinstance(rule, Calls) and rule.times == ALWAYS:
                return False
            return rule.when is None or rule.when.fits(words)

        return cast(Spoken | None, self._take(counts))

    def heard(self, item_id: str) -> Hears | Fails | None:
        """Take the rule for a spoken turn; the same one however often the turn is recognised."""
        if item_id not in self._turns:
            found = self._take(lambda rule: isinstance(rule, Hears) or _fails(rule, "stt"))
            self._turns[item_id] = cast(Hears | Fails | None, found)
        return self._turns[item_id]

    def voice_fails(self, text: str) -> Fails | None:
        """Take the rule by which the voice fails at a text; None: it speaks."""
        return cast(
            Fails | None,
            self._take(lambda rule: _fails(rule, "tts") and _fits(rule, text)),
        )

    def sent(self, session_id: str, type_: str) -> Fault | None:
        """Count an event that the server is about to send, and tell what happens behind it."""
        due: Fault | None = None
        for told in self._faults():
            told.sent[session_id] = told.sent.get(session_id, 0) + 1
            rule = told.rule
            after = rule.drops if isinstance(rule, Drops) else getattr(rule, "expires", None)
            if due is None and after in (told.sent[session_id], type_):
                told.taken += 1
                due = "drop" if isinstance(rule, Drops) else "expire"
        return due

    def _take(self, counts: Callable[[Rule], bool]) -> Rule | None:
        """Take the first rule that counts; those that count always come last."""
        for always in (False, True):
            for told in self._rules:
                fits = (told.rule.times == ALWAYS) is always and not told.is_used_up
                if fits and counts(told.rule):
                    told.taken += 1
                    return told.rule
        return None

    def _faults(self) -> Iterator[_Told]:
        for told in self._rules:
            if isinstance(told.rule, Drops | Expires) and not told.is_used_up:
                yield told


def _fails(rule: Rule, stage: Stage) -> bool:
    return isinstance(rule, Fails) and rule.stage == stage


def _fits(rule: Rule, text: str) -> bool:
    when = rule.when if isinstance(rule, Fails) else None
    return when is None or when.fits(text)


def _plain(value: Any) -> Any:
    """Return what a rule does as it stands in JSON."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Words):
        return value.given
    return value.model_dump() if isinstance(value, BaseModel) else value
