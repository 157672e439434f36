"""Turns of the user as clients and the conversation see them (§B.3): announced, ended, answered.

When that happens is up to `session/turn_taking.py` and `session/contested_turns.py`.
"""

from __future__ import annotations

from audio.clip import Clip
from session.content import UserAudio
from session.conversation import Conversation
from session.effects import Effect, ForgetTurn, HearTurn, RehearTurn, Send, Transcribe
from session.input_buffer import ClosedTurn, InputBuffer
from session.items import Item, UserMessage
from session.playback import Playback
from session.rejoined_turns import RejoinedTurns
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig
from session.transcription import Transcription
from session.user_silence import UserSilence
from session.usual_level import UsualLevel
from wire.session_events import (
    BufferCommitted,
    BufferSpeechStarted,
    BufferSpeechStopped,
    ItemAdded,
    ItemDone,
)


class UserTurns:
    """Announces turns, and puts them into the conversation."""

    def __init__(
        self,
        config: SessionConfig,
        conversation: Conversation,
        buffer: InputBuffer,
        silence: UserSilence,
        responses: ResponseScheduler,
        playback: Playback,
        transcription: Transcription,
        rejoined: RejoinedTurns,
    ) -> None:
        self._config = config
        self._conversation = conversation
        self._buffer = buffer
        self._silence = silence
        self._responses = responses
        self._playback = playback
        self._transcription = transcription
        self._rejoined = rejoined
        self._usual = UsualLevel()

    @property
    def usual_db(self) -> float | None:
        """How loud the user usually is, in dBFS; None: it is not known."""
        return self._usual.db

    @property
    def written_ms(self) -> float:
        """Milliseconds of audio that were appended since the session began."""
        return self._buffer.written_ms

    def started(self, item_id: str, start_ms: int) -> list[Effect]:
        """Announce that a turn began; `interrupt` belongs behind it."""
        self._silence.broken()
        return [Send(BufferSpeechStarted(audio_start_ms=start_ms, item_id=item_id))]

    def interrupt(self) -> list[Effect]:
        """Cancel the active response, and stop what sounds: barge-in (§B.5)."""
        return self._playback.interrupt(self._responses.interrupt())

    def stopped(
        self, turn: ClosedTurn, end_ms: int, *, asked: bool = False, doubtful: bool = False
    ) -> list[Effect]:
        """Commit a detected turn and answer it (§B.3).

        Args:
            turn: It.
            end_ms: The end of the silence that ended it.
            asked: Whether its transcript was asked for already.
            doubtful: Whether it seems to have no words; then its transcript decides on an answer.
        """
        stopped = Send(BufferSpeechStopped(audio_end_ms=end_ms, item_id=turn.item_id))
        replaced = self._rejoined.replace(turn.item_id)
        effects = [*replaced, stopped, *self.committed(turn, asked=asked)]
        self._rejoined.ended(turn, end_ms)
        detection = self._config.turn_detection
        if self._config.kind == "realtime" and detection and detection.create_response:
            effects += self._responses.answer(turn.item_id, doubtful=doubtful)
        return effects

    def committed(self, turn: ClosedTurn, *, asked: bool = False) -> list[Effect]:
        """Put a turn into the conversation, and ask for its transcript unless it is `asked` for."""
        self._silence.broken()
        if self._config.interruptions == "words":
            self._usual.heard(turn.audio, self._buffer.format)
        return self.kept(turn, asked=asked)

    def kept(self, turn: ClosedTurn, *, asked: bool = False) -> list[Effect]:
        """As `committed`, for what does not break the user's silence."""
        audio = self.audio(turn)
        effects = self.placed(turn.item_id, audio)
        if self._config.kind == "transcription" and self._config.transcription is None:
            # Nothing needs the transcript: neither responses nor transcription events (§B.11).
            audio.unwanted()
            return [*effects, ForgetTurn(turn.item_id)]
        return effects if asked else [*effects, self.transcribe(turn)]

    def transcribe(self, turn: ClosedTurn) -> Transcribe:
        """Return the order to transcribe a turn that is over."""
        return Transcribe(turn.item_id, self.clip(turn.audio), self._config.transcription_settings)

    def audio(self, turn: ClosedTurn) -> UserAudio:
        """Return the audio of the item that a turn becomes."""
        announced = self._config.transcription is not None
        return UserAudio(self._buffer.format, bytearray(turn.audio), announced=announced)

    def clip(self, audio: bytes) -> Clip:
        """Return audio of the input buffer for the recogniser."""
        return Clip(audio, self._buffer.format, self._config.noise_reduction)

    def heard_so_far(self) -> Clip:
        """Return the turn in progress up to now."""
        return self.clip(self._buffer.heard_so_far())

    def hear(self, item_id: str) -> HearTurn:
        """Return the order to recognise the turn in progress, as it is spoken."""
        return HearTurn(item_id, self.heard_so_far(), self._config.transcription_settings)

    def rehear(self, item_id: str) -> RehearTurn:
        """Return the order to recognise the turn in progress anew: it begins elsewhere."""
        return RehearTurn(item_id, self.heard_so_far(), self._config.transcription_settings)

    def placed(self, item_id: str, audio: UserAudio) -> list[Effect]:
        """Put an item of this audio at the end of the conversation."""
        item = UserMessage(item_id, [audio])
        previous = self._conversation.insert(item)
        committed = BufferCommitted(previous_item_id=previous, item_id=item.id)
        return [
            Send(committed),
            *item_is_complete(item, previous),
            *self._transcription.delta(item),
        ]


def item_is_complete(item: Item, previous: str | None) -> list[Effect]:
    """Announce an item that is added and complete at once (§B.2)."""
    wire = item.wire()
    return [Send(ItemAdded(previous, wire)), Send(ItemDone(previous, wire))]
