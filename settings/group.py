"""What all tables of settings have in common: they refuse names that they do not know."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """A table of settings."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


def listed(value: Any) -> Any:
    """Read a list out of a variable, whose parts are separated by commas; a list stays itself."""
    if isinstance(value, str):
        return [part for part in (piece.strip() for piece in value.split(",")) if part]
    return value
