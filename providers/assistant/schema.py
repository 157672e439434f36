"""The subset of JSON Schema that is needed to fill a tool's arguments.

Schemas come from an app, so no value in them is trusted to have the right type.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

_MAX_HOPS = 6
_LARGEST = 1e15


def resolve(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references within `root` and alternatives to a plain schema, {} if there is none."""
    for _ in range(_MAX_HOPS):
        if not isinstance(schema, Mapping):
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            schema = _referenced(reference, root)
            continue
        options = next((schema[k] for k in ("anyOf", "oneOf", "allOf") if k in schema), None)
        if not is_list(options) or "type" in schema or "properties" in schema:
            return schema
        options = [o for o in options if isinstance(o, Mapping) and o.get("type") != "null"]
        schema = options[0] if options else {}
    return {}


def kind(schema: Mapping[str, Any]) -> str:
    """Return the type of a schema; where it does not say, what its keywords imply."""
    declared = schema.get("type")
    if is_list(declared):
        declared = next((k for k in declared if isinstance(k, str) and k != "null"), "null")
    if isinstance(declared, str):
        return declared
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def is_list(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return whether `value` is what JSON calls an array."""
    return isinstance(value, list | tuple)


def is_listed(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema lists the values it allows."""
    allowed = schema.get("enum")
    return "const" in schema or (is_list(allowed) and bool(allowed))


def is_number(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema asks for a number, of its own choice."""
    return kind(schema) in ("number", "integer") and not is_listed(schema)


def real(value: Any, default: float) -> float:
    """Return `value` if it is a number of ordinary size, else `default`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return value if -_LARGEST <= value <= _LARGEST else default


def fit(value: int | float, schema: Mapping[str, Any]) -> int | float:
    """Bring a number into the bounds of its schema, whole where it has to be."""
    least = real(schema.get("minimum"), -math.inf)
    above = real(schema.get("exclusiveMinimum"), -math.inf)
    most = real(schema.get("maximum"), math.inf)
    fitting = min(max(value, least, above + 1), most)
    if not float(fitting).is_integer() and kind(schema) != "integer":
        return fitting
    whole = math.floor(fitting)
    return whole + 1 if whole < least else whole


def _referenced(reference: str, root: Mapping[str, Any]) -> Any:
    target: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        target = target.get(part) if isinstance(target, Mapping) else None
    return target
