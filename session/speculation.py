"""Whether the response to a turn is started at a pause, before it is known that the turn is over.

At each pause the recogniser is asked for the transcript that the turn would have if it ended there,
and the response to that is generated and held back. If the user speaks on, both are dropped.
"""

from __future__ import annotations

from audio.loudness import contrast_db
from session.content import InputText, UserAudio
from session.contested_turns import ContestedTurns
from session.effects import Effect, GuessTurn, ResumeTurn, Speculate, StopSpeculating
from session.input_buffer import InputBuffer
from session.items import UserMessage
from session.ports import Transcript
from session.rejoined_turns import RejoinedTurns
from session.reports import TurnGuessed
from session.response_scheduler import ResponseScheduler
from session.session_config import SessionConfig
from session.user_turns import UserTurns
from session.wordless import has_words

MAX_GUESS_MS = 60_000
"""Longest turn to speculate on: each pause makes the recogniser start from the turn's beginning."""


class Speculation:
    """The guess at the end of the open turn, and the response to it that is started early."""

    def __init__(
        self,
        config: SessionConfig,
        buffer: InputBuffer,
        responses: ResponseScheduler,
        turns: UserTurns,
        contested: ContestedTurns,
        rejoined: RejoinedTurns,
    ) -> None:
        self._config = config
        self._buffer = buffer
        self._responses = responses
        self._turns = turns
        self._contested = contested
        self._rejoined = rejoined
        self._wordless: str | None = None
        """The item of a turn that has no words, by the guess at its last pause."""

    def is_wordless(self, item_id: str) -> bool:
        """Return whether a turn has no words, by the guess at its last pause."""
        return self._wordless == item_id

    def hesitated(self) -> list[Effect]:
        """Speculate that the turn is over: ask for its transcript, then start its response.

        A model that hears needs no transcript to start.
        """
        if self._responses.holds_back:
            # Its answer waits for the end of the file.
            return []
        turn = self._buffer.open
        if turn is None or not 0 < self._buffer.open_ms <= MAX_GUESS_MS:
            return []
        effects = self._contested.hesitated()
        effects.append(GuessTurn(turn.item_id, self._turns.heard_so_far()))
        if self._config.hears_audio:
            effects += self._speculated(turn.item_id, None)
        return effects

    def resumed(self) -> list[Effect]:
        """Drop the speculation; the turn goes on."""
        self._wordless = None
        turn = self._buffer.open
        if turn is None:
            return []
        self._contested.resumed()
        return [ResumeTurn(turn.item_id, self._turns.heard_so_far())]

    def guessed(self, guess: TurnGuessed) -> list[Effect]:
        """Start the response to an open turn early, given its transcript if it ends here."""
        item_id, turn = guess.item_id, self._buffer.open
        is_open = turn is not None and turn.item_id == item_id
        transcript = Transcript(guess.text, no_speech=guess.no_speech)
        text = guess.text if has_words(transcript, self._contrast_db if is_open else None) else ""
        in_the_middle = self._contested.is_asked_about(item_id)
        was_contested = self._contested.holds(item_id)
        before = self._rejoined.pieces(item_id)
        decided = self._contested.guessed(item_id, text)
        if in_the_middle:
            return decided
        if self._rejoined.pieces(item_id) != before:
            # What was guessed is the rest of a turn that goes on.
            return [*decided, *self.hesitated()]
        if not text:
            self._wordless = item_id
            return [*decided, StopSpeculating()] if self._config.hears_audio else decided
        if not self._config.hears_audio:
            return [*decided, *self._speculated(item_id, text)]
        # Its answer was begun at the pause, unless it was not known then whether it is a turn.
        return [*decided, *self._speculated(item_id, None)] if was_contested else decided

    def _speculated(self, item_id: str, text: str | None) -> list[Effect]:
        """Start the response to the open turn: to its transcript so far, or for None its audio."""
        detection = self._config.turn_detection
        turn = self._buffer.open
        if turn is None or turn.item_id != item_id or detection is None:
            return []
        if self._config.kind != "realtime" or not detection.create_response:
            return []
        if self._contested.holds(item_id):
            return []
        pieces = self._rejoined.pieces(item_id)
        part: InputText | UserAudio
        if text is None:
            heard = bytearray(self._buffer.heard_so_far())
            part = UserAudio(self._buffer.format, heard)
        else:
            part = InputText(text)
        request = self._responses.preview(UserMessage(item_id, [part]), pieces)
        return [] if request is None else [Speculate(item_id, text, request)]

    def _contrast_db(self) -> float:
        heard = self._buffer.heard_so_far()
        return contrast_db(self._buffer.format.decode(heard), self._buffer.format.rate)
