"""The keys that settings hold, as texts that nothing may show: the log masks them (`telemetry/`).

Services quote the key that they refuse, and libraries log what services say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from settings.sources import variable

MIN_SECRET_LENGTH = 6
"""Shorter secrets are not masked in texts: they may be part of any word, and protect nothing. Those
of MCP servers are, as whole words (`tool_servers/hidden.py`): a PIN is a secret for all that. Those
that are words are where they are quoted as keys (`settings/masks.py`)."""

_WORDS = ("key", "token", "secret", "password", "authorization")
"""What the name of a value has in it that is a key."""


def key_texts(settings: BaseModel, variables: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every key of a tree of settings, as it may be quoted; the longest first.

    Args:
        settings: Groups of settings, which hold keys as `SecretStr` or under a name like theirs.
        variables: Names of the environment variables in which vendors expect theirs.
    """
    found = {*_in_group(settings), *(variable(name) or "" for name in variables)}
    whole = (one.strip() for one in found)
    forms = {form for one in whole if len(one) >= MIN_SECRET_LENGTH for form in _forms(one)}
    # Were one that is part of another taken out first, the rest of that would be left.
    return tuple(sorted(forms, key=len, reverse=True))


def _in_group(group: BaseModel) -> Iterator[str]:
    for name, value in group:
        yield from _in(name, value)


def _in(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from _in_group(value)
    elif isinstance(value, Mapping):
        for key, one in value.items():
            # What is no key by its name may be any word, such as a variable's `true`.
            if isinstance(one, Mapping | BaseModel | list) or _like_a_key(str(key)):
                yield from _in(str(key), one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _in(name, one)
    elif isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, str) and _like_a_key(name):
        yield value


def _like_a_key(name: str) -> bool:
    return any(word in name.lower() for word in _WORDS)


def _forms(key: str) -> Iterator[str]:
    yield key
    yield repr(key)[1:-1]
    yield json.dumps(key)[1:-1]
    yield quote(key, safe="")
