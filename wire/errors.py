"""Protocol errors, and pydantic's validation errors translated into those of the service.

Clients branch on `error.code` and show `error.param`; both, and the messages, follow §A.0 of
`docs/wire.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError


class ProtocolError(Exception):
    """An invalid or refused request: becomes one `error` event (§A.0)."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        event_id: str | None = None,
        type_: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.event_id = event_id
        self.type = type_
        self.raw: str | None = None
        """The text frame that was refused; None: it was no text, or the error answers no frame."""

    def answering(self, event_id: str | None) -> ProtocolError:
        """Return the same error as the answer to the client event `event_id`."""
        return ProtocolError(
            self.code, self.message, self.param, event_id=event_id, type_=self.type
        )


def listed(names: Iterable[str]) -> str:
    """Join quoted names as the service does: `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`."""
    quoted = [f"'{name}'" for name in names]
    if len(quoted) < 3:
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def invalid_value(value: object, supported: Iterable[str], param: str) -> ProtocolError:
    """Return the error for a value outside an enumeration."""
    return ProtocolError(
        "invalid_value",
        f"Invalid value: '{value}'. Supported values are: {listed(supported)}.",
        param,
    )


def wrong_type(value: object, expected: str, param: str) -> ProtocolError:
    """Return the error for a value of another JSON type than the `expected` one."""
    return ProtocolError(
        "invalid_type",
        f"Invalid type for '{param}': expected {expected}, but got {_kind_of(value)} instead.",
        param,
    )


def unsupported(message: str) -> PydanticCustomError:
    """Return the error for a field or value that this server does not support."""
    return PydanticCustomError("refused", "{reason}", {"reason": message})


def mistyped(expected: str) -> PydanticCustomError:
    """Return the error for a value of another JSON type than the `expected` ones."""
    return PydanticCustomError("mistyped", "{expected}", {"expected": expected})


_KINDS = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "a boolean",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "none_required": "null",
}
_RANK = {"missing": 1, "extra_forbidden": 3}
_SHAPE_KEYS = ("type", "role")
"""Discriminators: keys that decide which other fields an object has."""


def explain(error: ValidationError, message: dict[str, Any]) -> ProtocolError:
    """Translate pydantic's errors about `message` into the service's error.

    Like the service, it reports only one: a wrong discriminator before all else, then a missing
    field, a wrong one, an unknown one.
    """
    first = min(error.errors(include_url=False), key=_rank)
    kind = first["type"]
    param = _path(first["loc"], message, kind)
    context = first.get("ctx", {})
    value = first["input"]
    if kind == "union_tag_not_found":
        param = f"{param}.{context['discriminator'].strip(chr(39))}"
    if kind in ("missing", "union_tag_not_found"):
        return ProtocolError(
            "missing_required_parameter", f"Missing required parameter: '{param}'.", param
        )
    if kind == "extra_forbidden":
        return ProtocolError("unknown_parameter", f"Unknown parameter: '{param}'.", param)
    if kind == "union_tag_invalid":
        tag = f"{param}.{context['discriminator'].strip(chr(39))}"
        expected = [name.strip("' ") for name in context["expected_tags"].split(",")]
        return invalid_value(context["tag"], expected, tag)
    if kind == "literal_error":
        expected = context["expected"].replace(" or ", ", ").split(", ")
        wanted = "an integer" if expected[0].isdigit() else "a string"
        if _kind_of(value) != wanted:
            return wrong_type(value, wanted, param)
        return invalid_value(value, [name.strip("'") for name in expected], param)
    if kind == "mistyped":
        return wrong_type(value, context["expected"], param)
    if kind in _KINDS:
        return wrong_type(value, _KINDS[kind], param)
    return _range_error(first, param) or ProtocolError(
        "invalid_value", _reason(first, param), param
    )


def _rank(found: ErrorDetails) -> int:
    kind = found["type"]
    if kind.startswith("union_tag") or (
        found["loc"][-1] in _SHAPE_KEYS and kind != "extra_forbidden"
    ):
        return 0
    return _RANK.get(kind, 2)


def _reason(found: ErrorDetails, param: str) -> str:
    if found["type"] == "refused":
        return found["msg"]
    return f"Invalid '{param}': {found['msg'][0].lower()}{found['msg'][1:]}."


def _range_error(found: ErrorDetails, param: str) -> ProtocolError | None:
    kind, context, value = found["type"], found.get("ctx", {}), found["input"]
    if kind in ("greater_than_equal", "less_than_equal"):
        below = kind == "greater_than_equal"
        limit = context["ge" if below else "le"]
        number = "integer" if isinstance(limit, int) else "decimal"
        return ProtocolError(
            f"{number}_{'below_min' if below else 'above_max'}_value",
            f"Invalid '{param}': {number} {'below minimum' if below else 'above maximum'} value. "
            f"Expected a value {'>=' if below else '<='} {limit}, but got {value} instead.",
            param,
        )
    if kind == "too_long":
        return ProtocolError(
            "invalid_value",
            f"Invalid '{param}': too many entries. Expected at most {context['max_length']}, "
            f"but got {context['actual_length']} instead.",
            param,
        )
    if kind == "string_too_long":
        limit = context["max_length"]
        return ProtocolError(
            "string_above_max_length",
            f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(value)} instead.",
            param,
        )
    return None


def _kind_of(value: object) -> str:
    names: Sequence[tuple[type, str]] = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal number"),
        (str, "a string"),
        (list, "an array"),
        (dict, "an object"),
    )
    return next((name for type_, name in names if isinstance(value, type_)), "null")


def _path(location: tuple[int | str, ...], message: dict[str, Any], kind: str) -> str:
    """Write pydantic's location as a dotted path, without the union tags it puts in between."""
    path = ""
    here: Any = message
    tags: list[object] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1 and (
            kind in ("missing", "extra_forbidden")
            # A field may have the same name as the union tag before it.
            or (not kind.startswith("union_tag") and isinstance(here, dict) and part in here)
        )
        if not last and part in tags:
            tags.remove(part)
        elif isinstance(part, int) and isinstance(here, list):
            path += f"[{part}]"
            here = here[part]
            tags = _tags(here)
        elif last or (isinstance(here, dict) and part in here):
            path += f".{part}" if path else f"{part}"
            here = here.get(part) if isinstance(here, dict) else None
            tags = _tags(here)
    return path


def _tags(value: Any) -> list[object]:
    """Return the union tags that pydantic may insert after the location of `value`."""
    return [value.get(key) for key in _SHAPE_KEYS] if isinstance(value, dict) else []
