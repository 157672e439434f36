"""Cuts the model's text into pieces for the voice: an early first clause, then sentences.

Pipecat's aggregator releases a sentence only when the next one has begun. How long the user waits
depends on the first words, so the first clause is released as soon as it can be spoken on its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from pipecat.utils.text.base_text_aggregator import Aggregation, TextType
from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator

_CLAUSE_END = tuple(",;:.!?，、；：。！？…")
_MIN_CHARACTERS = 4
_MAX_WORDS = 10


class ClauseAggregator(SimpleTextAggregator):
    """A sentence aggregator whose first piece is the first clause."""

    def __init__(self) -> None:
        super().__init__()
        self._started = False

    async def aggregate(self, text: str) -> AsyncIterator[Aggregation]:
        """Take a text delta; yield what can be spoken now."""
        async for sentence in super().aggregate(text):
            self._started = True
            yield sentence
        pending = self._text.strip()
        if self._started or len(pending) < _MIN_CHARACTERS:
            return
        whole = _ends_clause(self._text)
        if whole or (len(pending.split()) > _MAX_WORDS and text.startswith(" ")):
            # The last word may be incomplete: it stays.
            head, tail = (self._text, "") if whole else self._text.rsplit(" ", 1)
            await super().reset()
            self._started = True
            self._text = f" {tail}" if tail else ""
            yield Aggregation(text=head.strip(), type=TextType.SENTENCE)

    async def flush(self) -> Aggregation | None:
        """Return the text that is left at the end of the response."""
        self._started = False
        return await super().flush()

    async def handle_interruption(self) -> None:
        """Drop the text that was not released."""
        self._started = False
        await super().handle_interruption()


def _ends_clause(text: str) -> bool:
    clause = text.strip()
    # "3." may still become "3.5", and "10:" may become "10:30".
    growing = clause == text.lstrip() and clause[-2:-1].isdigit() and clause[-1] in ".,:"
    return clause.endswith(_CLAUSE_END) and not growing
