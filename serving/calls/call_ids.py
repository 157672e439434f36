"""Ids of calls: each says which process has the call, and nobody else can make one (§D.2).

An id is `rtc_`, the owner, some random characters and a mark that proves it genuine. The owner is
the name of its replica and the number of its worker. As a request is passed on by a genuine id
alone, no client chooses whom a server connects to.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
from dataclasses import dataclass

from pydantic import SecretStr

from serving.access.signing import signing_key

PREFIX = "rtc_"
_PURPOSE = b"open-realtime-server call id, version 1"
_LETTERS = string.digits + string.ascii_letters
_RANDOM = 5
_MARK = 5
_SHAPE = re.compile(
    rf"{PREFIX}([0-9A-Za-z.-]{{0,63}})([0-9a-f]{{2}})[0-9A-Za-z]{{{_RANDOM}}}([0-9A-Za-z]{{{_MARK}}})"
)
"""At most 32 characters, as ids may have (§D.8), where the replica's name has at most 16."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that has a call."""

    replica: str
    """`server.replica`; empty: it has no name."""
    worker: int
    """0–255, its number among the workers of one server."""

    def __str__(self) -> str:
        """Return it as it is written in ids."""
        return f"{self.replica}{self.worker:02x}"


class CallIds:
    """Makes and reads ids of calls."""

    def __init__(self, secret: SecretStr | None, owner: Owner) -> None:
        """Prepare.

        Args:
            secret: `server.secret`, which replicas share; None: see `signing_key`.
            owner: This process.
        """
        self._key = signing_key(secret, _PURPOSE)
        self.owner = owner

    def make(self) -> str:
        """Return an id for a call of this process."""
        random = "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
        named = f"{PREFIX}{self.owner}{random}"
        return named + self._mark(named)

    def owner_of(self, call_id: str) -> Owner | None:
        """Return who has a call; None: no server that shares the secret has made this id."""
        found = _SHAPE.fullmatch(call_id)
        if found is None or not hmac.compare_digest(found[3], self._mark(call_id[:-_MARK])):
            return None
        return Owner(found[1], int(found[2], 16))

    def _mark(self, named: str) -> str:
        number = int.from_bytes(hmac.digest(self._key, named.encode(), "sha256"))
        digits = []
        for _ in range(_MARK):
            number, digit = divmod(number, len(_LETTERS))
            digits.append(_LETTERS[digit])
        return "".join(digits)
