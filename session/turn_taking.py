"""The rules of turn taking, from appended audio and detector decisions to user items.

When a turn begins and interrupts a response (§B.3, B.5), when it ends and is answered, and when
silence itself is answered (§B.12). When its response may be started early, `speculation.py` says.
"""

from __future__ import annotations

from audio.clip import Clip
from flow.steps import Steps
from session.contested_turns import ContestedTurns
from session.conversation import Conversation
from session.decisions import (
    Decision,
    SpeechHesitated,
    SpeechPersisted,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)
from session.effects import (
    Effect,
    ForgetTurn,
    HearAgain,
    HearOn,
    ResetTurnDetection,
    Send,
    SetTurnDetection,
    To,
    WordsSoFar,
)
from session.input_buffer import WINDOW_MS, InputBuffer
from session.limits import check_buffer, check_items
from session.playback import Playback
from session.ports import SILENCE, Transcript
from session.recent_noise import RecentNoise
from session.rejoined_turns import RejoinedTurns
from session.reports import TurnGuessed
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig
from session.speculation import Speculation
from session.transcription import Transcription
from session.turn_settings import SemanticVad
from session.user_silence import UserSilence
from session.user_turns import UserTurns
from session.wordless import has_words
from wire.envelope import error_event, new_id
from wire.errors import ProtocolError
from wire.media import Media
from wire.session_events import (
    BufferCleared,
    BufferTimeoutTriggered,
)


class TurnTaking:
    """Cuts the user's audio into turns and has them answered."""

    def __init__(
        self,
        config: SessionConfig,
        conversation: Conversation,
        buffer: InputBuffer,
        silence: UserSilence,
        responses: ResponseScheduler,
        playback: Playback,
        transcription: Transcription,
    ) -> None:
        self._config = config
        self._conversation = conversation
        self._buffer = buffer
        self._silence = silence
        self._responses = responses
        self._transcription = transcription
        self._rejoined = RejoinedTurns(config, conversation, buffer, responses, transcription)
        self._turns = UserTurns(
            config,
            conversation,
            buffer,
            silence,
            responses,
            playback,
            transcription,
            self._rejoined,
        )
        self._noise = RecentNoise(buffer)
        self._contested = ContestedTurns(
            config, playback, self._turns, transcription, self._noise, self._rejoined
        )
        self._speculation = Speculation(
            config, buffer, responses, self._turns, self._contested, self._rejoined
        )

    def is_open(self, item_id: str) -> bool:
        """Return whether the turn that becomes this item is open, or undecided."""
        is_spoken = self._buffer.open is not None and self._buffer.open.item_id == item_id
        return is_spoken or self._contested.holds(item_id)

    def has_replaced(self, item_id: str) -> bool:
        """Return whether an item has left the conversation for a turn that went on (§B.17)."""
        return self._rejoined.has_replaced(item_id)

    def set_detection(self) -> list[Effect]:
        """Detect turns, or leave them to the client, as the session's settings say (§A.1).

        A turn that was detected goes on through any change. Audio that was appended while the
        client committed turns is heard by turn detection as if it were appended only now.
        """
        settled = self._contested.settle()
        return [*settled, *self._set_detection()]

    def _set_detection(self) -> list[Effect]:
        detection = SetTurnDetection(self._config.turn_detection)
        unheard = self._buffer.set_mode(self._config.prefix_padding_ms)
        if unheard is None:
            # A guess would stand for a turn that goes on: what asked for it will not take it back.
            return [*self._speculation.resumed(), detection]
        effects: list[Effect] = []
        if unheard.dropped is not None:
            self._transcription.forget(unheard.dropped.item_id)
            effects.append(ForgetTurn(unheard.dropped.item_id))
        turn = self._buffer.open
        if turn is not None:
            effects.append(self._turns.rehear(turn.item_id))
        effects.append(detection)
        if turn is not None or unheard.audio:
            speaking = turn is not None
            effects.append(HearAgain(unheard.audio, unheard.start_ms, speaking=speaking))
        return effects

    def set_format(self) -> Steps[None]:
        """Expect the session's input format from the next append on."""
        return self._buffer.set_format(self._config.input_format)

    def refuse_append(self, length: int, event_id: str | None) -> list[Effect]:
        """Refuse an append that would exceed the limit of uncommitted audio (§D.8).

        Args:
            length: Bytes of audio in the event.
            event_id: The client's id of the event, for the error.

        Returns:
            The error to send; empty: the append is accepted.
        """
        # Detected turns are ended at the limit instead, and one append may hold several. A track
        # never stops: what was heard first is forgotten (`_check_length`).
        if self._config.turn_detection is not None or self._config.media is Media.TRACKS:
            return []
        try:
            added_ms = length / self._buffer.format.bytes_per_ms
            check_buffer(self._config.limits, self._buffer.open_ms, added_ms)
        except ProtocolError as error:
            return [Send(error_event(error.answering(event_id)), To.ASKER)]
        return []

    def append(self, audio: bytes) -> tuple[list[Effect], bytes]:
        """Write audio of an `input_audio_buffer.append` (§A.2).

        Args:
            audio: In the session's input format; half a sample at the end waits for the next.

        Returns:
            The effects, and the whole samples written, for the turn detector. Its decisions on
            them come back by `heard`.
        """
        was_open = self._buffer.open is not None
        written, opened = self._buffer.append(audio)
        effects: list[Effect] = []
        if opened is not None:
            effects.append(self._turns.hear(opened.item_id))
        if self._is_endless:
            return [*effects, *self._forget_beginning()], written
        if self._buffer.open is not None:
            effects += self._check_length()
        quiet_from_ms = self._silence.from_ms
        if quiet_from_ms is not None:
            effects += self._check_idle(quiet_from_ms)
        if was_open and self._buffer.open is not None:
            effects.append(HearOn(written))
        if self._config.hears_audio:
            # What sounds ends without a word to us, and words may never come.
            effects += self._contested.settle()
        return effects, written

    def recent_speech(self, last_ms: int, until_ms: int) -> Clip:
        """Return the open turn up to an offset, at most `last_ms` milliseconds of it."""
        return self._turns.clip(self._buffer.heard_until(until_ms, last_ms))

    def words_so_far(self, item_id: str, text: str) -> list[Effect]:
        """Let turn detection know the words of the open turn, where they count (§C.4)."""
        if self.is_open(item_id) and isinstance(self._config.turn_detection, SemanticVad):
            return [WordsSoFar(text)]
        return []

    def file_came(self) -> None:
        """Take what is appended next as part of a file (§A.2)."""
        if self._config.file_mode:
            self._responses.hold_back()

    def file_over(self) -> list[Effect]:
        """Answer the turns of a file, now that all of it was heard."""
        return self._responses.all_heard()

    def _check_length(self) -> list[Effect]:
        """End a detected turn that reached the limit; what follows is a new turn."""
        if self._buffer.open_ms < self._config.limits.buffered_audio_s * 1000:
            return []
        if self._config.turn_detection is None:
            return []
        end_ms = int(self._buffer.written_ms) // WINDOW_MS * WINDOW_MS
        return [*self._speech_stopped(end_ms), ResetTurnDetection()]

    @property
    def _is_endless(self) -> bool:
        """Whether a track fills the turn that the client is to commit, and it is long enough."""
        return (
            self._config.media is Media.TRACKS
            and self._config.turn_detection is None
            and self._buffer.open_ms >= self._config.limits.buffered_audio_s * 1000
        )

    def _forget_beginning(self) -> list[Effect]:
        """Forget the first half of the open turn, and recognise the rest anew."""
        turn = self._buffer.forget_first_half()
        return [self._turns.rehear(turn.item_id)]

    def _check_idle(self, start_ms: int) -> list[Effect]:
        """Answer a user who has been silent for `idle_timeout_ms` of audio (§B.12)."""
        detection = self._config.turn_detection
        timeout_ms = detection and detection.idle_timeout_ms
        if not timeout_ms or self._buffer.open is not None:
            return []
        if self._buffer.written_ms < start_ms + timeout_ms:
            return []
        start_ms, end_ms = (ms // WINDOW_MS * WINDOW_MS for ms in (start_ms, start_ms + timeout_ms))
        turn = self._buffer.between(new_id("item"), start_ms, end_ms)
        triggered = BufferTimeoutTriggered(
            audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=turn.item_id
        )
        audio = self._turns.audio(turn)
        audio.read_as(SILENCE)
        effects = self._turns.placed(turn.item_id, audio)
        return [Send(triggered), *effects, *self._responses.answer(turn.item_id)]

    def commit(self) -> list[Effect]:
        """Commit the open turn, as the client asked (§A.3)."""
        check_items(self._config.limits, len(self._conversation))
        detected = self._config.turn_detection is not None
        turn = self._buffer.commit()
        effects = [*self._contested.committed(turn), *self._rejoined.replace(turn.item_id)]
        effects += self._turns.committed(turn)
        return [ResetTurnDetection(), *effects] if detected else effects

    def clear(self) -> list[Effect]:
        """Drop the uncommitted audio (§A.4)."""
        abandoned = self._buffer.clear()
        effects: list[Effect] = [Send(BufferCleared()), *self._contested.drop_all()]
        if abandoned is not None:
            self._transcription.forget(abandoned.item_id)
            effects.append(ForgetTurn(abandoned.item_id))
        return [*effects, *self._rejoined.dropped(), ResetTurnDetection()]

    def heard(self, decision: Decision) -> list[Effect]:
        """Take a decision of the turn detector."""
        match decision:
            case SpeechStarted(onset_ms):
                return self._speech_started(onset_ms)
            case SpeechStopped(end_ms):
                return self._speech_stopped(end_ms)
            case SpeechHesitated():
                return self._speculation.hesitated()
            case SpeechResumed():
                return self._speculation.resumed()
            case SpeechPersisted():
                return self._contested.persisted(decision)
        return []

    def _speech_started(self, onset_ms: int) -> list[Effect]:
        """Open a turn and cancel the active response: barge-in (§B.3, B.5)."""
        detection = self._config.turn_detection
        if detection is None or self._buffer.open is not None:
            return []
        turn = self._buffer.speech_started(onset_ms)
        if self._contested.arises:
            return [self._turns.hear(turn.item_id), *self._contested.begin(turn, onset_ms)]
        turn = self._rejoined.go_on(onset_ms) or turn
        effects = self._turns.started(turn.item_id, turn.start_ms)
        effects.append(self._turns.hear(turn.item_id))
        if self._config.kind == "realtime" and detection.interrupt_response:
            effects += self._turns.interrupt()
        return effects

    def _speech_stopped(self, end_ms: int) -> list[Effect]:
        """Commit the turn and answer it (§B.3).

        Args:
            end_ms: The end of the silence that ended it.
        """
        detection = self._config.turn_detection
        if detection is None or self._buffer.open is None:
            return []
        turn = self._buffer.speech_stopped(end_ms)
        if self._contested.holds(turn.item_id):
            return self._contested.stopped(turn, end_ms)
        return self._turns.stopped(
            turn, end_ms, doubtful=self._speculation.is_wordless(turn.item_id)
        )

    def settle(self) -> list[Effect]:
        """Decide contested turns anew: what sounds, or what the session wants, has changed."""
        return self._contested.settle()

    def so_far(self, item_id: str, text: str) -> list[Effect]:
        """Take an interim transcript, which may show that a contested turn is one."""
        return self._contested.transcribed(item_id, text, finished=False)

    def understood(self, item_id: str, transcript: Transcript) -> list[Effect]:
        """Take the transcript of a turn that is over, which decides if it was one."""
        text = transcript.text if has_words(transcript) else ""
        if text:
            self._noise.over()
        else:
            self._noise.heard()
        return self._contested.transcribed(item_id, text, finished=True)

    def failed(self, item_id: str) -> list[Effect]:
        """Let a turn that could not be transcribed be one."""
        return self._contested.failed(item_id)

    def guessed(self, guess: TurnGuessed) -> list[Effect]:
        """Start the response to an open turn early, given its transcript if it ends here."""
        return self._speculation.guessed(guess)
