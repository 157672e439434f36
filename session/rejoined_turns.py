"""Turns that were ended too soon, and go on (§B.17): two pieces become one turn, with one answer.

Only clients that ask for it (`rejoin_ms`) get it. A voice that begins soon behind the end of a turn
is the rest of that turn. The whole is heard anew from the first word, under an id of its own, for
ids are never used twice. The first piece and what was answered to it stay in the conversation until
the whole enters it: stock clients truncate the answer as soon as they see `speech_started`, and
what is cleared before it is committed takes nothing with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from session.conversation import Conversation
from session.effects import Effect, Send
from session.input_buffer import ClosedTurn, InputBuffer, OpenTurn
from session.items import AssistantMessage, Item
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig
from session.transcription import Transcription
from wire.envelope import new_id
from wire.session_events import ItemDeleted

REMEMBERED = 64
"""Items that were replaced last, which clients may still speak of."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """The turn that turn detection ended last."""

    item_id: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class _Whole:
    """A turn that goes on, until it is committed."""

    item_id: str
    first: str
    """The item of its first piece."""
    answer: Sequence[Item]
    """What was answered to that."""
    waited: bool
    """Whether an answer to it was still to come."""


class RejoinedTurns:
    """The last turn of a session that may go on, and the one that does."""

    def __init__(
        self,
        config: SessionConfig,
        conversation: Conversation,
        buffer: InputBuffer,
        responses: ResponseScheduler,
        transcription: Transcription,
    ) -> None:
        self._config = config
        self._conversation = conversation
        self._buffer = buffer
        self._responses = responses
        self._transcription = transcription
        self._ended: _Ended | None = None
        self._whole: _Whole | None = None
        self._replaced: deque[str] = deque(maxlen=REMEMBERED)

    def ended(self, turn: ClosedTurn, end_ms: int) -> None:
        """Note that turn detection ended a turn, which is in the conversation now."""
        if not self._config.rejoin_ms:
            self._ended = None
            return
        self._ended = _Ended(turn.item_id, turn.start_ms, end_ms)
        self._buffer.keep(turn.start_ms, end_ms + self._config.rejoin_ms)

    # --- a voice goes on with it --------------------------------------------------------------

    def go_on(self, onset_ms: int) -> OpenTurn | None:
        """Let the open turn begin where the turn before it began, if it goes on with that.

        Its response, if there is one, is still to be interrupted.

        Args:
            onset_ms: Where the voice began.

        Returns:
            The turn as it is now; None: it is a turn of its own, or none is open.
        """
        ended, turn = self._continued(onset_ms), self._buffer.open
        if ended is None or turn is None or not self._fits(ended):
            return None
        self._join(turn.item_id, ended)
        return self._buffer.go_back(ended.start_ms)

    def cover(self, onset_ms: int, part: ClosedTurn, end_ms: int) -> ClosedTurn | None:
        """Return the whole that ends with a turn of which it is not known yet whether it is one.

        Args:
            onset_ms: Where the voice began.
            part: The turn, which was just closed.
            end_ms: Its end.

        Returns:
            What to give to `close` once it is known; None: it would be a turn of its own.
        """
        if not self._config.rejoin_ms:
            return None
        ended = self._continued(onset_ms)
        if ended is None or not self._fits(ended):
            self._buffer.keep(part.start_ms, end_ms + self._config.rejoin_ms)
            return None
        self._buffer.keep(ended.start_ms, end_ms + self._config.rejoin_ms)
        # The transcript of the part is on its way, under the part's id.
        return self._buffer.between(new_id("item"), ended.start_ms, end_ms)

    def close(self, onset_ms: int, whole: ClosedTurn | None) -> bool:
        """Let a closed turn be the whole that `cover` returned, if it still goes on with the last.

        As in `go_on`, a response is still to be interrupted.
        """
        ended = self._continued(onset_ms)
        if ended is None or whole is None or whole.start_ms != ended.start_ms:
            return False
        self._join(whole.item_id, ended)
        return True

    # --- what becomes of the pieces -----------------------------------------------------------

    def replace(self, item_id: str) -> list[Effect]:
        """Take the first piece and its answer out of the conversation: `item_id` enters it."""
        pieces = self.pieces(item_id)
        if not pieces:
            return []
        self._whole = None
        effects: list[Effect] = []
        for piece in pieces:
            if self._conversation.get(piece) is not None:
                self._conversation.delete(piece)
                self._transcription.forget(piece)
                effects.append(Send(ItemDeleted(item_id=piece)))
        self._replaced += pieces
        return [*effects, *self._responses.item_deleted()]

    def dropped(self) -> list[Effect]:
        """Leave the first piece as it is: the client cleared what went on with it."""
        whole, self._whole, self._ended = self._whole, None, None
        if whole is None or not whole.waited or self._conversation.get(whole.first) is None:
            return []
        return self._responses.answer(whole.first)

    def pieces(self, item_id: str) -> list[str]:
        """Return the ids of the items that a turn will replace, the last one first."""
        whole = self._whole
        if whole is None or whole.item_id != item_id:
            return []
        return [*(item.id for item in reversed(whole.answer)), whole.first]

    def has_replaced(self, item_id: str) -> bool:
        """Return whether an item has left the conversation for a whole turn."""
        return item_id in self._replaced and self._conversation.get(item_id) is None

    # ------------------------------------------------------------------------------------------

    def _join(self, item_id: str, ended: _Ended) -> None:
        waited = self._responses.withdraw(ended.item_id)
        self._ended = None
        self._whole = _Whole(item_id, ended.item_id, self._answer(ended.item_id), waited)

    def _continued(self, onset_ms: int) -> _Ended | None:
        """Return the turn with which a voice goes on."""
        ended, detection = self._ended, self._config.turn_detection
        if ended is None or detection is None:
            return None
        if onset_ms - ended.end_ms > self._config.rejoin_ms or not self._config.rejoin_ms:
            return None
        answer = self._answer(ended.item_id)
        # A function that was called may have been run already: nobody can take that back.
        only_said = all(isinstance(item, AssistantMessage) for item in answer)
        if not only_said or not self._is_last(ended.item_id, answer):
            return None
        answered = bool(answer) or self._responses.active is not None
        # What may not be interrupted was not begun in vain.
        return None if answered and not detection.interrupt_response else ended

    def _fits(self, ended: _Ended) -> bool:
        """Return whether the whole is buffered, and not too long for a turn (§D.8)."""
        length_ms = self._buffer.written_ms - ended.start_ms
        is_short = length_ms < self._config.limits.buffered_audio_s * 1000
        return is_short and self._buffer.holds(ended.start_ms)

    def _answer(self, item_id: str) -> Sequence[Item]:
        """Return what was answered to an item."""
        answer = self._responses.last_answer
        return answer.items if answer is not None and answer.answers == item_id else ()

    def _is_last(self, item_id: str, answer: Sequence[Item]) -> bool:
        """Return whether nothing is behind an item but the answer to it."""
        for item in reversed(self._conversation):
            if item.id == item_id:
                return True
            if item not in answer:
                return False
        return False
