"""Arguments of a tool call, filled from what the user said and the tool's JSON schema.

It understands no language: it takes the enum value, number, place or quotation that the utterance
contains, else the least value that the schema allows, so that a call always has every required
property.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from providers.assistant.schema import fit, is_list, is_listed, is_number, kind, real, resolve
from providers.assistant.words import (
    Number,
    Utterance,
    Word,
    name_words,
    numbers,
    title,
    vocabulary,
)

_MISSING: Final = object()
_MAX_DEPTH = 6
_MAX_OBJECTS = 100
_MAX_ITEMS = 16
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^“”]+)”|「([^「」]+)」|«([^«»]+)»|(?<!\w)'([^']+)'(?!\w)")

# What a property is about, by a word of its name → the prepositions its value follows.
_PLACES = vocabulary(
    "location city place town country region address timezone zone origin destination"
)
_KEYED: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (
    (vocabulary("origin from departure source start"), ("from",)),
    (_PLACES, ("in", "at", "near", "to", "for", "of")),
    (vocabulary("recipient to contact person email phone"), ("to", "with", "for")),
    (vocabulary("name title label"), ("called", "named", "titled", "labeled", "labelled")),
    (vocabulary("text message body content note"), ("saying", "says", "that")),
)
_DAYS = vocabulary(
    "today tomorrow tonight yesterday now monday tuesday wednesday thursday friday saturday sunday"
)
_TIME_WORDS = _DAYS | vocabulary(
    "this next last morning afternoon evening night noon midnight week weekend month year "
    "currently right"
)
_WHEN = vocabulary("date day when")
_ARTICLES = vocabulary("the a an my our your")
_STOPS = _TIME_WORDS | vocabulary(
    "and or then please thanks thank is are be with by using for in on at from to near like when "
    "that if what how saying says about called named titled but because so not i you we it do "
    "does can could would will"
)
_LEADING = _ARTICLES | vocabulary("to for that about of called named saying with is it on in")
_TRAILING = vocabulary("please thanks thank you now")
_QUESTION_WORDS = _LEADING | vocabulary(
    "what how which who where when can could would will you please i want need like me hey ok okay "
    "hello hi do does did are get set give tell show find search create make call run"
)
# Ends a place name; a point does so after a word, not after "St".
_SENTENCE_END = re.compile(r"[?!;\n。？！]|(?<=\w\w\w)\.")
_FLAG_WORDS = vocabulary("is has use with enable enabled")
_NEGATIONS = frozenset({"no", "not", "without", "never"})
_SECONDS: Mapping[str, int] = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400}


def fill_arguments(
    schema: Any, text: str, tool_words: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return arguments for a tool: every required property, and those the user mentioned.

    Args:
        schema: JSON schema of the tool's parameters.
        text: What the user said.
        tool_words: Words of the tool's name; they are no values.
        now: Current time, for properties that are dates.
    """
    if not isinstance(schema, Mapping):
        return {}
    return _Filler(schema, text, tool_words, now).object(schema, 0)


class _Filler:
    """Fills one call. Words it has used for one property are not used for the next."""

    def __init__(
        self, root: Mapping[str, Any], text: str, tool_words: Sequence[str], now: datetime
    ) -> None:
        self._root = root
        self._text = text
        self._now = now
        self._tool_words = frozenset(tool_words)
        self._heard = Utterance(text)
        self._tokens = [t for t in self._heard.tokens if t.norm[0].isalnum()]
        self._numbers = numbers(self._heard.tokens)
        self._number_starts = {self._heard.tokens[number.first] for number in self._numbers}
        self._used: set[tuple[int, int]] = set()
        self._quotes = ["".join(groups) for groups in _QUOTED.findall(text)]
        # A schema that refers to itself in many places would grow without end.
        self._objects_left = _MAX_OBJECTS

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Return a value for an object schema."""
        self._objects_left -= 1
        if self._objects_left < 0:
            return {}
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        required = [r for r in required if isinstance(r, str)] if is_list(required) else []
        names = [name for name in (*properties, *required) if isinstance(name, str)]
        names = list(dict.fromkeys(names))
        schemas = {name: resolve(properties.get(name), self._root) for name in names}
        values: dict[str, Any] = {}
        # Certain values are filled first, so that places and texts, which take whatever is left, do
        # not take a number or an enum value.
        for phase in (self._listed, self._unit, self._number, self._flag, self._other):
            for name in names:
                if name not in values:
                    value = phase(name, schemas[name], name in required, depth)
                    if value is not _MISSING:
                        values[name] = value
        return {name: values[name] for name in names if name in values}

    def _listed(self, name: str, schema: Mapping[str, Any], required: bool, depth: int) -> Any:
        """Phase 1: constants and enums."""
        if not is_listed(schema):
            return _MISSING
        allowed = [schema["const"]] if "const" in schema else schema["enum"]
        mentioned = self._mentioned(allowed)
        if mentioned:
            return mentioned[0]
        return schema.get("default", allowed[0]) if required else _MISSING

    def _unit(self, name: str, schema: Mapping[str, Any], required: bool, depth: int) -> Any:
        """Phase 2: numbers whose unit or name was said: "five minutes" for `minutes`."""
        if not is_number(schema):
            return _MISSING
        wanted = [_singular(word) for word in name_words(name)]
        time_unit = next((_SECONDS[word] for word in wanted if word in _SECONDS), None)
        for number in self._free_numbers():
            unit = _singular(self._norm_at(number.last))
            before = _singular(self._norm_at(number.first - 1))
            if unit in wanted or before in wanted:
                return self._take_number(number, schema)
            if time_unit is not None and unit in _SECONDS:
                return self._take_number(number, schema, _SECONDS[unit] / time_unit)
        return _MISSING

    def _number(self, name: str, schema: Mapping[str, Any], required: bool, depth: int) -> Any:
        """Phase 3: the numbers that are left, else what the schema suggests."""
        if not is_number(schema):
            return _MISSING
        for number in self._free_numbers():
            # "five minutes" is nothing for an optional `hours`.
            if required or _singular(self._norm_at(number.last)) not in _SECONDS:
                return self._take_number(number, schema)
        if not required:
            return _MISSING
        if "default" in schema:
            return schema["default"]
        return fit(1, schema)

    def _flag(self, name: str, schema: Mapping[str, Any], required: bool, depth: int) -> Any:
        """Phase 4: booleans, true if they are mentioned."""
        if kind(schema) != "boolean" or is_listed(schema):
            return _MISSING
        words = [word for word in name_words(name) if word not in _FLAG_WORDS]
        if words and self._heard.says(*words):
            self._use(token for token in self._tokens if token.norm in words)
            place = self._heard.words.index(words[0])
            return place == 0 or self._heard.words[place - 1] not in _NEGATIONS
        return schema.get("default", True) if required else _MISSING

    def _other(self, name: str, schema: Mapping[str, Any], required: bool, depth: int) -> Any:
        """Phase 5: everything else."""
        shape = kind(schema)
        if shape in ("number", "integer", "boolean") or is_listed(schema):
            return _MISSING
        if shape == "string":
            return self._string(name, schema, required)
        if not required:
            return _MISSING
        if "default" in schema:
            return schema["default"]
        if shape == "array":
            return self._array(name, schema, depth)
        if shape == "object":
            return self.object(schema, depth + 1) if depth < _MAX_DEPTH else {}
        return None

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        items = resolve(schema.get("items"), self._root)
        least = int(min(_MAX_ITEMS, max(0, real(schema.get("minItems"), 0))))
        most = int(min(_MAX_ITEMS, max(least, real(schema.get("maxItems"), _MAX_ITEMS))))
        allowed = items.get("enum")
        found: list[Any] = []
        if is_list(allowed) and allowed:
            found = self._mentioned(allowed)
            others = [value for value in allowed if value not in found]
            found += others[: max(0, least - len(found))]
        elif is_number(items):
            found = [self._take_number(number, items) for number in self._free_numbers()]
        if not found and least and depth < _MAX_DEPTH:
            one = {"properties": {name: items}, "required": [name]}
            found = list(self.object(one, depth + 1).values())
        # If there are too few values, the last one is repeated.
        found += found[-1:] * (least - len(found))
        return found[:most]

    def _string(self, name: str, schema: Mapping[str, Any], required: bool) -> Any:
        value = self._string_said(name, schema, required)
        if value is None and required:
            words = set(name_words(name))
            default = schema.get("default")
            if isinstance(default, str):
                value = default
            elif words & _WHEN:
                value = "today"
            elif words & _PLACES:
                value = title(self._bare_place() or "") or "here"
            else:
                value = self._remainder() or self._text.strip()
        if value is None:
            return _MISSING
        longest = real(schema.get("maxLength"), math.inf)
        return value if len(value) <= longest else value[: max(0, int(longest))]

    def _string_said(self, name: str, schema: Mapping[str, Any], required: bool) -> str | None:
        """Return a value that the utterance clearly marks, such as a quotation."""
        words = set(name_words(name))
        when = self._when(words, schema.get("format"), required)
        if when is not None:
            return when
        places = bool(words & _PLACES)
        if self._quotes and not places:
            return self._quotes.pop(0)
        for keys, prepositions in _KEYED:
            if words & keys:
                for preposition in prepositions:
                    found = self._after(preposition, to_end=preposition in ("saying", "says"))
                    if found:
                        return title(found) if places else found
                break
        for word in name_words(name):
            known = word in self._tool_words or word in _STOPS
            found = None if known else self._after(word, to_end=False)
            if found:
                return title(found) if places else found
        return None

    def _when(self, words: set[str], form: Any, required: bool) -> str | None:
        said = next((word for word in self._heard.words if word in _DAYS), None)
        if form in ("date", "date-time", "time") and not (said or required):
            return None
        day = self._now + timedelta(days=said == "tomorrow")
        if form == "date":
            return day.date().isoformat()
        if form == "date-time":
            return day.isoformat(timespec="seconds")
        if form == "time":
            return day.time().isoformat(timespec="seconds")
        return said if words & _WHEN else None

    def _after(self, word: str, to_end: bool) -> str | None:
        """Return the few words after `word`, up to one that begins something else."""
        for place, token in enumerate(self._tokens):
            if token.norm != word:
                continue
            rest = self._tokens[place + 1 :]
            while rest and rest[0].norm in _ARTICLES:
                rest = rest[1:]
            taken = rest if to_end else self._run(rest, _STOPS)
            if taken and taken[0] not in self._number_starts:
                self._use(taken)
                return self._original(taken)
        return None

    def _run(self, tokens: Sequence[Word], stops: frozenset[str]) -> Sequence[Word]:
        """Return the first of `tokens`, up to a stop word, a used word or a sentence's end."""
        for place, token in enumerate(tokens):
            previous = tokens[place - 1] if place else token
            # From the start of the word before: what ends a sentence depends on it.
            between = _SENTENCE_END.search(self._text[previous.start : token.start])
            if token.norm in stops or self._is_used(token) or between:
                return tokens[:place]
        return tokens

    def _bare_place(self) -> str | None:
        """Return what may be a place without a preposition: "london weather", "Paris"."""
        named = [i for i, token in enumerate(self._tokens) if token.norm in self._tool_words]
        stops = _STOPS | _QUESTION_WORDS
        for place, token in enumerate(self._tokens):
            # What follows the tool's name is a place only if written like a name: in "weather
            # forecast" it is not.
            after = bool(named) and place >= named[0]
            if after and (token.norm in self._tool_words or not self._text[token.start].isupper()):
                continue
            if token.norm in stops or token in self._number_starts or self._is_used(token):
                continue
            end = named[0] if named and not after else None
            return self._original(self._run(self._tokens[place:end], stops))
        return None

    def _remainder(self) -> str | None:
        """Return what the user said beyond the tool's name: the words after it, else before."""
        named = [i for i, token in enumerate(self._tokens) if token.norm in self._tool_words]
        after = self._tokens[named[-1] + 1 :] if named else self._tokens
        before = self._tokens[: named[0]] if named else []
        for part, leading in ((after, _LEADING), (before, _QUESTION_WORDS)):
            words = [token for token in part if not self._is_used(token)]
            while words and words[0].norm in (leading if named else _QUESTION_WORDS):
                words = words[1:]
            while words and words[-1].norm in _TRAILING:
                words = words[:-1]
            if words:
                return self._original(words)
        return None

    def _mentioned(self, allowed: Sequence[Any]) -> list[Any]:
        """Return the values of an enum that were said, those of most words first."""
        found = []
        for value in allowed:
            if isinstance(value, str):
                words = name_words(value)
                spelled = not value.isascii() and value in self._text
                said = spelled or (bool(words) and self._heard.has(" ".join(words)))
            elif isinstance(value, int | float) and not isinstance(value, bool):
                words = []
                same = [n for n in self._free_numbers() if n.value == value]
                said = bool(same)
                for number in same[:1]:
                    self._use(self._heard.tokens[number.first : number.last])
            else:
                continue
            if said:
                found.append((len(words), value))
                self._use(t for t in self._tokens if t.norm in words)
        return [value for _, value in sorted(found, key=lambda pair: -pair[0])]

    def _free_numbers(self) -> list[Number]:
        return [n for n in self._numbers if not self._is_used(self._heard.tokens[n.first])]

    def _take_number(
        self, number: Number, schema: Mapping[str, Any], factor: float = 1
    ) -> int | float:
        self._use(self._heard.tokens[number.first : number.last])
        return fit(number.value * factor, schema)

    def _norm_at(self, place: int) -> str:
        tokens = self._heard.tokens
        return tokens[place].norm if 0 <= place < len(tokens) else ""

    def _use(self, tokens: Iterable[Word]) -> None:
        self._used.update((token.start, token.end) for token in tokens)

    def _is_used(self, token: Word) -> bool:
        return (token.start, token.end) in self._used

    def _original(self, tokens: Sequence[Word]) -> str:
        return self._text[tokens[0].start : tokens[-1].end]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 2 and word.endswith("s") else word
