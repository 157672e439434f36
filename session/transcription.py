"""Transcripts of a session's turns: stores them in items and announces them (§B.3)."""

from __future__ import annotations

from functools import partial

from audio.loudness import contrast_db
from session.content import UserAudio
from session.conversation import Conversation
from session.effects import Effect, Send
from session.items import UserMessage
from session.ports import FailureReason, Transcript
from session.response_scheduler import ResponseScheduler
from session.transcript_deltas import TranscriptDeltas
from session.wordless import has_words
from wire.event_record import DurationUsage, FailureBody, HeardLanguage, LogprobBody
from wire.session_events import (
    InputTranscriptionCompleted,
    InputTranscriptionDelta,
    InputTranscriptionFailed,
)
from wire.strict_json import whole_characters


class Transcription:
    """Puts transcripts into the items that lack them, and reports them to the client."""

    def __init__(self, conversation: Conversation, responses: ResponseScheduler) -> None:
        """Start without transcripts.

        Args:
            conversation: Holds the items.
            responses: Wait for transcripts, also of items outside the conversation.
        """
        self._conversation = conversation
        self._responses = responses
        self._texts = TranscriptDeltas()

    def so_far(self, item_id: str, text: str, *, is_open: bool) -> list[Effect]:
        """Take an interim transcript of a turn; an open turn has no item yet."""
        awaited = self._awaited(item_id)
        if not has_words(text):
            # `[BLANK_AUDIO]` is not what the user is saying.
            return []
        if awaited is not None or is_open:
            self._texts.understood(item_id, whole_characters(text))
        return self.delta(awaited[0]) if awaited is not None else []

    def completed(self, item_id: str, transcript: Transcript) -> list[Effect]:
        """Take the final transcript of a committed turn; without words it is empty (§C.5)."""
        awaited = self._awaited(item_id)
        if awaited is None:
            return []
        item, audio = awaited
        if not has_words(transcript, partial(_contrast_db, audio)):
            transcript = _nothing(transcript)
        text = whole_characters(transcript.text)
        self._texts.final(item_id, text)
        effects = self.delta(item)
        self._texts.forget(item_id)
        audio.understood(text)
        if audio.announced:
            usage: DurationUsage = {"type": "duration", "seconds": round(audio.ms / 1000, 3)}
            completed = InputTranscriptionCompleted(
                item_id,
                item.audio_index,
                text,
                usage,
                _languages(transcript),
                _logprobs(transcript),
            )
            effects.append(Send(completed))
        return effects + self._responses.items_ready()

    def delta(self, item: UserMessage) -> list[Effect]:
        """Send the next transcript delta of an item, if there is one."""
        if item.audio is None or not item.audio.announced:
            return []
        delta = self._texts.next_delta(item.id)
        if not delta:
            return []
        return [Send(InputTranscriptionDelta(item.id, item.audio_index, delta))]

    def failed(self, item_id: str, error: FailureReason) -> list[Effect]:
        """Report that transcription of a turn failed; responses that wait for it fail (§B.10)."""
        awaited = self._awaited(item_id)
        if awaited is None:
            return []
        item, audio = awaited
        self._texts.forget(item_id)
        audio.failed(error)
        effects: list[Effect] = []
        if audio.announced:
            shown: FailureBody = {"type": error.type, "code": error.code, "message": error.message}
            effects.append(Send(InputTranscriptionFailed(item_id, item.audio_index, shown)))
        return effects + self._responses.item_failed(item, error)

    def forget(self, item_id: str) -> None:
        """Drop the transcript of an item that was deleted, or of a turn that was dropped."""
        self._texts.forget(item_id)

    def _awaited(self, item_id: str) -> tuple[UserMessage, UserAudio] | None:
        """Return an item and its audio if its transcript is pending."""
        known = self._conversation.get(item_id) or next(
            (item for item in self._responses.awaited_items if item.id == item_id), None
        )
        if not isinstance(known, UserMessage) or known.untranscribed is None:
            return None
        return known, known.untranscribed


def _contrast_db(audio: UserAudio) -> float:
    return contrast_db(audio.format.decode(bytes(audio.data)), audio.format.rate)


def _nothing(heard: Transcript) -> Transcript:
    """Return the transcript of a turn without words, from a recogniser that made some up."""
    return Transcript(
        "",
        None if heard.languages is None else (),
        None if heard.logprobs is None else (),
        heard.no_speech,
    )


def _languages(transcript: Transcript) -> list[HeardLanguage] | None:
    if transcript.languages is None:
        return None
    return [{"code": language} for language in transcript.languages]


def _logprobs(transcript: Transcript) -> list[LogprobBody] | None:
    if transcript.logprobs is None:
        return None
    return [
        {"token": one.token, "bytes": list(one.bytes), "logprob": one.logprob}
        for one in transcript.logprobs
    ]
