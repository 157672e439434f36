"""What all tables of settings have in common: they refuse names and values that they do not know.

TOML has `true`, and Python takes it for 1: `max_processes = true` would quietly be one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError


class Table(BaseModel):
    """Settings whose numbers are numbers."""

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        if not any(isinstance(one, bool) for one in _values(value)):
            return value
        kinds = {*_kinds(cls.model_fields[str(info.field_name)].annotation)}
        if kinds & {int, float} and bool not in kinds and Any not in kinds:
            raise PydanticKnownError("float_type" if float in kinds else "int_type")
        return value


class Group(Table):
    """A table of settings."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


def listed(value: Any) -> Any:
    """Read a list out of a variable, whose parts are separated by commas; a list stays itself."""
    if isinstance(value, str):
        return [part for part in (piece.strip() for piece in value.split(",")) if part]
    return value


def _values(value: Any) -> Iterator[Any]:
    """Yield a value, or those in it."""
    match value:
        case list() | tuple():
            for inner in value:
                yield from _values(inner)
        case dict():
            for inner in value.values():
                yield from _values(inner)
        case _:
            yield value


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value, or those in it, may have."""
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for one in inner:
        yield from _kinds(one)
