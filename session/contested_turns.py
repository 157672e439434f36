"""Turns that may be none: what is heard while an answer sounds or behind a laugh (§B.5, B.3).

Most clients stop playing and truncate as soon as they see `speech_started`. So nothing is sent of
such a turn before it has taken the floor; then all that it missed comes, in the usual order and
with its own offsets. A turn that is given up leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from audio.clip import Clip
from session.backchannels import Said
from session.decisions import SpeechPersisted
from session.effects import (
    Effect,
    FollowSpeech,
    ForgetTurn,
    GuessTurn,
    ResumeTurn,
)
from session.floor import Floor, Verdict
from session.input_buffer import ClosedTurn, OpenTurn
from session.playback import Audible, Playback
from session.recent_noise import RecentNoise
from session.rejoined_turns import RejoinedTurns
from session.session_config import SessionConfig
from session.transcription import Transcription
from session.user_turns import UserTurns

LATE_MS = 192
"""Audio behind a window from which it comes late: the echo guard held it back."""


@dataclass(frozen=True, slots=True)
class _End:
    turn: ClosedTurn
    end_ms: int
    """The end of the silence that ended it."""
    asked: bool
    """Whether its transcript was asked for."""
    whole: ClosedTurn | None
    """What it is the end of, if it goes on with the turn before it (§B.17)."""


@dataclass(slots=True)
class _Contested:
    item_id: str
    start_ms: int
    onset_ms: int
    floor: Floor
    end: _End | None = None
    """None: it is being spoken."""
    asks: bool = False
    """Whether the recogniser was asked for the words so far, which ended its hearing of the turn.
    It has to be let on before anything else is asked of it."""


class ContestedTurns:
    """The undecided turns of a session."""

    def __init__(
        self,
        config: SessionConfig,
        playback: Playback,
        turns: UserTurns,
        transcription: Transcription,
        noise: RecentNoise,
        rejoined: RejoinedTurns,
    ) -> None:
        self._config = config
        self._playback = playback
        self._turns = turns
        self._transcription = transcription
        self._noise = noise
        self._rejoined = rejoined
        self._undecided: list[_Contested] = []
        """The oldest first. Only the last one may be in progress."""

    @property
    def arises(self) -> bool:
        """Whether a turn that begins now is contested."""
        detection = self._config.turn_detection
        return (
            self._config.kind == "realtime"
            and detection is not None
            and detection.interrupt_response
            and self._config.interruptions == "words"
            and (self._playback.audible is not Audible.NO or self._noise.lasts)
        )

    def holds(self, item_id: str) -> bool:
        """Return whether the turn that may become this item is undecided."""
        return self._of(item_id) is not None

    def is_asked_about(self, item_id: str) -> bool:
        """Return whether the recogniser was asked about this turn in the middle of the voice."""
        contested = self._of(item_id)
        return contested is not None and contested.asks

    # --- what is heard ------------------------------------------------------------------------

    def begin(self, turn: OpenTurn, onset_ms: int) -> list[Effect]:
        """Contest the turn that was just opened, of a voice that began at `onset_ms`."""
        ducked = [] if self._undecided else self._playback.duck(on=True)
        in_silence = self._playback.audible is Audible.NO
        floor = Floor(self._turns.usual_db, in_silence=in_silence)
        self._undecided.append(_Contested(turn.item_id, turn.start_ms, onset_ms, floor))
        return [FollowSpeech(True), *ducked]

    def persisted(self, speech: SpeechPersisted) -> list[Effect]:
        """Take another window of the turn in progress."""
        contested = self._spoken
        if contested is None:
            return []
        late = self._turns.written_ms - speech.at_ms > LATE_MS
        contested.floor.heard(speech, late=late)
        effects = self.settle()
        if contested not in self._undecided or contested.asks or not self._config.speculates:
            return effects
        if contested.floor.asks():
            contested.asks = True
            heard = self._turns.heard_so_far()
            effects.append(GuessTurn(contested.item_id, heard, so_far=True))
        return effects

    def hesitated(self) -> list[Effect]:
        """The turn in progress may be over: what is asked next is about all of it."""
        return [] if self._spoken is None else self._let_on(self._spoken)

    def resumed(self) -> None:
        """The turn in progress goes on behind a pause."""
        if self._spoken is not None:
            self._spoken.asks = False
            self._spoken.floor.resumed()

    def transcribed(self, item_id: str, text: str, *, finished: bool) -> list[Effect]:
        """Take the transcript of a turn: so far, or `finished`, of all that there is of it."""
        contested = self._of(item_id)
        if contested is None:
            return []
        contested.floor.transcribed(text, finished=finished)
        return self.settle()

    def guessed(self, item_id: str, text: str) -> list[Effect]:
        """Take what the recogniser was asked for: at a pause, or in the middle of the voice."""
        contested = self._of(item_id)
        if contested is None or not contested.asks:
            return self.transcribed(item_id, text, finished=True)
        contested.floor.answered(text)
        return [*self._let_on(contested), *self.settle()]

    def failed(self, item_id: str) -> list[Effect]:
        """A turn could not be transcribed: it takes the floor, for it may have been words."""
        contested = self._of(item_id)
        if contested is None:
            return []
        contested.floor.failed()
        return self.settle()

    def stopped(self, turn: ClosedTurn, end_ms: int) -> list[Effect]:
        """End the turn in progress, which is undecided; its transcript decides."""
        (contested,) = (one for one in self._undecided if one.item_id == turn.item_id)
        whole = self._rejoined.cover(contested.onset_ms, turn, end_ms)
        contested.end = end = _End(turn, end_ms, asked=False, whole=whole)
        effects = [*self._let_on(contested), *self.settle()]
        if contested in self._undecided:
            contested.end = replace(end, asked=True)
            effects.append(self._turns.transcribe(turn))
        return effects

    # --- what becomes of it -------------------------------------------------------------------

    def settle(self) -> list[Effect]:
        """Decide what can be decided; a turn that takes the floor does so for those before it.

        Once nothing sounds any more, nobody contests the floor of who is speaking, unless a noise
        is likely.
        """
        effects: list[Effect] = []
        taken = [one for one in self._undecided if self._verdict(one) is Verdict.TAKEN]
        if taken:
            effects += self._take(self._undecided.index(taken[-1]) + 1)
        if self._spoken is not None and not self.arises:
            effects += self._take(len(self._undecided))
        for one in [one for one in self._undecided if self._verdict(one) is Verdict.GIVEN_UP]:
            effects += self._give_up(one)
        return effects

    def committed(self, turn: ClosedTurn) -> list[Effect]:
        """Let all take the floor: the client commits `turn`, the one in progress."""
        spoken = self._spoken
        effects = [] if spoken is None else self._let_on(spoken, self._turns.clip(turn.audio))
        return [*effects, *self._take(len(self._undecided))]

    def drop_all(self) -> list[Effect]:
        """Forget all: the client cleared the buffer."""
        effects: list[Effect] = []
        for one in list(self._undecided):
            effects += self._forget(one)
        return effects

    def _take(self, count: int) -> list[Effect]:
        effects: list[Effect] = []
        for one in self._undecided[:count]:
            if self._verdict(one) is Verdict.GIVEN_UP:
                effects += self._give_up(one)
            elif one.end is None:
                effects += self._take_spoken(one)
            elif one.end.whole is not None and self._rejoined.close(one.onset_ms, one.end.whole):
                effects += self._take_whole(one, one.end.whole, one.end.end_ms)
            else:
                effects += self._take_closed(one, one.end)
        return effects

    def _take_spoken(self, one: _Contested) -> list[Effect]:
        whole = self._rejoined.go_on(one.onset_ms)
        if whole is None:
            effects = self._takes(one.item_id, one.start_ms)
            return [*effects, *self._let_on(one), *self._left(one)]
        one.asks = False
        effects = self._takes(whole.item_id, whole.start_ms)
        return [*effects, self._turns.rehear(whole.item_id), *self._left(one)]

    def _take_closed(self, one: _Contested, end: _End) -> list[Effect]:
        wordless = one.floor.said is Said.NOTHING
        effects = self._takes(one.item_id, one.start_ms)
        effects += [*self._let_on(one), *self._left(one)]
        stopped = self._turns.stopped(end.turn, end.end_ms, asked=end.asked, doubtful=wordless)
        return [*effects, *stopped]

    def _take_whole(self, one: _Contested, whole: ClosedTurn, end_ms: int) -> list[Effect]:
        effects = self._takes(whole.item_id, whole.start_ms)
        return [*effects, *self._forget(one), *self._turns.stopped(whole, end_ms)]

    def _takes(self, item_id: str, start_ms: int) -> list[Effect]:
        return [*self._turns.started(item_id, start_ms), *self._turns.interrupt()]

    def _give_up(self, one: _Contested) -> list[Effect]:
        if one.floor.said is Said.NOTHING:
            self._noise.heard()
        end = one.end
        is_kept = self._config.backchannels == "keep" and one.floor.said is Said.BACK_CHANNEL
        if end is None or not is_kept:
            return self._forget(one)
        return [*self._left(one), *self._turns.kept(end.turn, asked=end.asked)]

    def _forget(self, one: _Contested) -> list[Effect]:
        self._transcription.forget(one.item_id)
        return [*self._left(one), ForgetTurn(one.item_id)]

    def _let_on(self, one: _Contested, heard: Clip | None = None) -> list[Effect]:
        """Let the recogniser hear a turn on that it was asked about in the middle."""
        if not one.asks:
            return []
        one.asks = False
        if heard is None and one.end is not None:
            heard = self._turns.clip(one.end.turn.audio)
        return [ResumeTurn(one.item_id, heard or self._turns.heard_so_far())]

    def _left(self, one: _Contested) -> list[Effect]:
        """Remove a turn that is decided."""
        self._undecided.remove(one)
        effects: list[Effect] = [] if one.end is not None else [FollowSpeech(False)]
        return effects if self._undecided else [*effects, *self._playback.duck(on=False)]

    def _verdict(self, one: _Contested) -> Verdict:
        audible = self._playback.audible
        verdict = one.floor.verdict(over=one.end is not None, sounds=audible is Audible.YES)
        if verdict is Verdict.OPEN and one.end is not None and audible is Audible.NO:
            # It interrupts nothing, and a model that hears waits for nobody's words.
            return Verdict.TAKEN if self._config.hears_audio else verdict
        return verdict

    @property
    def _spoken(self) -> _Contested | None:
        """The turn in progress, if it is contested."""
        last = self._undecided[-1] if self._undecided else None
        return last if last is not None and last.end is None else None

    def _of(self, item_id: str) -> _Contested | None:
        return next((one for one in self._undecided if one.item_id == item_id), None)
