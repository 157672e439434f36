"""The conversation: its items in order, as the wire shows them and as the model reads them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from audio.formats import AudioFormat
from wire.errors import ProtocolError

Status = Literal["in_progress", "completed", "incomplete"]
Transcript = Literal["none", "pending", "done", "failed"]


@dataclass(slots=True)
class SpokenText:
    """A clause and where in the item's audio it starts, in milliseconds."""

    text: str
    start_ms: float


@dataclass(slots=True)
class Item:
    """One item. Which fields mean something depends on `type` (§A.5, §B)."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    role: Literal["system", "user", "assistant"] | None = None
    status: Status = "completed"
    content: list[dict[str, Any]] = field(default_factory=list)
    """Content parts in wire form, without audio bytes."""
    audio: bytearray = field(default_factory=bytearray)
    """Audio of one content part, as it was written or sent; empty once it is not kept any more."""
    forgotten_ms: float = 0.0
    """Length of audio that was there and is not kept any more."""
    format: AudioFormat = field(default_factory=AudioFormat)
    """Format of `audio`."""
    audio_index: int = 0
    """Which content part the audio belongs to."""
    transcript_state: Transcript = "none"
    """For user audio: whether the recogniser has answered."""
    spoken: list[SpokenText] = field(default_factory=list)
    """For assistant audio: what is said where."""
    heard: str | None = None
    """For assistant audio that was cut short: the words the user heard."""
    truncated: bool = False
    """For assistant audio: whether the client cut it; what is still generated adds nothing."""
    announced: bool = False
    """For user audio: whether the client wants transcription events for it."""
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""

    def wire(self, *, with_audio: bool = False) -> dict[str, Any]:
        """Return the item in wire form; keys that do not apply are absent, never null (§F.7).

        Audio stands in it as bytes: `wire/text_frames.py` encodes it.
        """
        if self.type == "function_call":
            return {
                "id": self.id,
                "type": self.type,
                "status": self.status,
                "name": self.name,
                "call_id": self.call_id,
                "arguments": self.arguments,
            }
        if self.type == "function_call_output":
            return {
                "id": self.id,
                "type": self.type,
                "call_id": self.call_id,
                "output": self.output,
            }
        content = [dict(part) for part in self.content]
        if with_audio and content and self.audio:
            content[self.audio_index]["audio"] = bytes(self.audio)
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "role": self.role,
            "content": content,
        }

    @property
    def audio_ms(self) -> float:
        """Length of the item's audio in milliseconds, kept or not."""
        return self.forgotten_ms + len(self.audio) / self.format.bytes_per_ms

    def forget_audio(self) -> None:
        """Keep the length of the audio, and no more of it."""
        self.forgotten_ms = self.audio_ms
        self.audio = bytearray()

    @property
    def text(self) -> str:
        """What the model reads: text, transcript, or the words that were heard."""
        if self.heard is not None:
            return self.heard
        if len(self.content) == 1:
            # Nearly always; and every turn reads the whole conversation.
            return _words(self.content[0])
        return "".join(map(_words, self.content))

    @property
    def images(self) -> list[dict[str, Any]]:
        """The image parts."""
        return [part for part in self.content if part["type"] == "input_image"]

    def forget_unheard(self, ms: float) -> None:
        """Keep for the model the words of the first `ms` milliseconds: by clause, then by letters.

        Words are cut together with their times, so a second, shorter cut still finds its place.
        """
        clauses = self.spoken or [SpokenText(self.text, 0)]
        ends = [clause.start_ms for clause in clauses[1:]] + [self.audio_ms]
        heard: list[SpokenText] = []
        for clause, end_ms in zip(clauses, ends, strict=True):
            if clause.start_ms >= ms:
                break
            text = clause.text.strip()
            if end_ms > ms:
                share = (ms - clause.start_ms) / (end_ms - clause.start_ms)
                text = _whole_words(text, int(len(text) * share))
            heard.append(SpokenText(text, clause.start_ms))
        self.spoken = heard
        self.heard = " ".join(clause.text for clause in heard if clause.text)

    def truncate(self, audio_end_ms: int) -> None:
        """Cut assistant audio; its transcript goes, the heard words stay for the model (§A.8)."""
        self.forget_unheard(audio_end_ms)
        self.forgotten_ms = min(self.forgotten_ms, audio_end_ms)
        del self.audio[audio_end_ms * self.format.bytes_per_ms :]
        self.content = [{"type": "output_audio", "transcript": None}]
        self.truncated = True


def _whole_words(text: str, length: int) -> str:
    """Return the words of `text` that end within its first `length` characters."""
    if length >= len(text) or text[length].isspace():
        return text[:length].rstrip()
    before, space, _ = text[:length].rpartition(" ")
    return before.rstrip() if space else ""


def _words(part: dict[str, Any]) -> str:
    return part.get("text") or part.get("transcript") or ""


class Conversation:
    """The ordered items of the default conversation."""

    def __init__(self, conversation_id: str, kept_audio_ms: float = math.inf) -> None:
        """Start empty.

        Args:
            conversation_id: The `conv_…` id.
            kept_audio_ms: Audio that is kept; of the oldest items it is forgotten first.
        """
        self.id = conversation_id
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._kept_audio_ms = kept_audio_ms
        self._audible: deque[tuple[Item, float]] = deque()
        """Items whose audio is kept, and how long it was, the oldest first."""
        self._audible_ms = 0.0
        self._lost_assistant_audio = False

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[Item]:
        return reversed(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def get(self, item_id: str) -> Item | None:
        """Return the item, or None."""
        return self._by_id.get(item_id)

    def keep_audio(self, item: Item) -> None:
        """Take note that an item's audio is complete; forget the oldest beyond the limit."""
        if not item.audio:
            return
        self._audible.append((item, item.audio_ms))
        self._audible_ms += item.audio_ms
        while self._audible_ms > self._kept_audio_ms and len(self._audible) > 1:
            oldest, length_ms = self._audible.popleft()
            self._audible_ms -= length_ms
            oldest.forget_audio()

    def forget_audio(self) -> None:
        """Forget the audio of all items."""
        for item in self._items:
            item.forget_audio()
        self._audible.clear()
        self._audible_ms = 0.0

    @property
    def tail_id(self) -> str | None:
        """Id of the last item; None when empty."""
        return self._items[-1].id if self._items else None

    @property
    def has_assistant_audio(self) -> bool:
        """Whether the voice is settled (§C.2): the user has heard it, whatever became of it."""
        # The newest are asked first: an answer is never far.
        return self._lost_assistant_audio or any(_spoken(item) for item in reversed(self._items))

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Insert an item at the end, the front (`root`) or after another one (§A.5).

        Returns:
            The id of its real predecessor.

        Raises:
            ProtocolError: A duplicate id, or an unknown predecessor.
        """
        if self.get(item.id) is not None:
            raise duplicate_item(item.id)
        if not previous_item_id:
            position = len(self._items)
        elif previous_item_id == "root":
            position = 0
        else:
            previous = self.get(previous_item_id)
            if previous is None:
                raise ProtocolError(
                    "item_create_invalid_previous_item_id",
                    "Error adding item: the previous item with id "
                    f"'{previous_item_id}' does not exist.",
                    "previous_item_id",
                )
            position = self._items.index(previous) + 1
        self._items.insert(position, item)
        self._by_id[item.id] = item
        self.keep_audio(item)
        return self._items[position - 1].id if position else None

    def delete(self, item_id: str) -> None:
        """Remove an item (§A.7).

        Raises:
            ProtocolError: There is no such item.
        """
        item = self.get(item_id)
        if item is None:
            raise ProtocolError(
                "item_delete_invalid_item_id",
                f"Error deleting item: the item with id '{item_id}' does not exist.",
            )
        self._items.remove(item)
        del self._by_id[item_id]
        self._lost_assistant_audio |= _spoken(item)
        if item.transcript_state == "pending":
            item.transcript_state = "none"

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant's audio to what was played (§A.8).

        Raises:
            ProtocolError: Unknown item, not assistant audio, or not that long.
        """
        item = self.get(item_id)
        if item is None:
            raise ProtocolError(
                "item_truncate_invalid_item_id", f"Item with item_id not found: {item_id}"
            )
        if item.role != "assistant" or not (item.audio_ms or item.truncated):
            raise ProtocolError(None, "Only model output audio messages can be truncated")
        if content_index != 0:
            raise ProtocolError(
                "invalid_value", f"Invalid 'content_index': {content_index}.", "content_index"
            )
        if audio_end_ms > item.audio_ms:
            raise ProtocolError(
                "invalid_value",
                f"Audio content of {int(item.audio_ms)}ms is already shorter than {audio_end_ms}ms",
                "audio_end_ms",
            )
        self._lost_assistant_audio |= _spoken(item)
        item.truncate(audio_end_ms)

    def check_tool_output(self, call_id: str) -> None:
        """Refuse the result of a call that was never made (§A.5)."""
        if not any(
            item.type == "function_call" and item.call_id == call_id for item in self._items
        ):
            raise ProtocolError(
                "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation."
            )


def _spoken(item: Item) -> bool:
    return item.role == "assistant" and item.audio_ms > 0


def duplicate_item(item_id: str) -> ProtocolError:
    """Return the error for a second item of the same id (§A.5)."""
    return ProtocolError(
        "item_create_duplicate_item_id",
        f"Error adding item: an item with id '{item_id}' already exists.",
    )


def _content(item: Item) -> str | list[dict[str, Any]]:
    text, images = item.text, item.images
    if not images:
        return text
    words = [{"type": "text", "text": text}] if text else []
    pictures = [
        {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part["detail"]}}
        for part in images
    ]
    return words + pictures


def render_messages(items: list[Item]) -> list[dict[str, Any]]:
    """Write items as chat-completions messages.

    A tool call is followed by its result wherever that stands, as model servers insist; a call
    without a result yet is left out, and so are messages without words.
    """
    results = {item.call_id: item for item in items if item.type == "function_call_output"}
    messages: list[dict[str, Any]] = []
    for item in items:
        if item.type == "message":
            content = _content(item)
            if content:
                messages.append({"role": item.role, "content": content})
        elif item.type == "function_call" and item.call_id in results:
            call = {
                "id": item.call_id,
                "type": "function",
                "function": {"name": item.name, "arguments": item.arguments},
            }
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            result = results[item.call_id].output
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": result})
    return messages
