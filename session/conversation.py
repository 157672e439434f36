"""The conversation: its items in order, and the rules for changing them (§A.5–A.8)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import takewhile

from session.content import Audio
from session.items import AssistantMessage, FunctionCall, Item
from session.mcp_items import McpApprovalRequest
from wire.errors import ProtocolError


class Conversation:
    """The ordered items of the default conversation."""

    def __init__(self, conversation_id: str, kept_audio_ms: float = math.inf) -> None:
        """Start empty.

        Args:
            conversation_id: The `conv_…` id.
            kept_audio_ms: Longest audio to keep; beyond it, the oldest items lose theirs first.
        """
        self.id = conversation_id
        self._items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self.unanswered: list[str] = []
        """Items of the user's turns that wait for their answer, in order."""
        self._kept_audio_ms = kept_audio_ms
        self._audible: deque[tuple[Audio, float]] = deque()
        """The audio that is kept and its length in ms when it was added, oldest first."""
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
        """Count an item's complete audio, and drop the oldest audio beyond the limit."""
        audio = item.audio
        if audio is None or not audio.data:
            return
        self._audible.append((audio, audio.ms))
        self._audible_ms += audio.ms
        while self._audible_ms > self._kept_audio_ms and len(self._audible) > 1:
            oldest, length_ms = self._audible.popleft()
            self._audible_ms -= length_ms
            oldest.forget()

    def forget_audio(self) -> None:
        """Drop the audio of all items."""
        for item in self._items:
            if item.audio is not None:
                item.audio.forget()
        self._audible.clear()
        self._audible_ms = 0.0

    @property
    def has_assistant_audio(self) -> bool:
        """Whether assistant audio was ever made, deleted items included: locks the voice (§C.2)."""
        # Newest first: a spoken item is usually among the last few.
        return self._lost_assistant_audio or any(_spoken(item) for item in reversed(self._items))

    def insert(self, item: Item, previous_item_id: str | None = None) -> str | None:
        """Insert an item at the end, the front (`root`) or after another one (§A.5).

        Returns:
            The id of the item before it; None: it is the first.

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

    def insert_output(self, item: Item) -> str | None:
        """Insert what the server makes: at the end, but before the turns that are not answered yet.

        So each answer stands behind its own turn, for the model as for clients (§B.5).

        Returns:
            As `insert`.
        """
        if not self.unanswered:
            return self.insert(item)
        position = self._items.index(self._by_id[self.unanswered[0]])
        return self.insert(item, self._items[position - 1].id if position else "root")

    def behind(self, item_id: str) -> tuple[str, ...]:
        """Return the ids behind an item, up to the turns that are not answered yet.

        What the server makes stands there (`insert_output`). None: there is no such item.
        """
        item = self.get(item_id)
        if item is None:
            return ()
        ids = [known.id for known in self._items[self._items.index(item) + 1 :]]
        return tuple(takewhile(lambda known: known not in self.unanswered, ids))

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
        if item_id in self.unanswered:
            self.unanswered.remove(item_id)
        self._lost_assistant_audio |= _spoken(item)
        if item.untranscribed is not None:
            item.untranscribed.unwanted()

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant message's audio to its first `audio_end_ms` milliseconds (§A.8).

        Raises:
            ProtocolError: The item is unknown, has no assistant audio, or is shorter.
        """
        item = self.get(item_id)
        if item is None:
            raise ProtocolError(
                "item_truncate_invalid_item_id", f"Item with item_id not found: {item_id}"
            )
        audio = item.audio if isinstance(item, AssistantMessage) else None
        if audio is None or not (audio.ms or audio.truncated):
            raise ProtocolError(None, "Only model output audio messages can be truncated")
        if content_index != 0:
            raise ProtocolError(
                "invalid_value", f"Invalid 'content_index': {content_index}.", "content_index"
            )
        if audio_end_ms > audio.ms:
            raise ProtocolError(
                "invalid_value",
                f"Audio content of {int(audio.ms)}ms is already shorter than {audio_end_ms}ms",
                "audio_end_ms",
            )
        self._lost_assistant_audio |= _spoken(item)
        audio.truncate(audio_end_ms)

    def played(self, item_id: str, played_ms: float | None) -> None:
        """Note how much of an assistant message was played; unknown items are ignored.

        Args:
            item_id: The assistant message.
            played_ms: Milliseconds of its audio that were played; None: all that there is.
        """
        item = self.get(item_id)
        if isinstance(item, AssistantMessage) and item.audio is not None:
            item.audio.played_ms = played_ms

    def approval_request(self, request_id: str) -> McpApprovalRequest:
        """Return the request that an approval answers (§B.13).

        Raises:
            ProtocolError: The conversation has no such request, or it was answered.
        """
        item = self.get(request_id)
        param = "item.approval_request_id"
        if not isinstance(item, McpApprovalRequest):
            raise ProtocolError(
                "invalid_value",
                f"Approval request ID '{request_id}' not found in conversation.",
                param,
            )
        if item.answered:
            raise ProtocolError(
                "invalid_value", f"Approval request '{request_id}' was answered already.", param
            )
        return item

    def call(self, call_id: str) -> FunctionCall:
        """Return the latest tool call of an id, to which a result belongs (§A.5).

        Raises:
            ProtocolError: The conversation has no such call.
        """
        for item in reversed(self._items):
            if isinstance(item, FunctionCall) and item.call_id == call_id:
                return item
        raise ProtocolError(
            "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation."
        )


def _spoken(item: Item) -> bool:
    return isinstance(item, AssistantMessage) and item.audio_ms > 0


def duplicate_item(item_id: str) -> ProtocolError:
    """Return the error for a second item of the same id (§A.5)."""
    return ProtocolError(
        "item_create_duplicate_item_id",
        f"Error adding item: an item with id '{item_id}' already exists.",
    )
