"""What is wrong with a setting, in words for people, and which name was probably meant.

Pydantic's own messages are for programmers: they quote regular expressions and speak of parsing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from settings.localisation import _

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LIKENESS = 0.6
"""How alike two names have to be, 0–1; at this value `modle` still is like `model`."""


def meant(written: str, known: Iterable[str]) -> str:
    """Return a question that names what was probably meant, with a space before it.

    Args:
        written: What somebody wrote, and nobody knows.
        known: What there is.

    Returns:
        The question; empty if nothing there is like it.
    """
    names = list(known)
    simple = {name.lower(): name for name in names}
    near = get_close_matches(written.lower(), simple, n=1, cutoff=_LIKENESS)
    return " " + _("Did you mean {name}?").format(name=simple[near[0]]) if near else ""


def plain_reason(error: ErrorDetails) -> str:
    """Return what a value has to be, as a clause that begins with `must`; it shows no value.

    Args:
        error: The first error of a `ValidationError`. One of our own checks, `value_error`, has
            its own words; they are returned as they are.
    """
    limits: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(limits["error"])
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return _("must be a whole number")
        case "float_parsing" | "float_type" | "decimal_parsing":
            return _("must be a number")
        case "finite_number":
            return _("must be a finite number")
        case "bool_parsing" | "bool_type":
            return _("must be true or false")
        case "string_type" | "path_type" | "string_unicode":
            return _("must be a text")
        case "greater_than_equal":
            return _("must be at least {limit}").format(limit=f"{limits['ge']:g}")
        case "greater_than":
            return _("must be more than {limit}").format(limit=f"{limits['gt']:g}")
        case "less_than_equal":
            return _("must be at most {limit}").format(limit=f"{limits['le']:g}")
        case "less_than":
            return _("must be less than {limit}").format(limit=f"{limits['lt']:g}")
        case "string_too_short" | "too_short":
            count = limits["min_length"]
            if isinstance(error["input"], list | dict):
                return _("must have at least {count} entries").format(count=count)
            return _("must have at least {count} characters").format(count=count)
        case "string_too_long" | "too_long":
            count = limits["max_length"]
            if isinstance(error["input"], list | dict):
                return _("must have at most {count} entries").format(count=count)
            return _("must have at most {count} characters").format(count=count)
        case "literal_error" | "enum":
            expected = str(limits["expected"]).replace(" or ", ", ")
            return _("must be one of {names}").format(names=expected)
        case "list_type" | "tuple_type" | "set_type":
            return _("must be a list")
        case "dict_type" | "model_type" | "model_attributes_type":
            return _("must be a table of names and values")
        case "missing":
            return _("must be given")
        case _:
            return _("has a form that cannot be used here")


def literal_meant(error: ErrorDetails) -> str:
    """Return `meant` for a value that is none of several words; empty for every other error."""
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return ""
    known = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    return meant(error["input"], known)
