"""What of a server's settings can be nothing but a key, by its name or by how it looks.

Errors hide all that is sent to a server. Its results are what the model reads, and many a server
tells of what it was given: there, hiding `documents` or `production` would spoil the answer.
"""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import unquote

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_KEYS = frozenset(
    {
        *("key", "apikey", "token", "secret", "password", "passwd", "passphrase", "credential"),
        *("credentials", "auth", "authorization", "cookie", "signature", "sig"),
    }
)
"""Words of a name of which the value is a key."""
_LEAST = 16
"""Characters from which on a text can look like a key by itself."""
_LEAST_CHANGES = 3
"""Changes between letters and digits in one: names with a year or a version have fewer."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def is_key(name: str, value: str) -> bool:
    """Return whether a value can be nothing but a key.

    Args:
        name: Of the header, variable, option or parameter; empty: it has none.
        value: The value.
    """
    words = {word.lower() for word in _WORD.findall(name)}
    return bool(words & _KEYS) or _is_random(value)


def passwords(value: str) -> list[str]:
    """Return the passwords of the URLs in a value, as they are written and as they are meant."""
    return [form for found in _PASSWORD.findall(value) for form in (found, unquote(found))]


def _is_random(text: str) -> bool:
    return _UUID.search(text) is not None or any(
        len(run) >= _LEAST
        and sum(one.isdigit() != other.isdigit() for one, other in pairwise(run)) >= _LEAST_CHANGES
        for run in re.findall(r"[A-Za-z0-9]+", text)
    )
