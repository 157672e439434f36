"""Which servers a session has been passed on by, so that none passes it on to itself.

An upstream, or a recogniser, may be another server of ours, and that may have one, too. Whoever's
`upstream.url` or `stt.api_base` leads back to it would open a session for a session, until all
places are taken. So a server names itself to the next, with those that named themselves to it; who
finds its own name refuses.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

HEADER = "x-realtime-passed-by"
MOST = 8
"""Servers that may pass a session on, one to the next."""
_MARK = re.compile(r"[0-9a-f]{32}")


@runtime_checkable
class PassesOn(Protocol):
    """What passes one session on: such a recogniser."""

    def came_by(self, passed: Sequence[str]) -> None:
        """Name these servers, which have passed the session on to here, beside this one."""


def new_mark() -> str:
    """Return a name that nobody else has, and that tells nothing."""
    return secrets.token_hex(16)


def passed_by(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in a request's headers, the first server's first."""
    named = [one.strip() for one in headers.get(HEADER, "").split(",")]
    return tuple(one for one in named if _MARK.fullmatch(one))[: MOST + 1]


def leads_back(mark: str, passed: Sequence[str]) -> bool:
    """Return whether a session was passed on by `mark` already, or by too many."""
    return mark in passed or len(passed) >= MOST


def header(mark: str, passed: Sequence[str]) -> dict[str, str]:
    """Return the header with which `mark` passes a session on."""
    return {HEADER: ", ".join([*passed, mark])}
