"""Names and values within one setting of a server: URLs, headers, JSON and connection strings.

A key often stands in the middle of a value of which the name says nothing: the password of a
database's URL, the header that a program is to send, the headers of another one as JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

Pair = tuple[str, str]
"""A name and its value; an empty name: it has none."""

_LONG_PART = 16
"""Characters from which on a part of a URL's path may be a key; names are shorter."""
_URL = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]*)://([^/\s?#\"']*)([^\s\"'<>]*)")
_HEADER = re.compile(r"(?:^|[\r\n,;|{])\s*([\"']?)([A-Za-z][A-Za-z0-9_-]*)\1\s*:(?!//)")
"""Where a header begins: at the beginning, on a line of its own, or behind another one."""
_ASSIGNMENT = re.compile(
    r"(?<![A-Za-z0-9_.-])-*([A-Za-z][A-Za-z0-9_.-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^;&\s\"']+))"
)


def within(value: str) -> Iterator[Pair]:
    """Yield the names and values that stand within a value."""
    try:
        yield from _of_json(value)
    except (ValueError, RecursionError):
        yield from _of_headers(value)
    for scheme, place, path in _URL.findall(value):
        yield from _of_user(scheme, place)
        yield from in_path(path.partition("#")[0])
    for name, *values in _ASSIGNMENT.findall(value):
        yield from _of_assignment(name, "".join(values), in_string=";" in value)


def in_path(path: str) -> Iterator[Pair]:
    """Yield what may be a key in the path of a URL, and in its query, with its name there."""
    before, _mark, query = path.partition("?")
    yield from (("", part) for part in before.split("/") if len(part) >= _LONG_PART)
    for name, value in parse_qsl(query):
        yield _meant(name), value
    for pair in query.split("&"):
        name, _equals, value = pair.partition("=")
        yield _meant(unquote_plus(name)), value


def parts_of_key(value: str) -> Iterator[str]:
    """Yield a key, and those that it has in it where it is a list of them, or of cookies."""
    yield value
    for part in re.split(r"[,;]", value):
        yield part.strip()
        yield part.partition("=")[2].strip()


def _of_user(scheme: str, place: str) -> Iterator[Pair]:
    """Yield the password of a URL, as it is written and as it is meant.

    A user without one is a token where the web is meant; databases have users by their names.
    """
    who, at, _host = place.rpartition("@")
    user, colon, password = who.partition(":")
    if at and colon:
        yield from (("password", form) for form in (password, unquote(password)))
    elif at and scheme.lower() in ("http", "https", "git+https"):
        yield from (("token", form) for form in (user, unquote(user)))


def _of_assignment(name: str, found: str, *, in_string: bool) -> Iterator[Pair]:
    """Yield what an assignment says, which may have further ones behind commas in it.

    Args:
        name: Its name.
        found: What stands behind it.
        in_string: Whether it is part of a connection string.
    """
    first, *others = found.split(",")
    yield _meant(name) if in_string else name, found
    # Some separate their parts by commas, and others have them in passwords.
    yield _meant(name) if in_string else name, first
    for place, other in enumerate(others, 1):
        inner, equals, _value = other.partition("=")
        if equals:
            # What follows may again be either.
            rest = ",".join(others[place - 1 :]).partition("=")[2].strip()
            for form in (rest, rest.partition(",")[0]):
                yield _meant(inner.strip()), form


def _meant(name: str) -> str:
    """Return a name as it is meant where no shell has set it: PWD is no folder there."""
    return "password" if name.lower() == "pwd" else name


def _of_headers(value: str) -> Iterator[Pair]:
    """Yield the headers in a value: one, several, or those of an object that is not quite JSON."""
    found = [*_HEADER.finditer(value)]
    starts = [match.start() for match in found]
    for match, next_start in zip(found, [*starts[1:], len(value)], strict=False):
        raw = value[match.end() : next_start].strip()
        for mark in ("'", '"'):
            if raw.startswith(mark):
                yield match[2], raw[1:].partition(mark)[0]
        for form in dict.fromkeys((raw, raw.rstrip("\"'}] ,;|"), raw.partition("\n")[0].strip())):
            yield match[2], form


def _of_json(value: str) -> list[Pair]:
    """Return what stands in JSON; raises ValueError or RecursionError if it is none."""
    if not value.lstrip().startswith(("{", "[")):
        raise ValueError("no object and no list")
    return [*_leaves("", json.loads(value))]


def _leaves(name: str, told: Any) -> Iterator[Pair]:
    """Yield the texts and numbers within JSON; those of a list have its name."""
    match told:
        case dict():
            for inner, value in told.items():
                yield from _leaves(inner, value)
        case list():
            for value in told:
                yield from _leaves(name, value)
        case str():
            yield name, told
        case int() | float() if not isinstance(told, bool):
            yield name, str(told)
