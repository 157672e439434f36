"""What is left out of recordings: keys always, words if the operator says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from settings.masks import HIDDEN
from telemetry.key_masks import without_keys

_KEY_FIELDS = frozenset({"authorization", "api_key", "client_secret"})
"""Fields of events whose value is a key."""
_URL_FIELDS = frozenset({"server_url", "connector_url"})
_IN_URL = re.compile(r"^([A-Za-z][\w+.-]*:/{1,2})?.*@", re.DOTALL)
"""Finds name and password in a URL; whoever did not quote a `/` or an `@` in them loses more."""
SECRET_FIELDS = _KEY_FIELDS | _URL_FIELDS | {"headers"}
"""Fields of events in which keys stand."""
_KEY = re.compile(rb"(?:(?<![\w-])|(?<=\\[bfnrt]))(?:sk-|ek_)[\w-]{16,}")
"""Finds, in a JSON text, what can be nothing but a key of OpenAI's kind."""
_STRUCTURE = frozenset(
    {
        *("type", "object", "id", "event_id", "item_id", "previous_item_id", "response_id"),
        *("call_id", "conversation_id", "conversation", "role", "status", "code", "reason"),
        *("model", "voice", "modalities", "output_modalities", "format", "input_audio_format"),
        *("output_audio_format", "eagerness", "language", "tool_choice", "include", "phase"),
        *("truncation", "max_output_tokens", "max_response_output_tokens", "detail"),
    }
)
"""Fields that say how a conversation goes, and not what is said in it. All others are taken to."""
_TYPE = re.compile(r"[A-Za-z0-9_.:/-]{1,100}")
"""Matches what may be a type, and no sentence."""
_OWN_NAMES = frozenset(
    {"headers", "metadata", "parameters", "variables", "input_schema", "annotations"}
)
"""Objects in which the names too are the client's own, or those of its MCP server."""


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a JSON value with its keys masked.

    Args:
        value: The value.
        name: The field that it is the value of.
    """
    if name == "headers" and value is not None:
        return dict.fromkeys(value, HIDDEN) if isinstance(value, dict) else HIDDEN
    if name in _KEY_FIELDS and value is not None:
        return HIDDEN
    if name in _URL_FIELDS and isinstance(value, dict):
        return HIDDEN
    if isinstance(value, dict):
        return {key: without_secrets(inner, key.lower()) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and name in _URL_FIELDS:
        return _IN_URL.sub(rf"\g<1>{HIDDEN}@", without_keys(value))
    return value


def without_words(value: Any, name: str = "type") -> Any:
    """Return a JSON value in which texts are replaced by their length: `{"chars": 12}`.

    Args:
        value: The value.
        name: The field that it is the value of.
    """
    if isinstance(value, dict):
        if name in _OWN_NAMES:
            return {"chars": len(json.dumps(value, ensure_ascii=False))}
        return {key: without_words(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_words(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if name not in _STRUCTURE or (name == "type" and not _TYPE.fullmatch(value)):
        return {"chars": len(value)}
    return value


class KnownKeys:
    """Keys that stand in no line, whatever brought them there.

    They are the server's own, and what looks like one of OpenAI's.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        """Hide these keys; of those that are part of others, the others come first."""
        self._keys = [json.dumps(key)[1:-1].encode() for key in keys if key]

    def hidden(self, line: bytes) -> bytes:
        """Return a line without them, which may be long, and need not be parsed."""
        if b"sk-" in line or b"ek_" in line:
            line = _KEY.sub(HIDDEN.encode(), line)
        for key in self._keys:
            if key in line:
                line = line.replace(key, HIDDEN.encode())
        return line


def light(written: Mapping[str, Any]) -> dict[str, Any]:
    """Return a server event without the audio and the images of its item.

    They came from the client, or were played to it: there they are recorded.
    """
    item = written.get("item")
    content = item.get("content") if isinstance(item, dict) else None
    if not content:
        return dict(written)
    parts: list[dict[str, Any]] = [
        {
            key: {"left_out": len(value)}
            if key in ("audio", "image_url") and isinstance(value, bytes | str)
            else value
            for key, value in part.items()
        }
        for part in content
    ]
    return {**written, "item": {**item, "content": parts}} if isinstance(item, dict) else {}
