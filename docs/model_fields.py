"""What the models of events hold, for a table: their fields, and the values that a field takes.

`make_protocol_table.py` reads the server's own models and the SDK's by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", dict: "object"}

Fields = dict[str, list[Any]]
"""Field → its types in all models that have it."""


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the types that a type consists of, without null."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for option in get_args(annotation):
            yield from _parts(option)
    elif origin is Annotated and get_origin(get_args(annotation)[0]) in (Union, UnionType):
        yield from _parts(get_args(annotation)[0])
    elif annotation is not type(None):
        yield annotation


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _bare_parts(types: list[Any]) -> Iterator[Any]:
    return (_bare(part) for type_ in types for part in _parts(type_))


def is_free_object(types: list[Any]) -> bool:
    """Whether a field takes an object with any keys."""
    return dict in map(_bare, types)


def models_in(types: list[Any]) -> tuple[list[type[BaseModel]], str]:
    """Return the models that `types` hold, and how a path goes on into them."""
    found: list[type[BaseModel]] = []
    suffix = ""
    for bare in _bare_parts(types):
        if get_origin(bare) is list:
            inner, deeper = models_in([get_args(bare)[0]])
            found += inner
            suffix = "[]" + deeper
        elif isinstance(bare, type) and issubclass(bare, BaseModel):
            found.append(bare)
    return found, suffix


def fields_of(models: list[type[BaseModel]]) -> Fields:
    """Return the fields of all models, by the names that are written."""
    fields: Fields = {}
    for model in models:
        for name, field in model.model_fields.items():
            annotation: Any = field.annotation
            if field.metadata:
                annotation = Annotated[annotation, *field.metadata]
            fields.setdefault(field.alias or name, []).append(annotation)
    return fields


def literals(types: list[Any]) -> list[str]:
    """Return all literal values, also those in arrays."""
    found: list[str] = []
    for bare in _bare_parts(types):
        if get_origin(bare) is Literal:
            found += [str(value) for value in get_args(bare)]
        elif get_origin(bare) is list:
            found += literals([get_args(bare)[0]])
    return list(dict.fromkeys(found))


def kinds_of(model: type[BaseModel]) -> list[str]:
    """Return the roles that a model is for, or else its types."""
    fields = fields_of([model])
    return literals(fields.get("role") or fields.get("type") or [])


def _limits(metadata: Any) -> str:
    limits: dict[str, Any] = {}
    for item in metadata:
        for inner in item.metadata if isinstance(item, FieldInfo) else [item]:
            for name in ("ge", "le", "max_length"):
                if hasattr(inner, name):
                    limits[name] = getattr(inner, name)
    if limits.get("ge") is not None and limits.get("ge") == limits.get("le"):
        return f" {limits['ge']}"
    if "ge" in limits and "le" in limits:
        return f" {limits['ge']}–{limits['le']}"
    if "ge" in limits:
        return f" from {limits['ge']}"
    return f" of at most {limits['max_length']}" if "max_length" in limits else ""


def values_of(types: list[Any]) -> str:
    """Say which values a field takes."""
    said: list[str] = []
    for part in (part for type_ in types for part in _parts(type_)):
        bare = _bare(part)
        limits = _limits(get_args(part)[1:]) if get_origin(part) is Annotated else ""
        if get_origin(bare) is Literal:
            said += [f"`{value}`" for value in get_args(bare)]
        elif get_origin(bare) is list:
            said.append(f"array of {values_of([get_args(bare)[0]])}")
        elif isinstance(bare, type) and issubclass(bare, BaseModel):
            said.append("object")
        else:
            said.append(_PLAIN.get(get_origin(bare) or bare, "") + limits)
    return ", ".join(word for word in dict.fromkeys(said) if word.strip())
