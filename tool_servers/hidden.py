"""What of a server's settings is hidden: in errors all that is sent to it, in results its keys.

A key of `MIN_SECRET_LENGTH` characters is hidden wherever it stands, one of fewer where it is a
word of its own: the PIN of an alarm is a secret, and part of many a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from config import MIN_SECRET_LENGTH
from tool_servers.keys import is_key, is_key_name, is_random, is_short_key
from tool_servers.settings_within import Pair, parts_of_key, within

HIDDEN = "***"


def without(text: str, secrets: Sequence[str]) -> str:
    """Return a text with `HIDDEN` in the place of some secrets, of which the longest come first."""
    for secret in secrets:
        if len(secret) < MIN_SECRET_LENGTH:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        else:
            text = text.replace(secret, HIDDEN)
    return text


def without_begun(text: str, secrets: Sequence[str]) -> str:
    """Return a text that was cut, without the part of a secret with which it ends.

    A secret that is cut in two is not found by `without`, and its first half would be shown.

    Args:
        text: The text, as far as it came.
        secrets: The secrets.
    """
    start = min((len(text) - _begun(text, secret) for secret in secrets), default=len(text))
    if start == len(text):
        return text
    # A whole secret may overlap that part: then the text is cut where the former begins.
    for secret in secrets:
        whole = text.find(secret, max(0, start - len(secret) + 1))
        start = min(start, whole) if whole >= 0 else start
    return f"{text[:start]}{HIDDEN}"


def _begun(text: str, secret: str) -> int:
    """Return how many characters of a secret a text ends in, short of all of them."""
    most = min(len(text), len(secret) - 1)
    return next((n for n in range(most, 0, -1) if text.endswith(secret[:n])), 0)


def among(args: Sequence[str]) -> Iterator[Pair]:
    """Yield what may be a key among a program's arguments, with the name that it has there.

    Options are known by their names, and what is within any of them by its own. Of the rest only
    what looks like a key is one: folders and the like are what such a server tells of.
    """
    for before, arg in zip(["", *args], args, strict=False):
        name, _equals, value = arg.partition("=")
        if value and _named_like_a_key(name, value):
            yield name, value
        elif before.startswith("-") and "=" not in before and _named_like_a_key(before, arg):
            yield before, arg
        elif is_random(arg) and not re.search(r"[/\\\s]", arg):
            yield "", value or arg
        yield from _keys_within(arg)
        if re.match(r"-[A-Za-z]", arg):
            # The value of an option of one letter may be attached to it.
            yield from _keys_within(arg[2:])
        yield from _keys_within(value)


def _named_like_a_key(name: str, value: str) -> bool:
    loosely = any(word in name.lower() for word in ("key", "token", "secret", "password"))
    return "://" not in name and (loosely or is_key_name(name, value))


def _keys_within(value: str) -> list[Pair]:
    return [(name, one) for name, one in within(value) if is_key(name, one)]


def values_of(given: Sequence[Pair]) -> tuple[str, ...]:
    """Return what is redacted of a client's values: these, and not what may be within them."""
    short = [(name, part) for name, value in given for part in (value, _last_word(value))]
    return _secrets([value for _name, value in given], _short_keys(short))


def all_of(given: Sequence[Pair]) -> tuple[str, ...]:
    """Return what is redacted of an operator's settings: all values, and the keys within them."""
    spread = [*_spread(given)]
    values = [value for _name, value in given]
    return _secrets([*values, *_key_values(spread)], _short_keys(_parted(spread)))


def keys_of(given: Sequence[Pair]) -> tuple[str, ...]:
    """Return what is redacted of an operator's settings in results: what can only be a key."""
    spread = [*_spread(given)]
    return _secrets(_key_values(spread), _short_keys(_parted(spread)))


def _key_values(pairs: Sequence[Pair]) -> list[str]:
    found = [value for name, value in pairs if is_key(name, value)]
    return [part for value in found for part in parts_of_key(value)]


def _parted(pairs: Sequence[Pair]) -> Iterator[Pair]:
    for name, value in pairs:
        yield from ((name, part) for part in (*parts_of_key(value), _last_word(value)))


def _last_word(value: str) -> str:
    """Return what follows a scheme such as `Bearer`."""
    return value.rpartition(" ")[2]


def _short_keys(pairs: Iterable[Pair]) -> list[str]:
    return [value for name, value in pairs if is_short_key(name, value, MIN_SECRET_LENGTH)]


def _spread(given: Sequence[Pair]) -> Iterator[Pair]:
    """Yield settings, and what is within them."""
    for name, value in given:
        yield name, value
        yield from within(value)


def _secrets(values: Sequence[str], short: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what of some values is redacted: those, and what follows a scheme such as `Bearer`.

    Libraries quote what they cannot send, so each is redacted as Python and JSON write it, too.

    Args:
        values: The values; those that are part of any word are left out.
        short: Such as are redacted all the same, as whole words.
    """
    parts = [*values, *map(_last_word, values)]
    found = {
        form for part in parts if len(part) >= MIN_SECRET_LENGTH for form in (part, *_quoted(part))
    }
    found.update(short)
    # Were one that is part of another taken out first, the rest of that would be left.
    return tuple(sorted(found, key=len, reverse=True))


def _quoted(text: str) -> Iterator[str]:
    yield repr(text)[1:-1]
    yield repr(text.encode("utf-8", "surrogatepass"))[2:-1]
    yield json.dumps(text)[1:-1]
    yield quote(text, safe="", errors="replace")
