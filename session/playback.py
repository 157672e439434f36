"""Who plays the answers, and what of them was heard (§B.5, A.11).

On a WebSocket the client plays: what was made counts as heard until it truncates. With
`Media.TRACKS` the peer plays: it reports when a response is heard first and when all of its audio
was played. So the session tells clients of the playback, interrupts what sounds (a response that is
over included), truncates it at what was played, and measures the user's silence from the end of the
sound.

Pure state machines over the session's own effects: every batch of them passes `follow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from session.conversation import Conversation
from session.effects import Duck, Effect, OutputAudio, Send, Silence
from session.items import AssistantMessage
from session.reports import PlaybackDrained, PlaybackReport, PlaybackStarted
from session.user_silence import UserSilence
from wire.media import Media
from wire.response_events import (
    OutputBufferCleared,
    OutputBufferStarted,
    OutputBufferStopped,
    ResponseDone,
)
from wire.session_events import ItemTruncated

MARGIN_MS = 2000
"""How long an answer may sound on behind the time when it would be over if it had been played as
soon as it was made: the client's buffers."""


class Audible(Enum):
    """Whether an answer sounds at the client's."""

    NO = "no"
    MAYBE = "maybe"
    """Only if the client plays late."""
    YES = "yes"


class Clock:
    """The time as the session was last told it: it reads no clock itself."""

    ms = 0.0


class Playback(Protocol):
    """The playback of a session's responses; also the `AnswerListener` of the responses."""

    @property
    def audible(self) -> Audible:
        """Whether an answer sounds that the user's voice may interrupt."""

    def duck(self, *, on: bool) -> list[Effect]:
        """Lower the voice that sounds, or restore it, where the peer plays."""

    def hushed(self) -> None:
        """The client stopped playing, as it tells by what it sends."""

    def answer_sounded(self, audio_ms: float) -> None:
        """A response in the conversation made `audio_ms` milliseconds of audio."""

    @property
    def sounds(self) -> bool:
        """Whether something waits to be played, or is played."""

    def answer_opened(self) -> None:
        """A response in the conversation began."""

    def answer_finished(self, audio_ms: float) -> None:
        """A response in the conversation ended, after `audio_ms` milliseconds of audio."""

    def unanswered(self) -> None:
        """A turn needs no answer, while no response in the conversation is active."""

    def follow(self, effects: list[Effect]) -> list[Effect]:
        """Note what the session plays and ends; returns the effects to carry out."""

    def take(self, report: PlaybackReport) -> list[Effect]:
        """Take what the peer reports of its playback."""

    def interrupt(self, cancelled: list[Effect]) -> list[Effect]:
        """Stop all that sounds: the user speaks, or the client asks for it.

        Args:
            cancelled: The end of the response that the same event cancels; it comes between.

        Returns:
            `output_audio_buffer.cleared`, that end, and `conversation.item.truncated` (§B.5).
        """


class ClientPlayback:
    """The client plays: it stops by itself, and truncates what it did not play."""

    sounds = False
    """The client has all that was made, and needs nobody to play it."""

    def __init__(self, silence: UserSilence, written_ms: Callable[[], float], clock: Clock) -> None:
        """Start in silence.

        Args:
            silence: Is told when the sound must have ended.
            written_ms: Returns how much audio the client has sent, in ms: while it sends, its
                clock.
            clock: The time, for a client that sends nothing while it plays.
        """
        self._silence = silence
        self._written_ms = written_ms
        self._clock = clock
        self._sounding = False
        """Whether the response in progress has made audio."""
        self._ends: tuple[float, float] | None = None
        """When all would have been played, by the client's clock and the server's, in ms; None:
        nothing is played."""

    @property
    def audible(self) -> Audible:
        """Whether an answer sounds, as far as that can be told from what was made."""
        if self._sounding:
            return Audible.YES
        if self._ends is None:
            return Audible.NO
        left_ms = min(end - now for end, now in zip(self._ends, self._now, strict=True))
        if left_ms > 0:
            return Audible.YES
        return Audible.MAYBE if left_ms > -MARGIN_MS else Audible.NO

    @property
    def _now(self) -> tuple[float, float]:
        return self._written_ms(), self._clock.ms

    def duck(self, *, on: bool) -> list[Effect]:
        """Do nothing: the client plays."""
        return []

    def hushed(self) -> None:
        """Nothing sounds any more."""
        self._sounding, self._ends = False, None

    def answer_sounded(self, audio_ms: float) -> None:
        """More is played, behind what is played already."""
        written_ms, clock_ms = self._now
        ends = self._ends or (0.0, 0.0)
        self._sounding = True
        self._ends = max(ends[0], written_ms) + audio_ms, max(ends[1], clock_ms) + audio_ms

    def answer_opened(self) -> None:
        """A response in the conversation began."""
        self._silence.answer_opened()

    def answer_finished(self, audio_ms: float) -> None:
        """A response ended; the client plays it from now on at the latest."""
        self._sounding = False
        self._silence.answer_finished(audio_ms)

    def unanswered(self) -> None:
        """A turn needs no answer: the user is silent again."""
        self._silence.answer_finished(0)

    def follow(self, effects: list[Effect]) -> list[Effect]:
        """Return the effects as they are."""
        return effects

    def take(self, _report: PlaybackReport) -> list[Effect]:
        """Do nothing: there is none."""
        return []

    def interrupt(self, cancelled: list[Effect]) -> list[Effect]:
        """Return the end of the cancelled response, behind the order to be silent."""
        self.hushed()
        return [Silence(), *cancelled]


@dataclass(slots=True)
class _Sounding:
    """A response with audio that was given to the peer, until its end was played."""

    item_ids: list[str] = field(default_factory=list)
    """Its spoken items, in order."""
    started: bool = False
    """Whether the first of it was heard."""
    drained: bool = False
    """Whether all that there is so far was played."""
    over: bool = False
    """Whether `response.done` was sent: no more audio comes."""


class ServerPlayback:
    """The peer plays: the responses that sound, in the order in which they are played."""

    def __init__(self, conversation: Conversation, silence: UserSilence) -> None:
        """Start with nothing to play.

        Args:
            conversation: Its items are truncated at what was played of them.
            silence: Is told when the sound has ended.
        """
        self._conversation = conversation
        self._silence = silence
        self._sounding: dict[str, _Sounding] = {}
        self._muted: set[str] = set()
        """Responses that go on, but whose playback was stopped for good."""
        self._answering = False

    @property
    def sounds(self) -> bool:
        """Whether something waits to be played, or is played."""
        return bool(self._sounding)

    @property
    def audible(self) -> Audible:
        """Whether something waits to be played, or is played: the peer tells."""
        return Audible.YES if self._sounding else Audible.NO

    def duck(self, *, on: bool) -> list[Effect]:
        """Let the peer lower the voice, or restore it."""
        return [Duck(on)]

    def hushed(self) -> None:
        """Do nothing: the client does not play."""

    def answer_sounded(self, _audio_ms: float) -> None:
        """Do nothing: what is played is known."""

    def answer_opened(self) -> None:
        """A response in the conversation began."""
        self._answering = True
        self._silence.answer_opened()

    def answer_finished(self, _audio_ms: float) -> None:
        """A response in the conversation ended; it may sound on."""
        self._answering = False

    def unanswered(self) -> None:
        """A turn needs no answer: the user is silent again, once nothing sounds."""
        self._measure()

    def follow(self, effects: list[Effect]) -> list[Effect]:
        """Note what the session plays and ends; returns the effects to carry out."""
        followed: list[Effect] = []
        for effect in effects:
            match effect:
                case OutputAudio(response_id=response_id) if response_id in self._muted:
                    continue
                case OutputAudio(response_id=response_id, item_id=item_id):
                    sounding = self._sounding.setdefault(response_id, _Sounding())
                    sounding.drained = False
                    if item_id not in sounding.item_ids:
                        sounding.item_ids.append(item_id)
                case Send(ResponseDone(response)):
                    followed.append(effect)
                    followed += self._done(response["id"])
                    continue
            followed.append(effect)
        return followed

    def take(self, report: PlaybackReport) -> list[Effect]:
        """Take what the peer reports of its playback."""
        sounding = self._sounding.get(report.response_id)
        if sounding is None:
            return []
        match report:
            case PlaybackStarted(response_id):
                sounding.started = True
                return [Send(OutputBufferStarted(response_id))]
            case PlaybackDrained(response_id):
                sounding.drained = True
                for item_id in sounding.item_ids:
                    self._conversation.played(item_id, None)
                return self._stopped(response_id) if sounding.over else []

    def interrupt(self, cancelled: list[Effect]) -> list[Effect]:
        """Stop all that sounds, at what was played of it."""
        silenced, self._sounding = self._sounding, {}
        if not silenced:
            return cancelled
        # What goes on (a response outside the conversation, or one that was not cancelled) is
        # generated to its end and not heard any more.
        self._muted |= {name for name, one in silenced.items() if not one.over}
        cleared = [
            Send(OutputBufferCleared(response_id))
            for response_id, one in silenced.items()
            if one.started
        ]
        items = [item_id for one in silenced.values() for item_id in one.item_ids]
        truncated = [effect for item_id in items for effect in self._truncated(item_id)]
        self._measure()
        return [Silence(), *cleared, *cancelled, *truncated]

    def _done(self, response_id: str) -> list[Effect]:
        self._muted.discard(response_id)
        sounding = self._sounding.get(response_id)
        if sounding is None:
            self._measure()
            return []
        sounding.over = True
        return self._stopped(response_id) if sounding.drained else []

    def _stopped(self, response_id: str) -> list[Effect]:
        del self._sounding[response_id]
        self._measure()
        return [Send(OutputBufferStopped(response_id))]

    def _measure(self) -> None:
        if not self._answering and not self._sounding:
            self._silence.answer_finished(0)

    def _truncated(self, item_id: str) -> Iterator[Effect]:
        """Cut an item at what was played, unless that is all of it or it is cut already."""
        item = self._conversation.get(item_id)
        if not isinstance(item, AssistantMessage) or item.audio is None or item.audio.truncated:
            return
        made_ms, played_ms = item.audio.ms, item.audio.played_ms
        heard_ms = made_ms if played_ms is None else min(played_ms, made_ms)
        if heard_ms == made_ms and item.status == "completed":
            return
        self._conversation.truncate(item_id, 0, int(heard_ms))
        yield Send(ItemTruncated(item_id, 0, int(heard_ms)))


def playback(
    media: Media,
    conversation: Conversation,
    silence: UserSilence,
    written_ms: Callable[[], float],
    clock: Clock,
) -> Playback:
    """Return the playback of a session with these media.

    Args:
        media: How its audio travels.
        conversation: See `ServerPlayback`.
        silence: Is told when the sound has ended.
        written_ms: See `ClientPlayback`.
        clock: See `ClientPlayback`.
    """
    if media is Media.TRACKS:
        return ServerPlayback(conversation, silence)
    return ClientPlayback(silence, written_ms, clock)
