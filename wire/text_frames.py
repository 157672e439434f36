"""Writes server events as text frames, long ones in steps.

In an event, the audio of an item is bytes (`session/content.py`). It becomes base64 here, just
before the frame is sent, and never passes through the JSON encoder.
"""

from __future__ import annotations

import secrets
from typing import Any

from flow.steps import Steps
from wire.envelope import WireEvent, encode_audio, serialize

LONG = 16 * 1024
"""Characters from which an image's URL bypasses the JSON encoder."""
_PIECE = 192 * 1024
"""Bytes encoded at a time; a multiple of 3. It takes about 1 ms."""


class LongFrame:
    """A long frame, whose text is written only when it is sent."""

    def __init__(self, pieces: list[str | bytes]) -> None:
        """Hold the frame as pieces, in order: text, and audio that becomes base64."""
        self._pieces = pieces

    def __len__(self) -> int:
        return sum(
            len(piece) if isinstance(piece, str) else -(-len(piece) // 3) * 4
            for piece in self._pieces
        )

    def write(self) -> Steps[str]:
        """Return the text, in steps."""
        written: list[str] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                written.append(piece)
                continue
            for start in range(0, len(piece), _PIECE):
                written.append(encode_audio(piece[start : start + _PIECE]))
                yield
        return "".join(written)


def frame(event: WireEvent) -> str | LongFrame:
    """Return an event as a text frame, or as a `LongFrame` if it has long parts."""
    content = event["item"].get("content") if "item" in event else None
    if not content:
        return serialize(event)
    marked: list[dict[str, Any]] = []
    long: dict[str, str | bytes] = {}
    for part in content:
        marked.append(dict(part))
        for name in ("audio", "image_url"):
            value = part.get(name)
            if isinstance(value, bytes) or (isinstance(value, str) and len(value) > LONG):
                mark = secrets.token_hex(16)
                marked[-1][name] = mark
                long[mark] = value
    if not long:
        return serialize(event)
    rest = serialize({**event, "item": {**event["item"], "content": marked}})
    pieces: list[str | bytes] = []
    for mark, value in long.items():
        before, _, rest = rest.partition(mark)
        pieces += [before, value]
    return LongFrame([*pieces, rest])
