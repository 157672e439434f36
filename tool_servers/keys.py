"""What of a server's settings can be nothing but a key, by its name or by how it looks.

Errors hide all that is sent to a server. Its results are what the model reads, and many a server
tells of what it was given: there, hiding `documents` or `production` would spoil the answer.
"""

from __future__ import annotations

import re
from itertools import pairwise

LEAST_KEY = 3
"""Characters that a key has at least to be hidden at all."""

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_KEYS = frozenset(
    {
        *("key", "apikey", "token", "secret", "password", "passwd", "passphrase", "passcode"),
        *("keys", "apikeys", "secrets", "passwords", "passphrases", "cookie", "cookies"),
        *("credential", "credentials", "auth", "authorization", "bearer", "jwt"),
        *("signature", "sig"),
    }
)
"""Words of a name of which the value is a key."""
_KEYS_AT_END = frozenset({"pass", "pat", "pin", "pwd"})
"""Words that stand for one at the end of a name."""
_ENDS = ("password", "passwd", "passphrase", "pass", "pwd", "apikey", "secret", "token")
"""What a word ends in that is written as one, as in PGPASSWORD."""
_OTHERS = frozenset({"bypass", "compass", "encompass", "overpass", "surpass", "pwd", "oldpwd"})
"""Words that end so and mean something else, and the folders of a shell; PWD also is a password."""
_FOLDER = re.compile(r"[/~]|[A-Za-z]:[\\/]|\\\\")
"""How the path of a folder begins."""
_COUNTS = frozenset({"max", "min", "limit", "count", "number", "budget"})
"""Words of a name in which tokens are what models count."""
_PLAIN = frozenset({"true", "false", "none", "null", "yes", "off", "auto"})
"""Short values that are no keys, whatever their names."""
_LEAST_RANDOM = 16
"""Characters from which on a text can look like a key by itself."""
_LEAST_CHANGES = 3
"""Changes between letters and digits in one: names with a year or a version have fewer."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_key(name: str, value: str) -> bool:
    """Return whether a value can be nothing but a key.

    Args:
        name: Of the header, variable, option or parameter; empty: it has none.
        value: The value.
    """
    return is_key_name(name, value) or is_random(value)


def is_key_name(name: str, value: str) -> bool:
    """Return whether a name says that its value is a key.

    Args:
        name: The name.
        value: The value: `max_tokens` are a number, and no tokens.
    """
    words = _words(name)
    return (
        any(word in _KEYS or _ends_as_key(word) for word in words)
        or ("tokens" in words and not _COUNTS & {*words} and not value.isdecimal())
        or _is_key_at_end(words, value)
    )


def is_short_key(name: str, value: str, least: int) -> bool:
    """Return whether a value is a key that can be told from other words only as a whole one.

    Of names such as TOKEN_TTL, the value is something else, which may well be short.

    Args:
        name: Its name.
        value: The value.
        least: Characters from which on a key is hidden wherever it stands.
    """
    if not LEAST_KEY <= len(value) < least or value.lower() in _PLAIN:
        return False
    words = _words(name)
    last = words[-1] if words else ""
    return last in _KEYS or _ends_as_key(last) or _is_key_at_end(words, value)


def is_random(text: str) -> bool:
    """Return whether a text looks like a key by itself."""
    return _UUID.search(text) is not None or any(
        len(run) >= _LEAST_RANDOM
        and sum(one.isdigit() != other.isdigit() for one, other in pairwise(run)) >= _LEAST_CHANGES
        for run in re.findall(r"[A-Za-z0-9]+", text)
    )


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _ends_as_key(word: str) -> bool:
    return word.endswith(_ENDS) and word not in _OTHERS


def _is_key_at_end(words: list[str], value: str) -> bool:
    """Return whether a name ends as that of a key; PWD alone may be a shell's folder."""
    is_folder = words == ["pwd"] and _FOLDER.match(value) is not None
    return bool(words) and words[-1] in _KEYS_AT_END and not is_folder
