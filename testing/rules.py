"""What a script may say: the rules of a test, read from JSON.

A rule has one action, named by its key (`answers`, `calls`, …), and says how often and for which
words it counts. Whatever cannot be used is refused with one line that names its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_core import SchemaError, SchemaValidator, core_schema

from settings.group import Group
from settings.localisation import in_english
from settings.plain_words import meant, plain_reason
from testing.known_names import code, server_event

ALWAYS: Literal["always"] = "always"
Stage = Literal["stt", "llm", "tts"]
MOST_RULES = 10_000
_DELAY = Field(0, ge=0, le=3_600_000)
_Kind = TypeVar("_Kind", bound=Group)


class BadScript(Exception):
    """A script that cannot be used. The message names the place, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody has to say for a rule to count."""

    given: str | dict[str, str]
    """As it stands in the script."""
    fits: Callable[[str], bool]
    """Tells whether the words are in a text."""


def _words(given: Any) -> Words | None:
    """Read `when`: words, of which case does not matter, or a regular expression."""
    match given:
        case None:
            return None
        case str() if given.strip():
            words = given.strip().casefold()
            return Words(given, lambda text: words in text.casefold())
        case {"regex": str(regex), **rest} if not rest:
            # Python's own may take for ever over a text, and with it the whole server.
            schema = core_schema.str_schema(pattern=regex, regex_engine="rust-regex")
            try:
                return Words(given, SchemaValidator(schema).isinstance_python)
            except SchemaError as error:
                reason = str(error).splitlines()[-1].strip().removeprefix("error: ")
                raise ValueError(f"is no regular expression of this kind: {reason}") from None
    raise ValueError('must be words, or a regular expression: {"regex": "rain|snow"}')


def _times(given: Any) -> Any:
    if given == ALWAYS or (type(given) is int and given >= 1):
        return given
    raise ValueError("must be a whole number from 1, or 'always'")


def _moment(given: Any) -> Any:
    """Read `drops` and `expires`: a number of events, or the type of one."""
    if type(given) is int and given >= 1:
        return given
    if isinstance(given, str) and given:
        return server_event(given)
    raise ValueError(
        "must be the number of events of the server after which it happens, from 1, or the type of "
        "one, such as 'response.created'"
    )


class Rule(Group):
    """What all rules have."""

    action: ClassVar[str]
    times: Annotated[int | Literal["always"], BeforeValidator(_times)] = 1
    """How often it counts."""


class _SpokenTo(Rule):
    """A rule of the model: for what the user said last."""

    when: Annotated[Words | None, PlainValidator(_words)] = None
    """Words of the user; None: whatever they said."""
    delay_ms: float = _DELAY
    """Milliseconds before its first word, beyond those of the script."""


class Answers(_SpokenTo):
    """The model says a text."""

    action = "answers"
    answers: str = Field(min_length=1)


class Call(Group):
    """A call of one of the client's functions."""

    name: str = Field(min_length=1)
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    """An object; or a text, as it is, which may be no JSON at all."""

    @property
    def written(self) -> str:
        """The arguments as the model writes them."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


def _one_or_more(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


class Calls(_SpokenTo):
    """The model calls functions, all in one response."""

    action = "calls"
    calls: Annotated[list[Call], BeforeValidator(_one_or_more)] = Field(
        min_length=1, max_length=128
    )
    says: str = ""
    """What it says before."""


class Fails(_SpokenTo):
    """A stage fails with one of OpenAI's codes."""

    action = "fails"
    fails: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$"), AfterValidator(code)]
    """The code, such as `rate_limit_exceeded`."""
    stage: Stage = "llm"
    """What fails: the model, the recogniser or the voice. `when` is then not for what the user
    said, but for what the voice is to speak; a recogniser knows no words yet."""
    message: str = "the script of the test says so"
    says: str = ""
    """What the model says before it fails."""


class Stalls(_SpokenTo):
    """The model stops in the middle of an answer, and never goes on."""

    action = "stalls"
    stalls: int = Field(ge=0, le=10_000)
    """After how many words."""
    answers: str = "This answer stops somewhere in the middle and never comes to its end."


class Hears(Rule):
    """The recogniser understands a turn as these words; empty: as none."""

    action = "hears"
    hears: str
    delay_ms: float = _DELAY
    """Milliseconds from the end of the turn, beyond those of the script."""


class Drops(Rule):
    """The connection is lost, without a word, behind an event of the server."""

    action = "drops"
    drops: Annotated[int | str, BeforeValidator(_moment)]


class Expires(Rule):
    """The session's time is up behind an event of the server."""

    action = "expires"
    expires: Annotated[int | str, BeforeValidator(_moment)]


RULES: dict[str, type[Rule]] = {
    rule.action: rule for rule in (Calls, Fails, Stalls, Answers, Hears, Drops, Expires)
}
"""Action → the rule. Where a rule has several such keys, the first here is its action."""


class Delays(Group):
    """How long the stages take, in ms; what is not said stays as it was."""

    stt_ms: float = _DELAY
    """From the end of a turn to its transcript."""
    llm_ms: float = _DELAY
    """To the first word of an answer."""
    word_ms: float = _DELAY
    """Between two words."""
    tts_ms: float = _DELAY
    """From a clause to its audio."""


@dataclass(frozen=True, slots=True)
class ScriptPart:
    """What is added to a script at a time."""

    rules: list[Rule]
    delays: Delays | None


def read_script(given: Any) -> ScriptPart:
    """Read a list of rules, or `{"rules": […], "delays": {…}}`.

    Raises:
        BadScript: There is something that cannot be used.
    """
    with in_english():
        return _read(given)


def _read(given: Any) -> ScriptPart:
    if isinstance(given, list):
        given = {"rules": given}
    if not isinstance(given, dict):
        raise BadScript(
            'script: must be a list of rules, such as [{"answers": "It is sunny."}], or an object '
            "with 'rules' and 'delays'"
        )
    for name in given.keys() - {"rules", "delays"}:
        near = meant(str(name), ("rules", "delays"))
        raise BadScript(f"{name}: there is no such part of a script.{near}")
    rules = given.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise BadScript(f"script: must be a list of at most {MOST_RULES} rules")
    delays = None
    if "delays" in given:
        delays = _valid(Delays, given["delays"], "delays")
    return ScriptPart([_rule(rule, f"script[{at}]") for at, rule in enumerate(rules)], delays)


def _rule(given: Any, place: str) -> Rule:
    if not isinstance(given, dict):
        raise BadScript(f'{place}: must be a rule, such as {{"answers": "It is sunny."}}')
    kind = next((rule for action, rule in RULES.items() if action in given), None)
    if kind is None:
        near = "".join(filter(None, (meant(str(name), RULES) for name in given)))
        raise BadScript(f"{place}: says nothing to do; it needs one of {', '.join(RULES)}.{near}")
    rule = _valid(kind, given, place)
    if isinstance(rule, Fails) and rule.stage == "stt" and rule.when is not None:
        raise BadScript(
            f"{place}.when: a recogniser that fails has understood nothing yet; leave it out"
        )
    if isinstance(rule, Fails) and rule.stage != "llm" and rule.says:
        raise BadScript(
            f"{place}.says: only the model says something before it fails; leave it out"
        )
    return rule


def _valid(kind: type[_Kind], given: Any, place: str) -> _Kind:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
    where = place
    for part in first["loc"]:
        if part in ("dict[str,any]", "str", "int"):
            # A branch of a union, which nobody has written.
            continue
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    if first["type"] == "extra_forbidden":
        near = meant(str(first["loc"][-1]), kind.model_fields)
        raise BadScript(f"{where}: there is nothing of that name here.{near}")
    if first["type"] == "string_pattern_mismatch":
        reason = "must be a code of OpenAI's, such as 'rate_limit_exceeded'"
        raise BadScript(f"{where}: {reason}")
    raise BadScript(f"{where}: {plain_reason(first)}")
