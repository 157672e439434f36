"""One session without I/O: client events and pipeline reports in, effects out.

The session owns three state machines: the turn being spoken (`session/input_buffer.py`), the
responses (`session/response.py`) and the conversation (`session/conversation.py`). It never awaits,
sleeps or reads a clock, so the whole protocol can be tested in microseconds and driven by any
transport.
Section numbers are those of the Realtime protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flow.steps import Steps
from session.content import InputText, UserAudio
from session.conversation import Conversation, duplicate_item
from session.effects import (
    Close,
    Effect,
    ForgetTurn,
    HearTurn,
    ResetTurnDetection,
    Send,
    SetInputFormat,
    SetNoiseReduction,
    SetTurnDetection,
    Transcribe,
)
from session.input_buffer import ClosedTurn, InputTurns
from session.item_input import build_item
from session.items import Item, UserMessage
from session.limits import check_buffer, check_items
from session.ports import SILENCE, ProviderError, ResponseRequest
from session.response_scheduler import Responses, transcribe
from session.session_config import SessionConfig
from session.transcription import Transcription
from wire.append_shortcut import AppendShape
from wire.client_events import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClientEvent,
    CloseSession,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    FunctionCallOutput,
    ResponseOptions,
    RetrieveItem,
    TruncateItem,
    UpdateSession,
    UpdateTranscription,
)
from wire.dialect import Dialect, GADialect
from wire.envelope import error_event, new_id, server_event
from wire.errors import ProtocolError
from wire.long_strings import cut_long, put_back
from wire.reading import decode_audio

WINDOW_MS = 32
"""The grid on which offsets are announced (§E)."""


class RealtimeSession:
    """The state of one session.

    Every method returns the effects of what it was told, in order. Reports about items and
    responses that are gone, or over, have none.
    """

    def __init__(self, config: SessionConfig, dialect: Dialect | None = None) -> None:
        """Start a session.

        Args:
            config: Its settings.
            dialect: How its client writes; None: GA.
        """
        self._dialect = dialect or GADialect(config.kind)
        self._append_shape = AppendShape()
        self.config = config
        self.conversation = Conversation(new_id("conv"), config.kept_audio_ms)
        self.turns = InputTurns(lambda: new_id("item"))
        self.responses = Responses(config, self.conversation, self)
        self._transcription = Transcription(self.conversation, self.responses)
        self._quiet_from_ms: int | None = None
        """Where the user's silence after the last answer begins; None while it does not count."""

    def end(self) -> None:
        """Let go of all audio: the session is over.

        Its objects refer to each other, so they are found only when the garbage collector looks at
        the old ones. It counts objects, and these are few for the megabytes they hold.
        """
        self.conversation.forget_audio()
        self.turns.clear()

    # --- the client ------------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Greet the client (§B.1)."""
        detection = self.config.turn_detection
        self._set_turn_mode()
        return [
            Send(server_event("session.created", session=self.config.wire())),
            SetTurnDetection(detection),
        ]

    def receive_audio(self, raw: str) -> bytes | None:
        """Return what an append writes that looks like those before; None: `receive` must see."""
        audio = self._append_shape.read(raw)
        if audio is None or self.config.turn_detection is not None:
            return audio
        try:
            return self._may_append(audio)
        except ProtocolError:
            # `receive` tells the client.
            return None

    def receive(self, raw: str) -> Steps[tuple[list[Effect], bytes]]:
        """Take one text frame from the client, a long one in steps (`flow/steps.py`).

        Returns:
            The effects, and the audio that the frame carried: 24 kHz PCM in whole samples, for
            the turn detector. Its verdict comes back by `speech_started` and `speech_stopped`.
        """
        event_id = None
        try:
            limit = self.config.limits.event_kib * 1024
            light, cut = yield from cut_long(raw, limit)
            event = self._dialect.parse(light)
            event_id = event.event_id
            if cut:
                yield from put_back(event, cut, limit)
            if isinstance(event, AppendAudio):
                if event_id is None:
                    self._append_shape.learn(raw, event.audio)
                return [], self._may_append(decode_audio(event.audio))
            effects = self._handlers[type(event)](self, event)
            yield from self.turns.set_format(self.config.input_format)
            return effects, b""
        except ProtocolError as error:
            return [Send(error_event(error.answering(error.event_id or event_id)))], b""

    def _may_append(self, audio: bytes) -> bytes:
        # Detected turns are ended at the limit instead: there may be any number in one append.
        if self.config.turn_detection is None:
            added_ms = len(audio) / self.turns.format.bytes_per_ms
            check_buffer(self.config.limits, self.turns.buffered_ms, added_ms)
        return audio

    def append(self, audio: bytes) -> tuple[list[Effect], bytes]:
        """Write audio of an `input_audio_buffer.append` (§A.2).

        Returns:
            The effects, and the whole samples that were written.
        """
        written, opened = self.turns.append(audio)
        effects: list[Effect] = []
        if opened is not None:
            effects.append(
                HearTurn(
                    opened.item_id,
                    written,
                    self.turns.format,
                    self.config.transcription_settings,
                )
            )
        if self.turns.open is not None:
            effects += self._check_length()
        if self._quiet_from_ms is not None:
            effects += self._check_idle(self._quiet_from_ms)
        return effects, written

    def _check_length(self) -> list[Effect]:
        """End a detected turn that is as long as may be; what follows is a turn of its own."""
        if self.config.turn_detection is None:
            return []
        if self.turns.buffered_ms < self.config.limits.buffered_audio_s * 1000:
            return []
        end_ms = int(self.turns.written_ms) // WINDOW_MS * WINDOW_MS
        return [*self.speech_stopped(end_ms), ResetTurnDetection()]

    def _check_idle(self, start_ms: int) -> list[Effect]:
        """Answer a user who has been silent for `idle_timeout_ms` of audio (§B.12)."""
        detection = self.config.turn_detection
        timeout_ms = detection and detection.get("idle_timeout_ms")
        if not timeout_ms or self.turns.open is not None:
            return []
        if self.turns.written_ms < start_ms + timeout_ms:
            return []
        start_ms, end_ms = (ms // WINDOW_MS * WINDOW_MS for ms in (start_ms, start_ms + timeout_ms))
        turn = ClosedTurn(new_id("item"), self.turns.silence(start_ms, end_ms))
        triggered = server_event(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=start_ms,
            audio_end_ms=end_ms,
            item_id=turn.item_id,
        )
        audio = self._audio(turn)
        audio.read_as(SILENCE)
        effects = self._commit_item(turn.item_id, audio)
        return [Send(triggered), *effects, *self.responses.answer(turn.item_id)]

    def expire(self) -> list[Effect]:
        """End the session: its time is up (§D.7)."""
        message = f"Your session hit the maximum duration of {self.config.limit_minutes:g} minutes."
        error = ProtocolError("session_expired", message)
        return [Send(error_event(error)), Close(1001, message)]

    def _close(self, _event: CloseSession) -> list[Effect]:
        return [Close(1000, "")]

    def _update_session(self, event: UpdateSession | UpdateTranscription) -> list[Effect]:
        before = self.config.turn_detection
        noise_before = self.config.noise_reduction
        self.config.apply(event.session, voice_locked=self.conversation.has_assistant_audio)
        after = self.config.turn_detection
        effects: list[Effect] = [Send(server_event("session.updated", session=self.config.wire()))]
        if self.config.input_format != self.turns.format:
            effects.append(SetInputFormat(self.config.input_format))
        if self.config.noise_reduction != noise_before:
            effects.append(SetNoiseReduction(self.config.noise_reduction))
        if after != before:
            # An update that leaves turn detection alone must not disturb speech in progress.
            abandoned = self._set_turn_mode()
            if abandoned is not None:
                self._transcription.forget(abandoned)
                effects.append(ForgetTurn(abandoned))
            effects.append(SetTurnDetection(after))
        return effects

    def _set_turn_mode(self) -> str | None:
        abandoned = self.turns.set_mode(self.config.prefix_padding_ms)
        return abandoned.item_id if abandoned else None

    def _commit(self, _event: CommitAudio) -> list[Effect]:
        check_items(self.config.limits, len(self.conversation))
        detected = self.config.turn_detection is not None
        turn = self.turns.commit()
        effects = self._committed(turn)
        return [ResetTurnDetection(), *effects] if detected else effects

    def _clear(self, _event: ClearAudio) -> list[Effect]:
        abandoned = self.turns.clear()
        effects: list[Effect] = [Send(server_event("input_audio_buffer.cleared"))]
        if abandoned is not None:
            self._transcription.forget(abandoned.item_id)
            effects.append(ForgetTurn(abandoned.item_id))
        effects.append(ResetTurnDetection())
        return effects

    def _create_item(self, event: CreateItem) -> list[Effect]:
        check_items(self.config.limits, len(self.conversation))
        if isinstance(event.item, FunctionCallOutput):
            self.conversation.check_tool_output(event.item.call_id)
        item = build_item(event.item, self.config.input_format, self.config.capabilities)
        if self.turns.open is not None and item.id == self.turns.open.item_id:
            raise duplicate_item(item.id)
        previous = self.conversation.insert(item, event.previous_item_id)
        return [*self._item_is_complete(item, previous), *transcribe(item, self.config)]

    def _retrieve_item(self, event: RetrieveItem) -> list[Effect]:
        item = self.conversation.get(event.item_id)
        if item is None:
            raise ProtocolError(
                "item_retrieve_invalid_item_id",
                f"Error retrieving item: the item with id '{event.item_id}' does not exist.",
            )
        wire = item.wire(with_audio=True)
        return [Send(server_event("conversation.item.retrieved", item=wire))]

    def _delete_item(self, event: DeleteItem) -> list[Effect]:
        self.conversation.delete(event.item_id)
        deleted = Send(server_event("conversation.item.deleted", item_id=event.item_id))
        self._transcription.forget(event.item_id)
        return [deleted, *self.responses.item_deleted(event.item_id)]

    def _truncate_item(self, event: TruncateItem) -> list[Effect]:
        self.conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
        return [
            Send(
                server_event(
                    "conversation.item.truncated",
                    item_id=event.item_id,
                    content_index=event.content_index,
                    audio_end_ms=event.audio_end_ms,
                )
            )
        ]

    def _create_response(self, event: CreateResponse) -> list[Effect]:
        if self.config.kind == "transcription":
            raise ProtocolError(None, "Cannot create a response on a transcription session")
        return self.responses.create(event.response or ResponseOptions())

    def _cancel_response(self, event: CancelResponse) -> list[Effect]:
        return self.responses.cancel(event.response_id)

    _handlers: ClassVar[dict[type[ClientEvent], Callable[[RealtimeSession, Any], list[Effect]]]] = {
        UpdateSession: _update_session,
        UpdateTranscription: _update_session,
        CloseSession: _close,
        CommitAudio: _commit,
        ClearAudio: _clear,
        CreateItem: _create_item,
        RetrieveItem: _retrieve_item,
        DeleteItem: _delete_item,
        TruncateItem: _truncate_item,
        CreateResponse: _create_response,
        CancelResponse: _cancel_response,
    }

    # --- the turn detector -----------------------------------------------------------------

    def speech_started(self, onset_ms: int) -> list[Effect]:
        """The detector heard speech from `onset_ms` on (§B.3, B.5)."""
        detection = self.config.turn_detection
        if detection is None or self.turns.open is not None:
            return []
        turn = self.turns.speech_started(onset_ms)
        self._quiet_from_ms = None
        effects: list[Effect] = [
            Send(
                server_event(
                    "input_audio_buffer.speech_started",
                    audio_start_ms=turn.start_ms,
                    item_id=turn.item_id,
                )
            ),
            HearTurn(
                turn.item_id,
                self.turns.heard_so_far(),
                self.turns.format,
                self.config.transcription_settings,
            ),
        ]
        if self.config.kind == "realtime" and detection["interrupt_response"]:
            effects += self.responses.interrupt()
        return effects

    def speech_stopped(self, end_ms: int) -> list[Effect]:
        """The detector heard enough silence, up to `end_ms`: the turn is over (§B.3)."""
        detection = self.config.turn_detection
        if detection is None or self.turns.open is None:
            return []
        turn = self.turns.speech_stopped(end_ms)
        stopped = Send(
            server_event(
                "input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=turn.item_id
            )
        )
        effects = [stopped, *self._committed(turn)]
        if self.config.kind == "realtime" and detection["create_response"]:
            effects += self.responses.answer(turn.item_id)
        return effects

    def preview_answer(self, item_id: str, text: str) -> ResponseRequest | None:
        """Return what would be asked of the model if the open turn ended now and said `text`.

        None where there would be no answer, or not at once. Nothing changes.
        """
        detection = self.config.turn_detection
        turn = self.turns.open
        if turn is None or turn.item_id != item_id or detection is None:
            return None
        if self.config.kind != "realtime" or not detection["create_response"]:
            return None
        return self.responses.preview(UserMessage(item_id, [InputText(text)]))

    # --- the recogniser --------------------------------------------------------------------

    def transcript_so_far(self, item_id: str, text: str) -> list[Effect]:
        """The recogniser understood `text` of a turn that may not be committed yet (§B.3)."""
        is_open = self.turns.open is not None and self.turns.open.item_id == item_id
        return self._transcription.so_far(item_id, text, is_open=is_open)

    def transcript(self, item_id: str, text: str) -> list[Effect]:
        """The recogniser understood a committed turn (§B.3)."""
        return self._transcription.completed(item_id, text)

    def transcription_failed(self, item_id: str, error: ProviderError) -> list[Effect]:
        """The recogniser could not transcribe a committed turn; responses to it fail (§B.10)."""
        return self._transcription.failed(item_id, error)

    # --- the responses (responses.Listener) ---------------------------------------------------

    def answer_opened(self) -> None:
        """An answer begins: the user's silence does not count."""
        self._quiet_from_ms = None

    def answer_finished(self, audio_ms: float) -> None:
        """An answer ended; the user's silence begins when the client has played it."""
        self._quiet_from_ms = int(self.turns.written_ms + audio_ms)

    def go_away(self) -> list[Effect]:
        """End the session: the server stops. Clients of the service reconnect on this code."""
        return [Close(1001, "The server is shutting down.")]

    # --- turns ----------------------------------------------------------------

    def _committed(self, turn: ClosedTurn) -> list[Effect]:
        audio = self._audio(turn)
        effects = self._commit_item(turn.item_id, audio)
        self._quiet_from_ms = None
        if self.config.kind == "transcription" and self.config.transcription is None:
            # Nobody reads a transcript: there are no responses, and no events for it (§B.11).
            audio.unwanted()
            return [*effects, ForgetTurn(turn.item_id)]
        settings = self.config.transcription_settings
        return [*effects, Transcribe(turn.item_id, turn.audio, audio.format, settings)]

    def _audio(self, turn: ClosedTurn) -> UserAudio:
        announced = self.config.transcription is not None
        return UserAudio(self.turns.format, bytearray(turn.audio), announced=announced)

    def _commit_item(self, item_id: str, audio: UserAudio) -> list[Effect]:
        item = UserMessage(item_id, [audio])
        previous = self.conversation.insert(item)
        committed = server_event(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=item.id
        )
        return [
            Send(committed),
            *self._item_is_complete(item, previous),
            *self._transcription.delta(item),
        ]

    def _item_is_complete(self, item: Item, previous: str | None) -> list[Effect]:
        wire = item.wire()
        return [
            Send(server_event(f"conversation.item.{step}", previous_item_id=previous, item=wire))
            for step in ("added", "done")
        ]
