"""One session without I/O: client events, audio, decisions and reports in, effects out.

The front door of `session/`, where its state machines are: the input buffer with the open turn, the
conversation, the responses. It never awaits, sleeps or reads a clock, and knows no text frames,
base64 or close codes, so that the whole protocol can be tested in microseconds and driven by any
peer. Section numbers are those of `docs/wire.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from audio.clip import Clip
from audio.pcm import duration_ms
from flow.steps import Steps, at_once
from session.conversation import Conversation, duplicate_item
from session.decisions import Decision, SpeechStarted
from session.effects import Close, Effect, HearAs, NoteEcho, Send, To
from session.input_buffer import InputBuffer
from session.item_input import build_item, transcribe
from session.items import Item
from session.keeping import Resumption
from session.limits import check_items
from session.mcp_items import McpApprovalResponse
from session.mcp_tools import McpTools
from session.own_words import OwnWords
from session.playback import Clock, playback
from session.ports import CloseReason
from session.reports import (
    AudioMade,
    ClauseSpoken,
    McpCallCompleted,
    McpCallFailed,
    McpListChanged,
    McpListFailed,
    McpToolsListed,
    PlaybackDrained,
    PlaybackStarted,
    Report,
    ResponseReport,
    TurnFailed,
    TurnGuessed,
    TurnSoFar,
    TurnUnderstood,
)
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig
from session.transcription import Transcription
from session.turn_taking import TurnTaking
from session.user_silence import UserSilence
from session.user_turns import item_is_complete
from wire.client_events import (
    CancelResponse,
    ClearAudio,
    ClearOutput,
    CloseSession,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    RetrieveItem,
    SessionEvent,
    TruncateItem,
    UpdateSession,
    UpdateTranscription,
)
from wire.envelope import error_event, new_id
from wire.errors import ProtocolError
from wire.item_fields import FunctionCallOutputFields
from wire.response_fields import ResponseOptions
from wire.session_events import (
    ItemDeleted,
    ItemRetrieved,
    ItemTruncated,
    SessionCreated,
    SessionUpdated,
)


class RealtimeSession:
    """The state of one session.

    Methods return effects, in the order in which they are to be carried out. Reports about items
    and responses that are deleted or over have no effects.
    """

    def __init__(self, config: SessionConfig, resumed: Resumption | None = None) -> None:
        """Start a session.

        Args:
            config: The session's settings, which updates change.
            resumed: What it goes on from (§D.10); None: it is a new one.
        """
        self._config = config
        self._resumed = resumed
        conversation_id = new_id("conv") if resumed is None else resumed.conversation_id
        self._conversation = Conversation(conversation_id, config.kept_audio_ms)
        self._buffer = InputBuffer(lambda: new_id("item"))
        silence = UserSilence(self._buffer)
        self._clock = Clock()
        self._playback = playback(
            config.media,
            self._conversation,
            silence,
            lambda: self._buffer.written_ms,
            self._clock,
        )
        self._tools = McpTools(config, self._conversation)
        self._responses = ResponseScheduler(config, self._conversation, self._tools, self._playback)
        self._transcription = Transcription(self._conversation, self._responses)
        self._turns = TurnTaking(
            config,
            self._conversation,
            self._buffer,
            silence,
            self._responses,
            self._playback,
            self._transcription,
        )
        self._own_words = OwnWords()
        self._leaving = False

    @property
    def lifetime_s(self) -> float:
        """Seconds after which the caller is to call `expire`."""
        if self._resumed is not None:
            return self._resumed.lifetime_s
        return 60 * self._config.limit_minutes

    def kept(self) -> tuple[str, Iterable[Item]]:
        """Return the id of the conversation and its items, for who resumes the session (§D.10)."""
        return self._conversation.id, self._conversation

    def end(self) -> None:
        """Release all audio of a session that is over.

        Its objects refer to each other, so that only the garbage collector frees them. It runs by
        the number of objects, and these are few for the megabytes that they hold.
        """
        self._conversation.forget_audio()
        self._buffer.clear()

    # --- the client ------------------------------------------------------------------------

    def open(self) -> list[Effect]:
        """Begin the session: `session.created` (§B.1)."""
        effects: list[Effect] = [Send(SessionCreated(session=self._config.wire()))]
        for item in () if self._resumed is None else self._resumed.items:
            effects += item_is_complete(item, self._conversation.insert(item))
        # A client secret may have settings of its own, which count from the first append on (§D.1).
        hears = HearAs(self._config.input_format, self._config.noise_reduction)
        if hears != HearAs(self._buffer.format, None):
            at_once(self._turns.set_format())
            effects.append(hears)
        return [*effects, *self._turns.set_detection(), *self._need_tools()]

    def take(self, event: SessionEvent) -> Steps[list[Effect]]:
        """Take a client event, in steps where that takes long (`flow/steps.py`).

        The event's record names the method below that handles it (`SessionEvent.handler`).
        """
        detection = self._config.turn_detection
        try:
            effects: list[Effect] = getattr(self, event.handler)(event)
        except ProtocolError as error:
            answer = error.answering(error.event_id or event.event_id)
            return [Send(error_event(answer), To.ASKER)]
        yield from self._turns.set_format()
        if self._config.turn_detection != detection:
            # An update that leaves turn detection alone must not disturb speech in progress.
            effects += self._turns.set_detection()
        return self._settled(effects)

    def refuse_append(self, length: int, event_id: str | None) -> list[Effect]:
        """Refuse an append that would exceed the limit of uncommitted audio (§D.8).

        Args:
            length: Bytes of audio in the event.
            event_id: The client's id of the event, for the error.

        Returns:
            The error to send; empty: the append is accepted.
        """
        return self._turns.refuse_append(length, event_id)

    def append(self, audio: bytes) -> tuple[list[Effect], bytes]:
        """Write audio of an `input_audio_buffer.append` (§A.2).

        Args:
            audio: In the session's input format; half a sample at the end waits for the next.

        Returns:
            The effects, and the whole samples written, for the turn detector. Its decisions on
            them come back by `heard`.
        """
        effects, written = self._turns.append(audio)
        return (self._settled(effects) if effects else effects), written

    def file_came(self) -> None:
        """Take what is appended next as part of a file (§A.2)."""
        self._turns.file_came()

    def file_over(self) -> list[Effect]:
        """Answer the turns of a file: nothing more of it comes."""
        return self._settled(self._turns.file_over())

    def heard(self, decision: Decision) -> list[Effect]:
        """Take a decision of the turn detector (§B.3, B.5)."""
        effects = self._turns.heard(decision)
        if isinstance(decision, SpeechStarted) and self._buffer.open is not None:
            self._own_words.turn_began(self._buffer.open.item_id, decision.onset_ms)
        return self._settled(effects)

    def recent_speech(self, last_ms: int, until_ms: int) -> Clip:
        """Return the open turn up to an offset, at most `last_ms` milliseconds of it."""
        return self._turns.recent_speech(last_ms, until_ms)

    def at(self, ms: float) -> None:
        """Take the time, by any clock that runs on: what happens next happens then."""
        self._clock.ms = ms

    def played(self, item_id: str, played_ms: float) -> None:
        """Note that `played_ms` milliseconds of an assistant message were played (§B.5)."""
        self._conversation.played(item_id, played_ms)

    def expire(self) -> list[Effect]:
        """End the session at the end of its lifetime (§D.7)."""
        message = (
            f"Your session hit the maximum duration of {self._config.limit_minutes:g} minutes."
        )
        error = ProtocolError("session_expired", message)
        return [Send(error_event(error)), Close(CloseReason.EXPIRED, message)]

    def close_session(self, _event: CloseSession) -> list[Effect]:
        """End the session, as the client asked (§A.0)."""
        return [Close(CloseReason.CLIENT_DONE)]

    def update_session(self, event: UpdateSession | UpdateTranscription) -> list[Effect]:
        """Change the settings (§A.1)."""
        noise_before = self._config.noise_reduction
        names_tools = isinstance(event, UpdateSession) and event.session.tools is not None
        self._config.apply(event.session, voice_locked=self._conversation.has_assistant_audio)
        effects: list[Effect] = [Send(SessionUpdated(session=self._config.wire()))]
        input_format, noise = self._config.input_format, self._config.noise_reduction
        if (input_format, noise) != (self._buffer.format, noise_before):
            effects.append(HearAs(input_format, noise))
        return effects + (self._need_tools() if names_tools else [])

    def _need_tools(self) -> list[Effect]:
        """Ask the MCP servers among the session's tools what they have (§B.13)."""
        if self._config.kind == "transcription":
            return []
        return self._tools.lists.need(self._config.tools)

    def commit_audio(self, _event: CommitAudio) -> list[Effect]:
        """Commit the open turn (§A.3)."""
        return self._turns.commit()

    def clear_audio(self, _event: ClearAudio) -> list[Effect]:
        """Drop the uncommitted audio (§A.4)."""
        return self._turns.clear()

    def clear_output(self, _event: ClearOutput) -> list[Effect]:
        """Stop the playback; what is generated goes on, and is not heard (§A.11)."""
        return [*self._playback.interrupt([]), *self._turns.settle()]

    def create_item(self, event: CreateItem) -> list[Effect]:
        """Add a client's item to the conversation (§A.5)."""
        check_items(self._config.limits, len(self._conversation))
        if isinstance(event.item, FunctionCallOutputFields):
            self._conversation.call(event.item.call_id)
        item = build_item(event.item, self._config.input_format, self._config.capabilities)
        if self._turns.is_open(item.id):
            raise duplicate_item(item.id)
        if isinstance(item, McpApprovalResponse):
            return self._approve(item, event.previous_item_id)
        previous = self._conversation.insert(item, event.previous_item_id)
        return [*item_is_complete(item, previous), *transcribe(item, self._config)]

    def _approve(self, answer: McpApprovalResponse, previous_item_id: str | None) -> list[Effect]:
        request = self._conversation.approval_request(answer.request_id)
        previous = self._conversation.insert(answer, previous_item_id)
        return [*item_is_complete(answer, previous), *self._tools.approved(request, answer)]

    def retrieve_item(self, event: RetrieveItem) -> list[Effect]:
        """Send an item with its audio (§A.6)."""
        item = self._conversation.get(event.item_id)
        if item is None:
            raise ProtocolError(
                "item_retrieve_invalid_item_id",
                f"Error retrieving item: the item with id '{event.item_id}' does not exist.",
            )
        wire = item.wire(with_audio=True)
        return [Send(ItemRetrieved(item=wire), To.ASKER)]

    def delete_item(self, event: DeleteItem) -> list[Effect]:
        """Delete an item from the conversation (§A.7)."""
        deleted = Send(ItemDeleted(item_id=event.item_id))
        if self._turns.has_replaced(event.item_id):
            return [deleted]
        self._conversation.delete(event.item_id)
        self._transcription.forget(event.item_id)
        return [deleted, *self._responses.item_deleted()]

    def truncate_item(self, event: TruncateItem) -> list[Effect]:
        """Cut an assistant message to what was played (§A.8)."""
        place = (event.item_id, event.content_index, event.audio_end_ms)
        if not self._turns.has_replaced(event.item_id):
            self._conversation.truncate(*place)
        self._playback.hushed()
        return [Send(ItemTruncated(*place)), *self._turns.settle()]

    def create_response(self, event: CreateResponse) -> list[Effect]:
        """Begin a response (§A.9)."""
        if self._config.kind == "transcription":
            raise ProtocolError(None, "Cannot create a response on a transcription session")
        return self._responses.create(event.response or ResponseOptions())

    def cancel_response(self, event: CancelResponse) -> list[Effect]:
        """Cancel a response (§A.10)."""
        effects = self._responses.cancel(event.response_id)
        if self._responses.active is None:
            # What was sent may sound on, but whoever speaks now is not to be taken for a listener.
            self._playback.hushed()
        return [*effects, *self._turns.settle()]

    # --- recogniser, responses and MCP servers -------------------------------------------------

    def report(self, report: Report) -> list[Effect]:
        """Take a report of the recogniser's or a response's pipeline, or of an MCP server."""
        match report:
            case TurnSoFar(item_id, text):
                effects = self._turns.so_far(item_id, text)
                is_open = self._turns.is_open(item_id)
                effects += self._transcription.so_far(item_id, text, is_open=is_open)
                effects += self._turns.words_so_far(item_id, text)
            case TurnGuessed(item_id, text) as guess:
                own = self._is_echo(item_id, text)
                effects = self._turns.guessed(replace(guess, text="") if own else guess)
                effects += self._turns.words_so_far(item_id, "" if own else text)
            case TurnUnderstood(item_id, transcript):
                own = self._is_echo(item_id, transcript.text)
                known = replace(transcript, text="") if own else transcript
                effects = self._turns.understood(item_id, known)
                effects += self._transcription.completed(item_id, known)
                self._own_words.turn_over(item_id)
                if own:
                    effects = [NoteEcho(item_id), *effects]
            case TurnFailed(item_id, error):
                effects = self._turns.failed(item_id)
                effects += self._transcription.failed(item_id, error)
            case PlaybackStarted() | PlaybackDrained():
                effects = self._playback.take(report)
            case McpCallCompleted(item_id, result) | McpCallFailed(item_id, result):
                effects = self._responses.call_ended(item_id, result)
            case McpToolsListed(item_id, tools):
                effects = self._tools.lists.listed(item_id, tools)
                effects += self._responses.items_ready()
            case McpListFailed(item_id, failure):
                effects = self._tools.lists.failed(item_id, failure)
                effects += self._responses.items_ready()
            case McpListChanged(server):
                effects = self._tools.lists.changed(server)
            case _:
                self._note_words(report)
                effects = self._responses.report(report)
        return self._settled(effects)

    def _note_words(self, report: ResponseReport) -> None:
        now_ms = self._buffer.written_ms
        match report:
            case ClauseSpoken(text=text):
                self._own_words.speaking(text, now_ms)
            case AudioMade(pcm=pcm):
                self._own_words.made(duration_ms(pcm), now_ms)

    def _is_echo(self, item_id: str, text: str) -> bool:
        """Return whether a turn repeats what the server was just saying."""
        return self._own_words.contain(item_id, text)

    # --- the end -------------------------------------------------------------------------------

    def leave(self) -> list[Effect]:
        """End the session when no response is running any more, and none sounds."""
        self._leaving = True
        return self._settled([])

    def go_away(self) -> list[Effect]:
        """End the session now: the server stops."""
        return [Close(CloseReason.SERVER_STOPS, "The server is shutting down.")]

    def _settled(self, effects: list[Effect]) -> list[Effect]:
        """Return effects; after `leave`, also the session's end once all responses are over."""
        # Who is speaking now gets an answer that tells of the results, too.
        speaking = self._buffer.open is not None and self._config.turn_detection is not None
        if not speaking:
            effects = effects + self._responses.go_on()
        effects = self._playback.follow(effects)
        if self._leaving and not self._responses.running and not self._playback.sounds:
            self._leaving = False
            return [*effects, *self.go_away()]
        return effects
