"""The turns of a session, heard by a Whisper model that all sessions share.

A turn is decoded as a whole: when it ends, or at a pause, in case it ends there
(`hearing/turn_recognition.py`). While the user speaks, what was said so far may be decoded as often
as a thread is free for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from pipecat.utils.errors import ErrorCategory

from audio.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from providers.frames import TurnCommittedFrame, TurnStartedFrame
from providers.in_process.engine_pool import EnginePool
from providers.stt.short_window import Part, ShortWindow, Wishes, floats
from providers.stt.turns import TurnFailure, TurnSTTService
from session.ports import Transcript, TranscriptionSettings

_BYTES_PER_MS = SAMPLE_RATE * BYTES_PER_SAMPLE // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What the turns of all sessions have in common."""

    engine: ShortWindow
    pool: EnginePool
    """Its threads: as many turns are decoded at a time."""
    language: str | None
    """The configured language."""
    limit_s: float
    """Seconds that a transcript may take beyond the length of its turn."""
    is_noise: Callable[[Part], bool] = lambda part: part.is_noise
    partial_ms: int = 0
    """Milliseconds of audio after which an open turn is decoded anew; 0: only when it is over."""


@dataclass(slots=True)
class _Spoken:
    """A turn that is being spoken."""

    settings: TranscriptionSettings
    audio: bytearray = field(default_factory=bytearray)
    decoded: int = 0
    """Bytes of which the user has been, or is being, shown a transcript."""
    partial: asyncio.Task[None] | None = None


class WhisperTurns(TurnSTTService):
    """The recogniser of one session."""

    def __init__(self, hearing: Hearing) -> None:
        """Recognise with a model that is loaded."""
        super().__init__()
        self._hearing = hearing
        self._unfinished: dict[str, _Spoken] = {}

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Open a turn."""
        self._unfinished[turn.recognition_id] = _Spoken(turn.settings)

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Decode what was said so far, if it is time and a thread is free."""
        if not self._hearing.partial_ms:
            # The commit brings all of the audio.
            return
        turn = self._unfinished[recognition_id]
        turn.audio += audio
        is_due = len(turn.audio) - turn.decoded >= self._hearing.partial_ms * _BYTES_PER_MS
        if is_due and self._hearing.pool.has_free_thread and self._is_idle(turn):
            turn.decoded = len(turn.audio)
            turn.partial = self.create_task(
                self._show(recognition_id, bytes(turn.audio), turn.settings),
                f"partial {recognition_id}",
            )

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Decode the turn and push its transcript."""
        await self._close(frame.recognition_id)
        limit_s = self._hearing.limit_s + len(frame.audio) / (1000 * _BYTES_PER_MS)
        try:
            async with asyncio.timeout(limit_s):
                transcript = await self._transcribe(
                    frame.audio, frame.settings, so_far=frame.so_far
                )
        except TimeoutError as error:
            reason = f"it gave no result within {limit_s:.0f} s"
            raise TurnFailure(reason, ErrorCategory.CONNECTIVITY) from error
        await self.push_final(frame.recognition_id, transcript)

    async def discard_turn(self, recognition_id: str) -> None:
        """Forget a turn. What it waits for is never begun."""
        await self._close(recognition_id)

    async def _close(self, recognition_id: str) -> None:
        turn = self._unfinished.pop(recognition_id, None)
        if turn is not None and turn.partial is not None:
            await self.cancel_task(turn.partial)

    async def _show(
        self, recognition_id: str, audio: bytes, settings: TranscriptionSettings
    ) -> None:
        transcript = await self._transcribe(audio, settings)
        if transcript.text:
            await self.push_interim(recognition_id, transcript.text)

    async def _transcribe(
        self, audio: bytes, settings: TranscriptionSettings, *, so_far: bool = False
    ) -> Transcript:
        hearing = self._hearing
        wanted = settings.in_language(hearing.language)
        wishes = Wishes(
            languages=wanted.languages,
            prompt=wanted.prompt or "",
            hot_words=", ".join(wanted.keywords),
            logprobs=wanted.logprobs,
        )
        parts: list[Part] = []
        engine = hearing.engine
        understand = engine.glimpse if so_far else engine.transcribe
        work = hearing.pool.stream(lambda: understand(floats(audio), wishes))
        async with aclosing(work) as found:
            async for part in found:
                if not hearing.is_noise(part):
                    parts.append(part)
        return Transcript(
            "".join(part.text for part in parts).strip(),
            tuple(dict.fromkeys(part.language for part in parts))
            if engine.detects(wishes.languages)
            else None,
            tuple(one for part in parts for one in part.logprobs) if wanted.logprobs else None,
            min((part.no_speech_prob for part in parts), default=None),
        )

    @staticmethod
    def _is_idle(turn: _Spoken) -> bool:
        return turn.partial is None or turn.partial.done()
