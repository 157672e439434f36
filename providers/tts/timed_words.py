"""Tells what a Pipecat voice with word times is saying: such as Cartesia, and others by name.

Pipecat's services report words with their times in the audio of a context, and hand a clause on
when it is sent, which is long before it is spoken where the service takes text while it speaks. So
a clause is held back here until the first of its words is timed; the first clause of all is not.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from pipecat.frames.frames import AggregatedTextFrame, Frame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.services.tts_service import TTSService
from pipecat.utils.context.word_timestamp_tracker import WordTimestamp

from audio.pcm import duration_ms
from providers.frames import WordTimesFrame
from providers.tts.word_places import WordsByName

PATIENCE_MS = 3000
"""Audio without the time of a word, after which a voice is taken for one that tells none."""


class TimedClauses:
    """The clauses of one response and which of them is being spoken."""

    def __init__(self) -> None:
        """Begin without a clause."""
        self._waiting: deque[AggregatedTextFrame] = deque()
        self._words: WordsByName | None = None
        """Of the clause that is being spoken."""
        self._told = False
        """Whether any word was timed."""
        self._silent_ms = 0.0
        """Audio that came before any word was timed."""

    @property
    def _tells(self) -> bool:
        return self._told or self._silent_ms < PATIENCE_MS

    def add(self, clause: AggregatedTextFrame) -> bool:
        """Take a clause that was sent; return whether it is held back until it is spoken."""
        held = self._words is not None and self._tells
        if held:
            self._waiting.append(clause)
        else:
            self._words = WordsByName(clause.text)
        return held

    def said(self, word: str, ms: float) -> Iterator[AggregatedTextFrame | WordTimesFrame]:
        """Yield what a word that is said tells: a clause that begins, and its own time.

        Args:
            word: As the voice names it.
            ms: When it is said, from the end of the audio so far.
        """
        self._told = True
        before = None if self._words is None or self._words.done else self._words.find(word)
        if before is None and self._waiting:
            words = WordsByName(self._waiting[0].text)
            before = words.find(word)
            if before is not None:
                self._words = words
                yield self._waiting.popleft()
        if before is not None:
            yield WordTimesFrame([(before, ms)])

    def made(self, ms: float) -> Iterator[AggregatedTextFrame]:
        """Take the length of new audio; yield the clauses of a voice that times no words."""
        if not self._told:
            self._silent_ms += ms
            if not self._tells:
                yield from self.rest()

    def rest(self) -> Iterator[AggregatedTextFrame]:
        """Yield the clauses of which no word was timed."""
        while self._waiting:
            yield self._waiting.popleft()


class TimedWords(TTSService):
    """A mixin to put before the class of a service; of one without word times it changes nothing.

    It relies on what `answering/voice_lead.py` does: all audio, and every timed word, enters the
    queue by `append_to_audio_context`. A service with word times does not push the text itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Build the service."""
        super().__init__(*args, **kwargs)
        self._clauses = TimedClauses()
        self._made_ms: defaultdict[str, float] = defaultdict(float)
        """Audio so far, by context."""

    async def _announce_text(self, src_frame: AggregatedTextFrame, context_id: str) -> None:
        if self._push_text_frames or not self._clauses.add(src_frame):
            await super()._announce_text(src_frame, context_id)
            return
        src_frame.append_to_context = False
        src_frame.context_id = context_id
        src_frame.will_be_spoken = True

    async def append_to_audio_context(
        self, context_id: str | None, frame: Frame | WordTimestamp | None
    ) -> None:
        """Queue a frame, and before it what is known of the words."""
        if context_id and not self._push_text_frames:
            for told in self._told_by(context_id, frame):
                await super().append_to_audio_context(context_id, told)
        await super().append_to_audio_context(context_id, frame)

    def _told_by(
        self, context_id: str, frame: Frame | WordTimestamp | None
    ) -> Iterator[AggregatedTextFrame | WordTimesFrame]:
        if isinstance(frame, WordTimestamp):
            yield from self._clauses.said(
                frame.word, frame.timestamp * 1000 - self._made_ms[context_id]
            )
        elif isinstance(frame, TTSAudioRawFrame):
            ms = duration_ms(frame.audio, frame.sample_rate)
            self._made_ms[context_id] += ms
            yield from self._clauses.made(ms)
        elif isinstance(frame, TTSStoppedFrame):
            yield from self._clauses.rest()
