"""What has been understood of a session's turns, and what its client is told of it (§B.3)."""

from __future__ import annotations

from session.conversation import Conversation
from session.effects import Effect, Send
from session.items import Item
from session.ports import ProviderError
from session.response_scheduler import Responses
from session.transcript_deltas import TranscriptDeltas
from wire.envelope import server_event

_EVENT = "conversation.item.input_audio_transcription"


class Transcription:
    """Puts transcripts into the items that wait for them."""

    def __init__(self, conversation: Conversation, responses: Responses) -> None:
        """Start with nothing understood.

        Args:
            conversation: Has the items.
            responses: Wait for transcripts, too: also of items that are in no conversation.
        """
        self._conversation = conversation
        self._responses = responses
        self._texts = TranscriptDeltas()

    def so_far(self, item_id: str, text: str, *, is_open: bool) -> list[Effect]:
        """The recogniser understood `text` of a turn, which may be open: it has no item then."""
        item = self._pending(item_id)
        if item is not None or is_open:
            self._texts.understood(item_id, text)
        return self.delta(item) if item is not None else []

    def completed(self, item_id: str, text: str) -> list[Effect]:
        """The recogniser understood a committed turn."""
        item = self._pending(item_id)
        if item is None:
            return []
        self._texts.final(item_id, text)
        effects = self.delta(item)
        self._texts.forget(item_id)
        item.content[item.audio_index]["transcript"] = text
        item.transcript_state = "done"
        if item.announced:
            completed = server_event(
                f"{_EVENT}.completed",
                item_id=item_id,
                content_index=item.audio_index,
                transcript=text,
                usage={"type": "duration", "seconds": round(item.audio_ms / 1000, 3)},
            )
            effects.append(Send(completed))
        return effects + self._responses.items_ready()

    def delta(self, item: Item) -> list[Effect]:
        """Tell the client what it has not been told yet of an item."""
        delta = self._texts.next_delta(item.id) if item.announced else ""
        if not delta:
            return []
        event = server_event(
            f"{_EVENT}.delta", item_id=item.id, content_index=item.audio_index, delta=delta
        )
        return [Send(event)]

    def failed(self, item_id: str, error: ProviderError) -> list[Effect]:
        """The recogniser could not transcribe a committed turn; responses to it fail (§B.10)."""
        item = self._pending(item_id)
        if item is None:
            return []
        self._texts.forget(item_id)
        item.transcript_state = "failed"
        effects: list[Effect] = []
        if item.announced:
            failed = server_event(
                f"{_EVENT}.failed",
                item_id=item_id,
                content_index=item.audio_index,
                error={"type": error.type, "code": error.code, "message": error.message},
            )
            effects.append(Send(failed))
        return effects + self._responses.item_failed(item, error)

    def forget(self, item_id: str) -> None:
        """The item, or the turn that was to become it, is gone."""
        self._texts.forget(item_id)

    def _pending(self, item_id: str) -> Item | None:
        known = self._conversation.get(item_id) or next(
            (item for item in self._responses.awaited_items if item.id == item_id), None
        )
        return known if known is not None and known.transcript_state == "pending" else None
