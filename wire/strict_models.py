"""The base of all records of what clients send: strict, but for nulls of typed clients.

A client in Java, C# or Go often has one class for all records of a union, or for two dialects, and
writes each of its fields, null where it holds nothing. So a null is no value: it stands for an
absent field, also for one that only another record of the same union has (§A.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar, Literal, get_origin

from pydantic import BaseModel, ConfigDict, model_validator


class StrictModel(BaseModel):
    """A model that refuses unknown fields and values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    others: ClassVar[frozenset[str]] = frozenset()
    """Fields of records that the service takes in the same place, and this server does not."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        absent = _absent_if_null(cls)
        return {key: held for key, held in value.items() if held is not None or key not in absent}


class Variant(StrictModel):
    """A record of a union.

    A union has a base, which derives from this class; its records derive from that base, and have
    a literal `type`.
    """


@cache
def _absent_if_null(model: type[StrictModel]) -> frozenset[str]:
    """Return the fields of which null says as much as nothing, whatever their types."""
    absent = set(model.others)
    if issubclass(model, Variant):
        base = model.__mro__[model.__mro__.index(Variant) - 1]
        for record in _records(base):
            absent |= record.model_fields.keys()
    absent -= model.model_fields.keys()
    for name, field in model.model_fields.items():
        # A field with a value of its own where nothing is given; others take null by their type.
        if not field.is_required() and field.default is not None:
            absent.add(name)
    return frozenset(absent)


def _records(base: type[Any]) -> Iterator[type[StrictModel]]:
    for below in base.__subclasses__():
        kind = below.model_fields.get("type")
        if kind is not None and get_origin(kind.annotation) is Literal:
            # What derives from a record is its form in the other dialect.
            yield below
        else:
            yield from _records(below)
