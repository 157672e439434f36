"""Schedules the responses of a session: which begins when, and for what (§A.9).

At most one response at a time writes to the conversation; others run beside it. A response waits
for the transcripts of its context where the model reads them (`session/model_context.py`).
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from audio.pcm import duration_ms
from session.conversation import Conversation
from session.due_turns import DueTurns, transcription_failure
from session.effects import Effect, Generate
from session.item_input import transcribe
from session.items import Item
from session.limits import check_responses
from session.mcp import McpError
from session.mcp_tools import McpTools
from session.model_context import ModelContext
from session.open_responses import AnswerListener, OpenResponses
from session.ports import FailureReason, ResponseRequest
from session.reports import (
    AudioMade,
    ClauseSpoken,
    OutputMade,
    ResponseFailed,
    ResponseFinished,
    ResponseReport,
    TextMade,
    TokensCounted,
    ToolCallMade,
    WordsTimed,
)
from session.response import LastAnswer, Response
from session.response_request import ResponseRequests
from session.response_spec import ResponseSpec, build_spec
from session.session_config import SessionConfig
from wire.errors import ProtocolError
from wire.response_fields import ResponseOptions


class ResponseScheduler:
    """Begins and ends the responses of a session. Reports about others have no effects."""

    def __init__(
        self,
        config: SessionConfig,
        conversation: Conversation,
        tools: McpTools,
        listener: AnswerListener,
    ) -> None:
        """Start with none.

        Args:
            config: The session's settings.
            conversation: What responses read, and what one at a time writes.
            tools: The session's MCP tools.
            listener: Is told when responses in the conversation begin and end.
        """
        self._config = config
        self._conversation = conversation
        self._listener = listener
        self._model = ModelContext(config)
        self._requests = ResponseRequests(config, conversation, tools)
        self._open = OpenResponses(config, tools.following, listener)
        self._turns = DueTurns(config, conversation, listener.unanswered)
        self._tools = tools
        self.last_answer: LastAnswer | None = None
        """The last response in the conversation, over or not."""

    @property
    def active(self) -> Response | None:
        """The response that writes to the conversation."""
        return self._open.active

    @property
    def running(self) -> bool:
        """Whether any response is in progress, or is due."""
        return bool(self._open.any_left or self._turns.waiting or self._tools.pending)

    @property
    def awaited_items(self) -> Iterator[Item]:
        """The items in the contexts of waiting responses."""
        return (item for response in self._open.waiting for item in response.context)

    # --- the client and the turns -----------------------------------------------------------

    def create(self, options: ResponseOptions) -> list[Effect]:
        """Begin a response for a `response.create` (§A.9).

        Raises:
            ProtocolError: One is active already, too many are running, or an option is invalid.
        """
        active = self.active
        asked = self._tools.following.asked(options, active)
        if asked is not None:
            told = asked not in self._open
            return self._nothing_more(options) if told else asked.announce()
        check_responses(self._config.limits, len(self._open))
        if options.conversation != "none" and active is not None and active.announced:
            raise ProtocolError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{active.id}. Wait until the response is finished before creating a new one.",
            )
        spec = build_spec(options, self._config, self._conversation)
        effects = self._open.make_room()
        if spec.in_conversation and active is not None:
            # It is about the same results, in another way: nobody has seen the other one.
            effects += self._open.take_back(active)
        own = [item for item in spec.input or [] if self._conversation.get(item.id) is not item]
        if spec.in_conversation and spec.input is None:
            self._turns.answer_waiting()
        effects += self._begin(spec)
        effects += [
            effect
            for item in own
            if self._model.lacks_words(item)
            for effect in transcribe(item, self._config)
        ]
        return effects + self._answer_due()

    def cancel(self, response_id: str | None) -> list[Effect]:
        """Cancel a response, or the active one for None (§A.10).

        Raises:
            ProtocolError: There is no such response.
        """
        response = self._open.get(response_id) if response_id else self.active
        if response is None and (uncounted := self._open.settle(response_id)):
            # All of it was made: there is nothing left to cancel.
            return uncounted
        if response is None:
            raise ProtocolError(
                "response_cancel_not_active", "Cancellation failed: no active response found"
            )
        return self._open.cancel(response, "client_cancelled") + self._answer_due()

    def interrupt(self) -> list[Effect]:
        """Cancel the active response at barge-in, and forget the turns that wait for it (§B.5)."""
        self._turns.drop_doubtful()
        active = self.active
        if active is None:
            return []
        self._tools.outlive(active)
        self._turns.interrupt(active.spec.answers if active.unheard else ())
        return self._open.cancel(active, "turn_detected")

    def answer(self, item_id: str, *, doubtful: bool = False) -> list[Effect]:
        """Answer a detected turn, now or when its time has come (§B.5).

        A turn that is known to have no words is not answered (§B.3).

        Args:
            item_id: The turn's item.
            doubtful: Whether the turn seems to have no words: it is answered once its transcript
                has some.
        """
        self._turns.add(item_id, doubtful=doubtful)
        return [] if doubtful else self._answer_due()

    @property
    def holds_back(self) -> bool:
        """Whether no turn is answered before `all_heard`."""
        return self._turns.held_back

    def hold_back(self) -> None:
        """Answer no turn before `all_heard`: more of what was appended is to be heard (§A.2)."""
        self._turns.hold_back()

    def all_heard(self) -> list[Effect]:
        """Answer the turns that were held back, in order."""
        self._turns.let_go()
        return self._answer_due()

    def withdraw(self, item_id: str) -> bool:
        """Answer a turn no more that was to be answered: it goes on (§B.17).

        Returns:
            Whether it was to be.
        """
        return self._turns.withdraw(item_id)

    def preview(self, item: Item, without: Container[str] = ()) -> ResponseRequest | None:
        """Return the request that `answer` would make if `item` ended the conversation.

        Args:
            item: The turn.
            without: Ids of items that it would replace.

        Returns:
            None: there would be no answer, or not at once. State does not change.
        """
        if self.active is not None or self.holds_back:
            return None
        return self._requests.preview(item, without)

    def item_deleted(self) -> list[Effect]:
        """Stop waiting for an item that was deleted."""
        return self.items_ready()

    def item_failed(self, item: Item, error: FailureReason) -> list[Effect]:
        """Fail the responses that wait for an item whose transcription failed (§B.10).

        A model that hears is not told less: its responses go on.
        """
        if self._config.hears_audio:
            return self.items_ready()
        effects: list[Effect] = []
        for response in [r for r in self._open.waiting if item in r.context]:
            effects += self._open.changed(response, response.fail(error))
        return effects + self.items_ready()

    def items_ready(self) -> list[Effect]:
        """Start the waiting responses whose transcripts are complete, and answer turns in doubt."""
        self._turns.decide_doubtful()
        return self._start_ready() + self._answer_due()

    def _start_ready(self) -> list[Effect]:
        effects: list[Effect] = []
        for response in list(self._open.waiting):
            if response in self._open.waiting and not self._requests.is_incomplete(response):
                self._open.waiting.remove(response)
                effects += self._start(response)
        return effects

    # --- the pipelines -------------------------------------------------------------------------

    def report(self, report: ResponseReport) -> list[Effect]:
        """Take what the pipeline of a response reports."""
        response = self._open.with_uncounted(report.response_id)
        if response is None:
            return []
        match report:
            case TextMade(delta=delta):
                effects = response.text(delta)
            case ToolCallMade(_, index, call_id, name, arguments):
                effects = response.tool_call(index, call_id, name, arguments)
            case ClauseSpoken(text=text):
                response.speaking(text)
                return []
            case WordsTimed(words=words):
                response.timing(words)
                return []
            case AudioMade(pcm=pcm):
                effects = response.audio(pcm)
                if response.spec.in_conversation and response.spec.spoken:
                    self._listener.answer_sounded(duration_ms(pcm))
            case OutputMade():
                return self._open.output_made(response) + self._answer_due()
            case TokensCounted(usage=usage, so_far=so_far):
                response.counted(usage, so_far=so_far)
                return []
            case ResponseFinished(reason=reason, usage=usage):
                effects = response.finish(reason, usage)
            case ResponseFailed(error=error):
                effects = response.fail(error)
        return self._open.changed(response, effects) + self._answer_due()

    # --- MCP tools -----------------------------------------------------------------------------

    def call_ended(self, item_id: str, result: str | McpError) -> list[Effect]:
        """Take the result of a call; one whose response was stopped has no effects."""
        response = next((one for one in self._open if item_id in one.calls), None)
        if response is not None:
            ended = response.called(item_id, result)
            return self._open.changed(response, ended) + self._answer_due()
        return self._tools.free_call_ended(item_id, result)

    def go_on(self) -> list[Effect]:
        """Begin the response that tells of finished calls, if one is due and none is active."""
        if not self._tools.following.due or self.active is not None or self._turns.any_to_come:
            return []
        spec = self._tools.following.take()
        effects = self._begin(spec, announced=False)
        response = self._open.get(spec.id)
        if response is not None:
            self._tools.following.begun(response)
        return effects

    def _nothing_more(self, options: ResponseOptions) -> list[Effect]:
        """Answer a client that asks for what was said already: by a response without output."""
        spec = build_spec(options, self._config, self._conversation)
        response = Response(spec, self._conversation)
        return self._open.settle() + response.announce() + response.finish("stop", None)

    # --- the life of a response ---------------------------------------------------------------

    def _answer_due(self) -> list[Effect]:
        """Begin the next answer, if none is running: to one turn, or to all that wait."""
        effects: list[Effect] = []
        while self.active is None and (answered := self._turns.take_next()):
            spec = build_spec(ResponseOptions(), self._config, self._conversation)
            spec.answers = answered
            effects += self._begin(spec)
        return effects

    def _begin(self, spec: ResponseSpec, *, announced: bool = True) -> list[Effect]:
        asked = self._tools.need(spec)
        later = self._turns.waiting if spec.answers else ()
        context = self._conversation if spec.input is None else spec.input
        # What is answered separately afterwards would make the model answer it now.
        read = [item for item in context if item.id not in later]
        response = Response(spec, self._conversation, read)
        # A client knows one response in the conversation at a time.
        settled = self._open.settle() if spec.in_conversation else []
        self._open.add(response)
        if spec.in_conversation:
            self.last_answer = response.as_answer()
            self._listener.answer_opened()
            if spec.input is None:
                self._tools.following.was_read()
        announcement = response.announce() if announced else []
        return settled + asked + announcement + self._start_ready()

    def _start(self, response: Response) -> list[Effect]:
        spec = response.spec
        turns = [item for item in response.context if item.id in spec.answers]
        if turns and not any(map(self._model.says_something, turns)):
            failure = next(filter(None, map(transcription_failure, turns)), None)
            if failure is not None:
                return self._open.changed(response, response.fail(failure))
            # Turns without words: the detector took noise for speech.
            effects = self._open.changed(response, response.finish("stop", None))
            self._turns.restore_interrupted()
            return effects
        request = self._requests.of(response)
        if isinstance(request, FailureReason):
            return self._open.changed(response, response.fail(request))
        if spec.in_conversation:
            self._turns.answer_interrupted()
        return [Generate(request)]
