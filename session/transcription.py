"""What has been understood of a session's turns, and what its client is told of it (§B.3)."""

from __future__ import annotations

from session.content import UserAudio
from session.conversation import Conversation
from session.effects import Effect, Send
from session.items import UserMessage
from session.ports import FailureReason
from session.response_scheduler import Responses
from session.transcript_deltas import TranscriptDeltas
from wire.event_record import DurationUsage, FailureBody
from wire.session_events import (
    InputTranscriptionCompleted,
    InputTranscriptionDelta,
    InputTranscriptionFailed,
)


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
        awaited = self._awaited(item_id)
        if awaited is not None or is_open:
            self._texts.understood(item_id, text)
        return self.delta(awaited[0]) if awaited is not None else []

    def completed(self, item_id: str, text: str) -> list[Effect]:
        """The recogniser understood a committed turn."""
        awaited = self._awaited(item_id)
        if awaited is None:
            return []
        item, audio = awaited
        self._texts.final(item_id, text)
        effects = self.delta(item)
        self._texts.forget(item_id)
        audio.understood(text)
        if audio.announced:
            usage: DurationUsage = {"type": "duration", "seconds": round(audio.ms / 1000, 3)}
            completed = InputTranscriptionCompleted(item_id, item.audio_index, text, usage)
            effects.append(Send(completed))
        return effects + self._responses.items_ready()

    def delta(self, item: UserMessage) -> list[Effect]:
        """Tell the client what it has not been told yet of an item."""
        if item.audio is None or not item.audio.announced:
            return []
        delta = self._texts.next_delta(item.id)
        if not delta:
            return []
        return [Send(InputTranscriptionDelta(item.id, item.audio_index, delta))]

    def failed(self, item_id: str, error: FailureReason) -> list[Effect]:
        """The recogniser could not transcribe a committed turn; responses to it fail (§B.10)."""
        awaited = self._awaited(item_id)
        if awaited is None:
            return []
        item, audio = awaited
        self._texts.forget(item_id)
        audio.failed()
        effects: list[Effect] = []
        if audio.announced:
            shown: FailureBody = {"type": error.type, "code": error.code, "message": error.message}
            effects.append(Send(InputTranscriptionFailed(item_id, item.audio_index, shown)))
        return effects + self._responses.item_failed(item, error)

    def forget(self, item_id: str) -> None:
        """The item, or the turn that was to become it, is gone."""
        self._texts.forget(item_id)

    def _awaited(self, item_id: str) -> tuple[UserMessage, UserAudio] | None:
        """Return the item, and its audio, if its transcript is still to come."""
        known = self._conversation.get(item_id) or next(
            (item for item in self._responses.awaited_items if item.id == item_id), None
        )
        if not isinstance(known, UserMessage) or known.untranscribed is None:
            return None
        return known, known.untranscribed
