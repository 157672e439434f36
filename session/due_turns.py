"""The turns of the user that are to be answered, and when one is answered after all or not at all.

A turn waits while a response is active, while more of what was appended is to be heard, or while
it is in doubt whether it has any words. An answer that was interrupted before anything of it was
heard is due again if what interrupted it turns out to be no words: otherwise a cough behind a
question would leave it without an answer (§B.3, B.5).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from session.content import UserAudio
from session.conversation import Conversation
from session.items import Item
from session.model_context import ModelContext
from session.ports import FailureReason
from session.session_config import SessionConfig


class DueTurns:
    """Which turns wait for an answer; those that no response has taken are the conversation's."""

    def __init__(
        self,
        config: SessionConfig,
        conversation: Conversation,
        needs_no_answer: Callable[[], None],
    ) -> None:
        """Start with none.

        Args:
            config: Whether turns that wait are answered one by one or together.
            conversation: Has the turns, and the order of those that wait.
            needs_no_answer: Is told that a turn had no words, and that no other is due for it.
        """
        self._config = config
        self._conversation = conversation
        self._needs_no_answer = needs_no_answer
        self._model = ModelContext(config)
        self._held_back = False
        self._doubtful: list[str] = []
        """The items of turns that seem to have no words; their transcripts decide (§B.3)."""
        self._deprived: list[str] = []
        """The items of turns whose answers were interrupted before anything of them was heard."""

    @property
    def held_back(self) -> bool:
        """Whether turns wait for the end of what was appended, and not for a response alone."""
        return self._held_back

    @property
    def waiting(self) -> Sequence[str]:
        """The items of the turns that wait for their answer, in order."""
        return self._conversation.unanswered

    @property
    def any_to_come(self) -> bool:
        """Whether a turn will be answered, or may be."""
        return bool(self._held_back or self._doubtful or self.waiting)

    def add(self, item_id: str, *, doubtful: bool) -> None:
        """Let a turn be answered; one in doubt once its transcript has words (§B.3)."""
        (self._doubtful if doubtful else self._conversation.unanswered).append(item_id)

    def hold_back(self) -> None:
        """Let no turn be answered before `let_go` (§A.2)."""
        self._held_back = True

    def let_go(self) -> None:
        """Let the turns be answered that were held back."""
        self._held_back = False

    def withdraw(self, item_id: str) -> bool:
        """Let a turn be answered no more.

        Returns:
            Whether it was to be.
        """
        waits = [one for one in (self._conversation.unanswered, self._doubtful) if item_id in one]
        for due in waits:
            due.remove(item_id)
        return bool(waits)

    def drop_doubtful(self) -> None:
        """Forget the turns in doubt, unless they are held back: the user interrupts."""
        if not self._held_back:
            self._doubtful.clear()

    def interrupt(self, unheard: Sequence[str]) -> None:
        """Forget the turns that wait for the response that the user interrupts (§B.5).

        Args:
            unheard: The turns that it answered, if nothing of it was heard.
        """
        self._deprived += unheard
        if not self._held_back:
            self._deprived += self._conversation.unanswered
            self._conversation.unanswered.clear()

    def answer_waiting(self) -> None:
        """Forget the turns that wait: a response reads them, so it answers them."""
        self._conversation.unanswered.clear()

    def answer_interrupted(self) -> None:
        """Forget the turns whose answers were interrupted: a response reads them."""
        self._deprived.clear()

    def decide_doubtful(self) -> None:
        """Let the turns in doubt be answered whose transcripts are there, if they have words."""
        for item_id in list(self._doubtful):
            item = self._conversation.get(item_id)
            if item is None or item.untranscribed is None:
                self._doubtful.remove(item_id)
                if item is not None and self._model.says_something(item):
                    self._conversation.unanswered.append(item_id)
                elif item is not None:
                    self._nothing_said()

    def take_next(self) -> tuple[str, ...]:
        """Return the turns that the next response answers, which wait no more; empty: none is due.

        A turn that is known to have no words is not answered (§B.3).
        """
        due = self._conversation.unanswered
        while due and not self._held_back:
            count = len(due) if self._config.queued == "merge" else 1
            answered = tuple(name for name in due[:count] if not self._is_wordless(name))
            del due[:count]
            if answered:
                return answered
            self._nothing_said()
        return ()

    def restore_interrupted(self) -> bool:
        """Let the turns be answered whose answers were interrupted by a turn without words.

        Returns:
            Whether there are any.
        """
        deprived = [name for name in self._deprived if self._conversation.get(name) is not None]
        self._deprived.clear()
        self._conversation.unanswered[:0] = deprived
        return bool(deprived)

    def _nothing_said(self) -> None:
        if not self.restore_interrupted():
            self._needs_no_answer()

    def _is_wordless(self, item_id: str) -> bool:
        item = self._conversation.get(item_id)
        return (
            item is not None
            and item.untranscribed is None
            and not item.text
            and transcription_failure(item) is None
        )


def transcription_failure(turn: Item) -> FailureReason | None:
    """Return why a turn of the user has no transcript; None: it has one, or needs none."""
    return turn.audio.failure if isinstance(turn.audio, UserAudio) else None
