"""A recording as a conversation: who said what when, and where the time of each answer went.

It reads both dialects and translations. In a redacted recording a text is its length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from recordings.reading import Row

Who = Literal["user", "assistant", "tool", "system", "error"]
STAGES = ("transcript", "first_text", "first_audio", "done")
"""The stages of an answer, in their order (`telemetry/turn_record.py`)."""


@dataclass(frozen=True)
class Bar:
    """A stage of an answer: from the end of the one before it to its own."""

    stage: str
    from_ms: float
    to_ms: float
    """Both since the end of the turn."""


@dataclass(eq=False)
class Said:
    """What one of them said, or did."""

    ms: float
    who: Who
    text: str = ""
    notes: list[str] = field(default_factory=list)
    """What else there is to know: how long it was spoken, that it was interrupted."""
    began_ms: float | None = None
    """When the turn ended that it answers, which the bars count from; None: there are none."""
    bars: list[Bar] = field(default_factory=list)
    heard_ms: int | None = None
    """Milliseconds of it that were heard, where the client has said so; None: all."""


def conversation(rows: Sequence[Row]) -> list[Said]:
    """Return what was said, in order."""
    reader = _Reader()
    for row in rows:
        reader.take(row)
    return reader.said


def text_of(value: object) -> str:
    """Return a text as it is shown; of a redacted one there is only the length."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and isinstance(value.get("chars"), int):
        return f"[{value['chars']}]"
    return ""


@dataclass
class _Speech:
    """A turn that is being spoken."""

    ms: float
    """When it was noticed."""
    from_ms: int
    until_ms: int | None = None
    """Where it lies in the audio."""


class _Reader:
    """Reads row by row."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self._items: dict[str, Said] = {}
        self._responses: dict[str, Said] = {}
        self._spoken: dict[str, _Speech] = {}
        """Item → its speech, of turns that are not committed."""
        self._running: dict[str, Said] = {}
        """What a translation session writes: `user` and `assistant`, which have no items."""
        self._handlers: dict[str, Callable[[float, dict[str, Any]], None]] = {
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.added": self._item_added,
            "conversation.item.created": self._item_added,
            "conversation.item.truncated": self._truncated,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "conversation.item.input_audio_transcription.failed": self._not_transcribed,
            "response.created": self._response_created,
            "response.done": self._response_done,
            "response.output_item.done": self._output_item_done,
            "session.input_transcript.delta": self._source_text,
            "session.output_transcript.delta": self._translated_text,
            "error": self._error,
        }
        for delta in ("output_audio_transcript", "output_text", "audio_transcript", "text"):
            self._handlers[f"response.{delta}.delta"] = self._delta

    def take(self, row: Row) -> None:
        """Take the next row."""
        if "turn" in row:
            self._turn_over(row["turn"])
            return
        event = row.get("event")
        if row.get("from") == "server" and isinstance(event, dict):
            handler = self._handlers.get(event["type"])
            if handler is not None:
                handler(row["t"], event)

    def _say(self, ms: float, who: Who, text: str = "") -> Said:
        said = Said(ms, who, text)
        self.said.append(said)
        return said

    # --- the user -----------------------------------------------------------------------------

    def _speech_started(self, ms: float, event: dict[str, Any]) -> None:
        self._spoken[event.get("item_id", "")] = _Speech(ms, event.get("audio_start_ms", 0))

    def _speech_stopped(self, _ms: float, event: dict[str, Any]) -> None:
        speech = self._spoken.get(event.get("item_id", ""))
        if speech is not None:
            speech.until_ms = event.get("audio_end_ms")

    def _committed(self, ms: float, event: dict[str, Any]) -> None:
        item_id = event.get("item_id", "")
        speech = self._spoken.pop(item_id, None)
        said = self._say(ms if speech is None else speech.ms, "user")
        if speech is None or speech.until_ms is None:
            said.notes.append("spoken")
        else:
            said.notes.append(f"spoken, {(speech.until_ms - speech.from_ms) / 1000:.1f} s")
        self._items[item_id] = said

    def _transcribed(self, _ms: float, event: dict[str, Any]) -> None:
        said = self._items.get(event.get("item_id", ""))
        if said is not None:
            said.text = text_of(event.get("transcript"))

    def _not_transcribed(self, _ms: float, event: dict[str, Any]) -> None:
        said = self._items.get(event.get("item_id", ""))
        if said is not None:
            error = event.get("error") or {}
            said.notes.append(f"not transcribed: {error.get('code')}")

    def _item_added(self, ms: float, event: dict[str, Any]) -> None:
        item = event.get("item") or {}
        item_id, kind, role = item.get("id", ""), item.get("type"), item.get("role")
        if item_id in self._items:
            return
        if kind == "function_call_output":
            said = self._say(ms, "tool", text_of(item.get("output")))
        elif kind == "message" and role in ("user", "system"):
            parts = item.get("content") or []
            text = " ".join(
                text_of(part.get("text") or part.get("transcript")) or f"[{part.get('type')}]"
                for part in parts
            )
            said = self._say(ms, role, text)
        else:
            return
        self._items[item_id] = said

    def _truncated(self, _ms: float, event: dict[str, Any]) -> None:
        said = self._items.get(event.get("item_id", ""))
        if said is not None:
            said.heard_ms = event.get("audio_end_ms")
            said.notes.append(f"heard for {(said.heard_ms or 0) / 1000:.1f} s")

    # --- the assistant ------------------------------------------------------------------------

    def _response_created(self, ms: float, event: dict[str, Any]) -> None:
        response = event.get("response") or {}
        self._responses[response.get("id", "")] = self._say(ms, "assistant")

    def _delta(self, _ms: float, event: dict[str, Any]) -> None:
        said = self._responses.get(event.get("response_id", ""))
        if said is not None:
            said.text += text_of(event.get("delta"))
            self._items[event.get("item_id", "")] = said

    def _output_item_done(self, ms: float, event: dict[str, Any]) -> None:
        item = event.get("item") or {}
        if item.get("type") in ("function_call", "mcp_call"):
            name, arguments = item.get("name"), text_of(item.get("arguments"))
            said = self._say(ms, "assistant", f"{text_of(name)}({arguments})")
            said.notes.append("calls a tool")
            if item.get("output") is not None:
                self._say(ms, "tool", text_of(item["output"]))

    def _response_done(self, _ms: float, event: dict[str, Any]) -> None:
        response = event.get("response") or {}
        said = self._responses.get(response.get("id", ""))
        status = response.get("status")
        if said is None or status == "completed":
            return
        details = response.get("status_details") or {}
        why = (details.get("error") or {}).get("code") or details.get("reason")
        said.notes.append(f"{status}: {why}" if why else str(status))

    # --- translations, errors, stages -----------------------------------------------------------

    def _source_text(self, ms: float, event: dict[str, Any]) -> None:
        self._run("user", ms, event)

    def _translated_text(self, ms: float, event: dict[str, Any]) -> None:
        self._run("assistant", ms, event)

    def _run(self, who: Literal["user", "assistant"], ms: float, event: dict[str, Any]) -> None:
        running = self._running.get(who)
        if running is None or self.said[-1] is not running:
            running = self._running[who] = self._say(ms, who)
        running.text += text_of(event.get("delta"))

    def _error(self, ms: float, event: dict[str, Any]) -> None:
        error = event.get("error") or {}
        code, message = error.get("code") or error.get("type"), text_of(error.get("message"))
        self._say(ms, "error", f"{code}: {message}" if message else str(code))

    def _turn_over(self, turn: dict[str, Any]) -> None:
        said = self._responses.get(turn.get("response_id") or "")
        if said is None:
            said = self._items.get(turn.get("item_id") or "")
        stages = turn.get("stages")
        if said is None or not isinstance(stages, dict) or not stages:
            return
        said.began_ms = turn.get("began")
        said.bars = []
        before = 0.0
        # A model that hears may answer before the transcript is there.
        for stage in sorted((one for one in STAGES if one in stages), key=lambda one: stages[one]):
            said.bars.append(Bar(stage, before, stages[stage]))
            before = stages[stage]
