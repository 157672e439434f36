"""Ids of tool calls.

Vendors' own ids cannot be used: clients may send back at most 32 characters, and many are longer.
"""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_call_id() -> str:
    """Return `call_` and 16 random letters and digits."""
    return "call_" + "".join(secrets.choice(_ALPHABET) for _ in range(16))
