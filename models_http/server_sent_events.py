"""Server-sent events, as OpenAI's SDKs read them."""

from __future__ import annotations

import json
from collections.abc import Mapping


def event(fields: Mapping[str, object]) -> bytes:
    """Return one event; its type, if it has one, is also its name."""
    name = f"event: {fields['type']}\n" if "type" in fields else ""
    return f"{name}data: {json.dumps(fields, ensure_ascii=False)}\n\n".encode()
