"""The responses of a session that have begun and are not over, and what follows from their end.

All output of a response may be there before it is known how it ended and what it cost. Such a
response is uncounted: nothing waits for it any more, and whatever has to begin before its count has
come ends it with an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from session.effects import Effect, StopGenerating
from session.following import Following
from session.response import CancelReason, Response
from session.session_config import SessionConfig


class AnswerListener(Protocol):
    """Is told when a response in the conversation begins and ends."""

    def answer_opened(self) -> None:
        """A response began."""

    def answer_sounded(self, audio_ms: float) -> None:
        """It made `audio_ms` milliseconds of audio."""

    def answer_finished(self, audio_ms: float) -> None:
        """A response ended, after `audio_ms` milliseconds of audio were sent."""

    def unanswered(self) -> None:
        """A turn needs no answer, while no response is active."""


class OpenResponses:
    """The responses in progress, and those that are uncounted."""

    def __init__(
        self, config: SessionConfig, following: Following, listener: AnswerListener
    ) -> None:
        """Start with none.

        Args:
            config: The session's settings.
            following: Is told when responses in the conversation end.
            listener: Likewise.
        """
        self._config = config
        self._following = following
        self._listener = listener
        self._open: dict[str, Response] = {}
        self._uncounted: dict[str, Response] = {}
        self.waiting: list[Response] = []
        """Responses in progress whose context still lacks transcripts."""

    def __len__(self) -> int:
        """Return how many are in progress."""
        return len(self._open)

    def __iter__(self) -> Iterator[Response]:
        """Iterate over those in progress."""
        return iter(self._open.values())

    def __contains__(self, response: Response) -> bool:
        """Return whether a response is in progress."""
        return response.id in self._open

    @property
    def any_left(self) -> bool:
        """Whether any is in progress or uncounted."""
        return bool(self._open or self._uncounted)

    @property
    def active(self) -> Response | None:
        """The response that writes to the conversation."""
        return next((r for r in self._open.values() if r.spec.in_conversation), None)

    def get(self, response_id: str) -> Response | None:
        """Return a response in progress."""
        return self._open.get(response_id)

    def with_uncounted(self, response_id: str) -> Response | None:
        """Return a response in progress, or one that is uncounted."""
        return self._open.get(response_id) or self._uncounted.get(response_id)

    def add(self, response: Response) -> None:
        """Add a response that begins, and waits for the transcripts of its context."""
        self._open[response.id] = response
        self.waiting.append(response)

    def cancel(self, response: Response, reason: CancelReason) -> list[Effect]:
        """Cancel a response."""
        return self.changed(response, response.cancel(reason))

    def take_back(self, response: Response) -> list[Effect]:
        """Stop a response of which clients do not know."""
        del self._open[response.id]
        self._listener.answer_finished(0)
        return self._stopped(response)

    def output_made(self, response: Response) -> list[Effect]:
        """Close a response's output; unless its calls run, nothing waits for its end any more."""
        effects = response.announce() + response.output_made()
        if response.calls or response.id not in self._open:
            return effects
        self._uncounted[response.id] = self._open.pop(response.id)
        if response.spec.in_conversation:
            self._listener.answer_finished(response.audio_ms)
        return effects

    def settle(self, response_id: str | None = None) -> list[Effect]:
        """End uncounted responses, with an estimate of their count.

        Args:
            response_id: The response; None: that of the conversation.
        """
        effects: list[Effect] = []
        for response in list(self._uncounted.values()):
            if response.spec.in_conversation if response_id is None else response.id == response_id:
                effects += self.changed(response, response.finish("stop", None))
        return effects

    def make_room(self) -> list[Effect]:
        """End the oldest uncounted responses, if one more response would be too many."""
        effects: list[Effect] = []
        most = self._config.limits.responses
        while self._uncounted and len(self._open) + len(self._uncounted) >= most:
            effects += self.settle(next(iter(self._uncounted)))
        return effects

    def changed(self, response: Response, effects: list[Effect]) -> list[Effect]:
        """Return a response's effects, behind its announcement; if it ended, clean up."""
        if effects:
            effects = response.announce() + effects
        if response.active:
            return effects
        if self._uncounted.pop(response.id, None) is None:
            del self._open[response.id]
            if response.spec.in_conversation:
                self._listener.answer_finished(response.audio_ms)
        if response.spec.in_conversation:
            self._following.response_ended(response)
        return effects + self._stopped(response)

    def _stopped(self, response: Response) -> list[Effect]:
        """Stop generating a response, if that was begun."""
        if response in self.waiting:
            self.waiting.remove(response)
            return []
        return [StopGenerating(response.id)]
