"""Ids of tool calls.

Vendors' own ids cannot be used: clients may send back at most 32 characters, and many are longer.
"""

from __future__ import annotations

from wire.ids import new_id


def new_call_id() -> str:
    """Return `call_` and 16 letters and digits."""
    return new_id("call")
