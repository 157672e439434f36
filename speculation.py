"""A response that is generated before it is known whether anybody will want it.

At a short pause the turn is probably over. Its answer is begun at once and kept back; when the
turn is confirmed it goes to the client as if it had been asked for then, and otherwise nobody ever
hears of it. It is used only if the request it was made for is, to the letter, the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from generation import (
    FinishReason,
    PipelineSignals,
    ProviderError,
    ResponseRequest,
    TokenUsage,
)

_Report = Callable[[PipelineSignals, str], None]


class HeldResponse:
    """Keeps what a response's pipeline reports (`generation.PipelineSignals`) until its release."""

    def __init__(
        self, request: ResponseRequest, on_failure: Callable[[ProviderError], None]
    ) -> None:
        """Keep back the response to `request`.

        Args:
            request: What is generated.
            on_failure: Told of a failure that nobody else will hear of: a response that is wanted
                after it is generated anew.
        """
        self._request = request
        self._on_failure = on_failure
        self._kept: list[_Report] = []
        self._failed = False
        self._released: tuple[PipelineSignals, str] | None = None

    def answers(self, request: ResponseRequest) -> bool:
        """Return whether this is what `request` asks for; a failed one is worth another try."""
        own = replace(self._request, response_id=request.response_id)
        return own == request and not self._failed

    def release(self, signals: PipelineSignals, response_id: str) -> None:
        """Report all that has been made, and from now on what is made, as `response_id`."""
        kept, self._kept = self._kept, []
        self._released = signals, response_id
        for report in kept:
            report(signals, response_id)

    def text(self, _response_id: str, delta: str) -> None:
        """The model wrote `delta`."""
        self._report(lambda signals, response_id: signals.text(response_id, delta))

    def tool_call(
        self, _response_id: str, index: int, call_id: str, name: str, arguments: str
    ) -> None:
        """The model continued a tool call."""
        self._report(
            lambda signals, response_id: signals.tool_call(
                response_id, index, call_id, name, arguments
            )
        )

    def speaking(self, _response_id: str, text: str) -> None:
        """The audio that follows speaks `text`."""
        self._report(lambda signals, response_id: signals.speaking(response_id, text))

    def audio(self, _response_id: str, pcm: bytes) -> None:
        """The voice made audio."""
        self._report(lambda signals, response_id: signals.audio(response_id, pcm))

    def finished(self, _response_id: str, reason: FinishReason, usage: TokenUsage | None) -> None:
        """All of it has been made."""
        self._report(lambda signals, response_id: signals.finished(response_id, reason, usage))

    def failed(self, _response_id: str, error: ProviderError) -> None:
        """A stage failed."""
        self._failed = True
        if self._released is None:
            self._on_failure(error)
        self._report(lambda signals, response_id: signals.failed(response_id, error))

    def _report(self, report: _Report) -> None:
        if self._released is None:
            self._kept.append(report)
        else:
            report(*self._released)
