"""What a response gives its model of the conversation: in order, read or heard, as far as it fits.

Most models read transcripts, so that a response has to wait for them. A model that hears
(`llm.audio_input`) waits for no transcript but that of audio which was dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from session.context_window import fit
from session.heard_turns import HeardMessage, can_be_heard, is_silent, with_audio
from session.items import Item
from session.reading_order import Readable, reading_order
from session.response_spec import ResponseSpec
from session.session_config import SessionConfig


class ModelContext:
    """What the model of a session reads and hears."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config

    def lacks_words(self, item: Item) -> bool:
        """Return whether a response has to wait for the transcript of an item."""
        return item.untranscribed is not None and not self._hears(item)

    def says_something(self, item: Item) -> bool:
        """Return whether a turn has words, or may have some that the model is to hear."""
        return bool(item.text) or (self._hears(item) and not is_silent(item))

    def of(self, spec: ResponseSpec, context: Iterable[Item]) -> list[Readable | HeardMessage]:
        """Return what a response reads and hears of the items of its context.

        Raises:
            ContextTooLong: It does not fit and truncation is disabled.
        """
        config = self._config
        order = reading_order(context)
        read: Sequence[Readable | HeardMessage] = order
        if config.hears_audio:
            noise = config.noise_reduction_of_model
            read = with_audio(order, noise, detected=bool(spec.answers))
        per_s = config.capabilities.audio_tokens_per_s
        return fit(read, spec.instructions, config.truncation, config.context_tokens, per_s)

    def _hears(self, item: Item) -> bool:
        return self._config.hears_audio and can_be_heard(item)
