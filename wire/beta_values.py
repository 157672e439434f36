"""Values that beta names in another way than GA: formats, modalities, kinds of parts (§B.16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wire.errors import ProtocolError, invalid_value, wrong_type

FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
"""Beta's names of the audio formats → GA's."""

_ITEM_TYPES = ("message", "function_call", "function_call_output")
_CONTENT = {
    # Assistant items cannot carry audio: GA's validation then asks for `text` (§A.5).
    "assistant": {"text": "output_text", "audio": "output_audio"},
    "user": {"input_text": "input_text", "input_audio": "input_audio"},
    "system": {"input_text": "input_text"},
}
MODALITIES = {("text",): ["text"], ("audio", "text"): ["audio"], ("text", "audio"): ["audio"]}
"""Beta's modalities, in either order → GA's."""


def read_value(name: str, value: Any, param: str) -> Any:
    """Return the value of a flat field as GA has it.

    Args:
        name: Beta's name of the field.
        value: As the client wrote it.
        param: Its path, for errors.

    Raises:
        ProtocolError: Beta has no such value.
    """
    read = _VALUES.get(name)
    return value if read is None else read(value, param)


def _modalities(value: Any, param: str) -> Any:
    if not isinstance(value, list):
        return value
    for order, modalities in MODALITIES.items():
        if value == list(order):
            return modalities
    raise ProtocolError(
        "invalid_value",
        f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio', 'text'].",
        param,
    )


def _format(value: Any, param: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(value, "a string", param)
    if value not in FORMATS:
        raise invalid_value(value, FORMATS, param)
    return {"type": FORMATS[value]}


def _always(value: Any, param: str) -> Any:
    """Take a switch that cannot be off (§B.16)."""
    if not isinstance(value, bool | None):
        raise wrong_type(value, "a boolean", param)
    if value is False:
        raise invalid_value("false", ["true"], param)
    return value


def _tools(value: Any, param: str) -> Any:
    for index, tool in enumerate(value if isinstance(value, list) else []):
        if isinstance(tool, dict):
            _check_name(tool, ("function",), f"{param}[{index}]")
    return value


def _tool_choice(value: Any, param: str) -> Any:
    if isinstance(value, dict):
        _check_name(value, ("function",), param)
    return value


def _items(value: Any, param: str) -> Any:
    if not isinstance(value, list):
        return value
    types = (*_ITEM_TYPES, "item_reference")
    return [read_item(item, f"{param}[{index}]", types) for index, item in enumerate(value)]


def read_item(item: Any, param: str, types: tuple[str, ...] = _ITEM_TYPES) -> Any:
    """Rename the content parts of an item.

    Args:
        item: As the client wrote it.
        param: Its path, for errors.
        types: The types that it may have.

    Raises:
        ProtocolError: Beta has no such item or part.
    """
    if not isinstance(item, dict):
        return item
    _check_name(item, types, param)
    content, role = item.get("content"), item.get("role")
    names = _CONTENT.get(role) if isinstance(role, str) else None
    if not isinstance(content, list) or names is None:
        return item
    return {
        **item,
        "content": [
            _part(part, names, f"{param}.content[{index}]") for index, part in enumerate(content)
        ],
    }


def _part(part: Any, names: Mapping[str, str], param: str) -> Any:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return part
    _check_name(part, tuple(names), param)
    renamed = {**part, "type": names[part["type"]]}
    # Beta's parts have an id, for references (`wire/strict_models.py` has the other nulls).
    if renamed.get("id", "") is None:
        del renamed["id"]
    return renamed


def _check_name(value: dict[str, Any], names: tuple[str, ...], param: str) -> None:
    given = value.get("type")
    if isinstance(given, str) and given not in names:
        raise invalid_value(given, names, f"{param}.type")


_VALUES: dict[str, Callable[[Any, str], Any]] = {
    "modalities": _modalities,
    "input_audio_format": _format,
    "output_audio_format": _format,
    "commit": _always,
    "cancel_previous": _always,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "input": _items,
}
