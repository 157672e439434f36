"""Puts `***` in the place of keys, in a text that somebody is to read.

Local servers want any key at all, so people give them a word: `ollama`, `EMPTY`, `not-needed`. Such
a word is in names and sentences, too, and out of those it is not taken: only where it is quoted as
a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

HIDDEN = "***"

_MOST = 20
"""Characters of what may be a word or two; what is longer is a passphrase."""
_WORDS = re.compile(r"(?:[a-z]{1,11}|[A-Z]{1,11})(?:[-_](?:[a-z]{1,11}|[A-Z]{1,11}))?")
_VENDORS = re.compile(r"(?:sk|pk|rk|gsk|hf|xai)[-_]", re.IGNORECASE)
"""How vendors begin their keys: those are no words, whatever follows."""
_KIND = r"(?:key|token|secret|password|authorization|bearer|basic)"
_BEFORE = rf"(?:{_KIND}s?|{_KIND}\W+(?:is|was|provided|given|supplied|used|passed|sent))"
"""What says, before it, that it is a key."""
_REFUSED = (
    r"(?:\bunauthori[sz]ed|\bforbidden|\b(?:access|permission)\s+denied|\bcredentials?"
    r"|\bauthentication(?:\s+(?:failed|failure|error))?|\blogin\s+failed|\b40[13])"
)
"""What says, with a colon or a bracket before it, that what was refused is a key."""
_BETWEEN = r"(?:is|was|not|an?|the|valid|invalid|incorrect|wrong|unknown|api)"
_BEHIND = rf"(?:[:\s]+{_BETWEEN})+\s+{_KIND}\b"
"""The same behind one in quotes."""


def is_word(key: str) -> bool:
    """Return whether a key is a word or two, in letters alone, rather than a secret."""
    is_short = len(key) < _MOST and _VENDORS.match(key) is None
    return is_short and _WORDS.fullmatch(key) is not None


def masked(text: str, keys: Iterable[str]) -> str:
    """Return a text without some keys; without those that are words where it quotes a key.

    Args:
        text: The text.
        keys: The keys; those that are part of others come behind them.
    """
    for key in keys:
        if key in text:
            text = _quoted(key).sub(_hidden, text) if is_word(key) else text.replace(key, HIDDEN)
    return text


def _hidden(found: re.Match[str]) -> str:
    return f"{found['before'] or found['open']}{HIDDEN}"


@lru_cache
def _quoted(word: str) -> re.Pattern[str]:
    """Return what finds a word where it is quoted as a key."""
    alone = rf"(?<![\w-]){re.escape(word)}(?![\w-])"
    return re.compile(
        rf"(?P<before>(?:{_BEFORE}[^\w\n]{{1,8}}|{_REFUSED}\s*[:=(\[]\W{{0,4}})"
        rf"(?:(?:bearer|basic)\W{{1,3}})?)(?-i:{alone})"
        rf"|(?P<open>['\"`])(?-i:{alone})(?=(?P=open){_BEHIND})",
        re.IGNORECASE,
    )
