"""Messages of made-up sessions."""

from __future__ import annotations

from typing import Any

from recordings.timeline import Message, Side


def message(type_: str, side: Side = "server", ms: float = 0, **fields: Any) -> Message:
    return Message(side, ms, {"type": type_, **fields}, line=2)


def audio(ms: float, response_id: str = "r", at_ms: float = 0) -> Message:
    event = {"type": "response.output_audio.delta", "response_id": response_id}
    return Message("server", at_ms, event, audio=bytes(48 * int(ms)), audio_ms=ms)


def answer(response: str, item: str, text: str, status: str = "completed") -> list[Message]:
    """Return the events of an answer, cut into words."""
    of: dict[str, Any] = {"response_id": response, "item_id": item}
    part = {"id": item, "type": "message", "role": "assistant"}
    words = [message("response.output_text.delta", delta=word, **of) for word in text.split(" ")]
    said = message("response.output_text.done", text=text.replace(" ", ""), **of)
    return [
        message("response.created", response={"id": response, "status": "in_progress"}),
        message("response.output_item.added", response_id=response, item=part),
        *words,
        said,
        message("response.done", response={"id": response, "status": status}),
    ]
