"""One session without I/O: client events and pipeline reports in, effects out.

The session owns three state machines: the turn being spoken (`input_turns.py`), the responses
(`response.py`) and the conversation (`conversation.py`). It never awaits, sleeps or reads a
clock, so the whole protocol can be tested in microseconds and driven by any transport.
Section numbers are those of the Realtime protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from audio_format import AudioFormat
from client_events import (
    AppendAudio,
    BetaResponseOptions,
    CancelResponse,
    ClearAudio,
    ClientEvent,
    CloseSession,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    FunctionCallOutput,
    ItemReference,
    ResponseAudioOutput,
    ResponseOptions,
    RetrieveItem,
    TruncateItem,
    UpdateSession,
    UpdateTranscription,
)
from client_items import build_item
from context_window import ContextTooLong, fit
from conversation import Conversation, Item, duplicate_item, render_messages
from dialect import Dialect, GADialect
from effects import (
    Close,
    Effect,
    ForgetTurn,
    Generate,
    HearTurn,
    ResetTurnDetection,
    Send,
    SetInputFormat,
    SetNoiseReduction,
    SetTurnDetection,
    StopGenerating,
    Transcribe,
)
from generation import SILENCE, FinishReason, ProviderError, ResponseRequest, TokenUsage
from input_turns import ClosedTurn, InputTurns
from protocol import (
    ServerEvent,
    decode_audio,
    error_event,
    new_id,
    server_event,
)
from response import CancelReason, Response, ResponseSpec
from session_config import SessionConfig, tool_echo
from validation import ProtocolError

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
        self.config = config
        self.conversation = Conversation(new_id("conv"))
        self.turns = InputTurns(lambda: new_id("item"))
        self._responses: dict[str, Response] = {}
        self._waiting: list[Response] = []
        """Responses that need transcripts which are not there yet."""
        self._turn_due: str | None = None
        """The user item of a turn that ended while a response was running (§B.5)."""
        self._quiet_from_ms: int | None = None
        """Where the user's silence after the last answer begins; None while it does not count."""

    # --- the client ------------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Greet the client (§B.1)."""
        detection = self.config.turn_detection
        self._set_turn_mode()
        return [
            Send(server_event("session.created", session=self.config.wire())),
            SetTurnDetection(detection),
        ]

    def receive(self, raw: str) -> tuple[list[Effect], bytes]:
        """Take one text frame from the client.

        Returns:
            The effects, and the audio that the frame carried: 24 kHz PCM in whole samples, for
            the turn detector. Its verdict comes back by `speech_started` and `speech_stopped`.
        """
        event_id = None
        try:
            event = self._dialect.parse(raw)
            event_id = event.event_id
            if isinstance(event, AppendAudio):
                return [], decode_audio(event.audio)
            return self._handlers[type(event)](self, event), b""
        except ProtocolError as error:
            return [Send(error_event(error.answering(error.event_id or event_id)))], b""

    def append(self, audio: bytes) -> tuple[list[Effect], bytes]:
        """Write audio of an `input_audio_buffer.append` (§A.2).

        Returns:
            The effects, and the whole samples that were written.
        """
        written, opened = self.turns.append(audio)
        effects: list[Effect] = []
        if opened is not None:
            effects.append(HearTurn(opened.item_id, written, self.turns.format))
        return effects + self._check_idle(), written

    def _check_idle(self) -> list[Effect]:
        """Answer a user who has been silent for `idle_timeout_ms` of audio (§B.12)."""
        detection = self.config.turn_detection
        timeout_ms = detection and detection.get("idle_timeout_ms")
        start_ms = self._quiet_from_ms
        if start_ms is None or not timeout_ms or self.turns.open is not None:
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
        item, effects = self._commit_item(turn)
        item.transcript_state = "done"
        item.heard = SILENCE
        return [Send(triggered), *effects, *self._open_response(self._spec(ResponseOptions()))]

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
            self.turns.set_format(self.config.input_format)
            effects.append(SetInputFormat(self.config.input_format))
        if self.config.noise_reduction != noise_before:
            effects.append(SetNoiseReduction(self.config.noise_reduction))
        if after != before:
            # An update that leaves turn detection alone must not disturb speech in progress.
            abandoned = self._set_turn_mode()
            if abandoned is not None:
                effects.append(ForgetTurn(abandoned))
            effects.append(SetTurnDetection(after))
        return effects

    def _set_turn_mode(self) -> str | None:
        abandoned = self.turns.set_mode(self.config.prefix_padding_ms)
        return abandoned.item_id if abandoned else None

    def _commit(self, _event: CommitAudio) -> list[Effect]:
        detected = self.config.turn_detection is not None
        turn = self.turns.commit()
        effects = self._committed(turn)
        return [ResetTurnDetection(), *effects] if detected else effects

    def _clear(self, _event: ClearAudio) -> list[Effect]:
        abandoned = self.turns.clear()
        effects: list[Effect] = [Send(server_event("input_audio_buffer.cleared"))]
        if abandoned is not None:
            effects.append(ForgetTurn(abandoned.item_id))
        effects.append(ResetTurnDetection())
        return effects

    def _create_item(self, event: CreateItem) -> list[Effect]:
        if isinstance(event.item, FunctionCallOutput):
            self.conversation.check_tool_output(event.item.call_id)
        item = build_item(event.item, self.config.input_format, self.config.capabilities)
        if self.turns.open is not None and item.id == self.turns.open.item_id:
            raise duplicate_item(item.id)
        previous = self.conversation.insert(item, event.previous_item_id)
        return [*self._item_is_complete(item, previous), *self._transcribe(item)]

    def _transcribe(self, item: Item) -> list[Effect]:
        """Ask for the transcript of audio that came in an item."""
        if item.transcript_state != "pending":
            return []
        settings = self.config.transcription_settings
        return [Transcribe(item.id, bytes(item.audio), item.format, settings)]

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
        if self._turn_due == event.item_id:
            self._turn_due = None
        deleted = Send(server_event("conversation.item.deleted", item_id=event.item_id))
        return [deleted, *self._start_ready_responses()]

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
        options = event.response or ResponseOptions()
        in_conversation = options.conversation != "none"
        active = self._active_response()
        if in_conversation and active is not None:
            raise ProtocolError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{active.id}. Wait until the response is finished before creating a new one.",
            )
        spec = self._spec(options, in_conversation=in_conversation)
        own = [item for item in spec.input or [] if self.conversation.get(item.id) is not item]
        effects = self._open_response(spec)
        return effects + [effect for item in own for effect in self._transcribe(item)]

    def _cancel_response(self, event: CancelResponse) -> list[Effect]:
        response = (
            self._responses.get(event.response_id) if event.response_id else self._active_response()
        )
        if response is None:
            raise ProtocolError(
                "response_cancel_not_active", "Cancellation failed: no active response found"
            )
        return self._cancel(response, "client_cancelled")

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
            HearTurn(turn.item_id, self.turns.heard_so_far(), self.turns.format),
        ]
        active = self._active_response()
        if active is not None and detection["interrupt_response"]:
            # The user goes on: the answer to the turn before waits for the end of this one.
            self._turn_due = None
            effects += self._cancel(active, "turn_detected")
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
            if self._active_response() is None:
                effects += self._answer(turn.item_id)
            else:
                self._turn_due = turn.item_id
        return effects

    # --- the recogniser --------------------------------------------------------------------

    def transcript(self, item_id: str, text: str) -> list[Effect]:
        """The recogniser understood a committed turn (§B.3)."""
        item = self._pending(item_id)
        if item is None:
            return []
        item.content[item.audio_index]["transcript"] = text
        item.transcript_state = "done"
        effects: list[Effect] = []
        if item.announced:
            prefix = "conversation.item.input_audio_transcription"
            seconds = round(item.audio_ms / 1000, 3)
            if text:
                effects.append(
                    Send(
                        server_event(
                            f"{prefix}.delta",
                            item_id=item_id,
                            content_index=item.audio_index,
                            delta=text,
                        )
                    )
                )
            effects.append(
                Send(
                    server_event(
                        f"{prefix}.completed",
                        item_id=item_id,
                        content_index=item.audio_index,
                        transcript=text,
                        usage={"type": "duration", "seconds": seconds},
                    )
                )
            )
        return effects + self._start_ready_responses()

    def transcription_failed(self, item_id: str, error: ProviderError) -> list[Effect]:
        """The recogniser could not transcribe a committed turn; responses to it fail (§B.10)."""
        item = self._pending(item_id)
        if item is None:
            return []
        item.transcript_state = "failed"
        effects: list[Effect] = []
        if item.announced:
            effects.append(
                Send(
                    server_event(
                        "conversation.item.input_audio_transcription.failed",
                        item_id=item_id,
                        content_index=item.audio_index,
                        error={
                            "type": error.type,
                            "code": error.code,
                            "message": error.message,
                        },
                    )
                )
            )
        for response in [r for r in self._waiting if item in r.context]:
            effects += self._events(response, response.fail(error))
        return effects + self._start_ready_responses()

    def _pending(self, item_id: str) -> Item | None:
        known = [*self.conversation, *(item for r in self._waiting for item in r.context)]
        return next(
            (item for item in known if item.id == item_id and item.transcript_state == "pending"),
            None,
        )

    # --- the response pipelines (generation.PipelineSignals, with effects) -------------------

    def response_text(self, response_id: str, delta: str) -> list[Effect]:
        """The model wrote `delta`."""
        return self._report(response_id, lambda response: response.text(delta))

    def response_speaking(self, response_id: str, text: str) -> list[Effect]:
        """The audio that follows speaks `text`."""
        response = self._responses.get(response_id)
        if response is not None:
            response.speaking(text)
        return []

    def response_audio(self, response_id: str, pcm: bytes) -> list[Effect]:
        """The voice made audio: 24 kHz PCM."""
        return self._report(response_id, lambda response: response.audio(pcm))

    def response_tool_call(
        self, response_id: str, index: int, call_id: str, name: str, arguments: str
    ) -> list[Effect]:
        """The model continued a tool call."""
        return self._report(
            response_id, lambda response: response.tool_call(index, call_id, name, arguments)
        )

    def response_finished(
        self, response_id: str, reason: FinishReason, usage: TokenUsage | None
    ) -> list[Effect]:
        """The pipeline of a response is through."""
        return self._report(response_id, lambda response: response.finish(reason, usage))

    def response_failed(self, response_id: str, error: ProviderError) -> list[Effect]:
        """A stage of a response failed."""
        return self._report(response_id, lambda response: response.fail(error))

    def _report(
        self, response_id: str, step: Callable[[Response], list[ServerEvent]]
    ) -> list[Effect]:
        response = self._responses.get(response_id)
        return self._events(response, step(response)) if response is not None else []

    def is_active(self, response_id: str) -> bool:
        """Whether the response is still to be finished."""
        return response_id in self._responses

    # --- turns and responses ----------------------------------------------------------------

    def _committed(self, turn: ClosedTurn) -> list[Effect]:
        item, effects = self._commit_item(turn)
        self._quiet_from_ms = None
        if self.config.kind == "transcription" and self.config.transcription is None:
            # Nobody reads a transcript: there are no responses, and no events for it (§B.11).
            item.transcript_state = "none"
            return [*effects, ForgetTurn(item.id)]
        settings = self.config.transcription_settings
        return [*effects, Transcribe(item.id, turn.audio, item.format, settings)]

    def _commit_item(self, turn: ClosedTurn) -> tuple[Item, list[Effect]]:
        item = Item(
            turn.item_id,
            "message",
            role="user",
            content=[{"type": "input_audio", "transcript": None}],
            audio=bytearray(turn.audio),
            format=self.turns.format,
            transcript_state="pending",
            announced=self.config.transcription is not None,
        )
        previous = self.conversation.insert(item)
        committed = server_event(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=item.id
        )
        return item, [Send(committed), *self._item_is_complete(item, previous)]

    def _item_is_complete(self, item: Item, previous: str | None) -> list[Effect]:
        wire = item.wire()
        return [
            Send(server_event(f"conversation.item.{step}", previous_item_id=previous, item=wire))
            for step in ("added", "done")
        ]

    def _active_response(self) -> Response | None:
        return next((r for r in self._responses.values() if r.spec.in_conversation), None)

    def _spec(self, options: ResponseOptions, *, in_conversation: bool = True) -> ResponseSpec:
        config = self.config
        output = options.audio.output if options.audio else None
        voice = output.voice if output and output.voice is not None else config.voice
        if voice != config.voice:
            locked = in_conversation and self.conversation.has_assistant_audio
            config.check_voice(voice, "response.audio.output.voice", locked=locked)
        choice = options.tool_choice
        return ResponseSpec(
            id=new_id("resp"),
            modalities=list(options.output_modalities or config.output_modalities),
            voice=voice,
            format=self._output_format(output),
            speed=config.speed,
            instructions=(
                config.instructions if options.instructions is None else options.instructions
            ),
            tools=(
                config.tools
                if options.tools is None
                else [tool_echo(tool.model_dump()) for tool in options.tools]
            ),
            tool_choice=(
                config.tool_choice
                if choice is None
                else choice
                if isinstance(choice, str)
                else choice.model_dump()
            ),
            max_output_tokens=options.max_output_tokens or config.max_output_tokens,
            reasoning_effort=config.reasoning_effort(options.reasoning),
            parallel_tool_calls=(
                config.parallel_tool_calls
                if options.parallel_tool_calls is None
                else options.parallel_tool_calls
            ),
            temperature=self._temperature(options),
            metadata=options.metadata,
            in_conversation=in_conversation,
            input=None if options.input is None else self._resolve(options.input),
        )

    def _temperature(self, options: ResponseOptions) -> float | None:
        asked = options.temperature if isinstance(options, BetaResponseOptions) else None
        return self.config.temperature if asked is None else asked

    def _output_format(self, output: ResponseAudioOutput | None) -> AudioFormat:
        if output is None or output.format is None:
            return self.config.output_format
        return AudioFormat(output.format.type)

    def _resolve(self, inputs: list[Any]) -> list[Item]:
        items: list[Item] = []
        for index, given in enumerate(inputs):
            if isinstance(given, ItemReference):
                item = self.conversation.get(given.id)
                if item is None:
                    raise ProtocolError(
                        "invalid_value",
                        f"The item with id '{given.id}' does not exist.",
                        f"response.input[{index}].id",
                    )
                items.append(item)
            else:
                path = f"response.input[{index}]"
                config = self.config
                items.append(build_item(given, config.input_format, config.capabilities, path))
        return items

    def _answer(self, item_id: str) -> list[Effect]:
        spec = self._spec(ResponseOptions())
        spec.answers = item_id
        return self._open_response(spec)

    def _open_response(self, spec: ResponseSpec) -> list[Effect]:
        context = self.conversation if spec.input is None else spec.input
        response = Response(spec, self.conversation, list(context))
        self._responses[response.id] = response
        if spec.in_conversation:
            self._quiet_from_ms = None
        self._waiting.append(response)
        effects: list[Effect] = [Send(event) for event in response.created()]
        return effects + self._start_ready_responses()

    def _start_ready_responses(self) -> list[Effect]:
        effects: list[Effect] = []
        for response in list(self._waiting):
            context = response.context
            if response not in self._waiting or any(
                item.transcript_state == "pending" for item in context
            ):
                continue
            self._waiting.remove(response)
            spec = response.spec
            if any(item.id == spec.answers and not item.text for item in context):
                # The detector took a noise for a turn: there is nothing to answer.
                effects += self._events(response, response.finish("stop", None))
                continue
            config = self.config
            try:
                response.context = context = fit(
                    context, spec.instructions, config.truncation, config.context_tokens
                )
            except ContextTooLong as too_long:
                effects += self._events(response, response.fail(too_long.error))
                continue
            limit = spec.max_output_tokens
            response.started = True
            effects.append(
                Generate(
                    ResponseRequest(
                        response_id=response.id,
                        instructions=spec.instructions,
                        messages=render_messages(context),
                        tools=spec.tools,
                        tool_choice=spec.tool_choice,
                        max_output_tokens=limit if isinstance(limit, int) else None,
                        reasoning_effort=spec.reasoning_effort,
                        parallel_tool_calls=spec.parallel_tool_calls,
                        temperature=spec.temperature,
                        voice=spec.voice,
                        speed=spec.speed,
                        spoken=spec.spoken,
                    )
                )
            )
        return effects

    def _cancel(self, response: Response, reason: CancelReason) -> list[Effect]:
        return self._events(response, response.cancel(reason))

    def _events(self, response: Response, events: list[ServerEvent]) -> list[Effect]:
        effects: list[Effect] = [Send(event) for event in events]
        if response.active:
            return effects
        del self._responses[response.id]
        if response.spec.in_conversation:
            # The client plays what it got; its user's silence begins when that is over.
            self._quiet_from_ms = int(self.turns.written_ms + response.audio_ms)
        if response in self._waiting:
            self._waiting.remove(response)
        else:
            effects.append(StopGenerating(response.id))
        if self._turn_due is not None and self._active_response() is None:
            item_id, self._turn_due = self._turn_due, None
            effects += self._answer(item_id)
        return effects
