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
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):\s*(?!//)(\S.*)", re.DOTALL)
_ASSIGNMENT = re.compile(
    r"(?<![A-Za-z0-9_.-])-*([A-Za-z][A-Za-z0-9_.-]*)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^;&\s\"']+))"
)


def within(value: str) -> Iterator[Pair]:
    """Yield the names and values that stand within a value."""
    yield from _of_json(value)
    for scheme, place, path in _URL.findall(value):
        yield from _of_user(scheme, place)
        yield from in_path(path.partition("#")[0])
    if header := _HEADER.fullmatch(value.strip()):
        yield header[1], header[2].strip()
    for name, *values in _ASSIGNMENT.findall(value):
        found = "".join(values)
        yield name, found
        # Some separate their parts by commas, and others have them in passwords.
        yield name, found.partition(",")[0]


def in_path(path: str) -> Iterator[Pair]:
    """Yield what may be a key in the path of a URL, and in its query, with its name there."""
    before, _mark, query = path.partition("?")
    yield from (("", part) for part in before.split("/") if len(part) >= _LONG_PART)
    yield from parse_qsl(query)
    for pair in query.split("&"):
        name, _equals, value = pair.partition("=")
        yield unquote_plus(name), value


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


def _of_json(value: str) -> Iterator[Pair]:
    if not value.lstrip().startswith(("{", "[")):
        return
    try:
        told = json.loads(value)
        yield from [*_leaves("", told)]
    except (ValueError, RecursionError):
        return


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
