"""The recognisers of one session on a model of sherpa-onnx that all sessions share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601
from pipecat.utils.types import NOT_GIVEN, NotGiven

from audio.pcm import SAMPLE_RATE
from providers.frames import LANGUAGES, TurnCommittedFrame, TurnStartedFrame
from providers.in_process.engine_pool import EnginePool
from providers.stt.turns import TurnFailure, TurnSTTService

STEP_BYTES = SAMPLE_RATE * 2 // 10
"""Audio that is worth a way to another thread: 100 ms."""
PIECE_BYTES = SAMPLE_RATE * 2 // 2
"""Most audio decoded before another turn has its turn: 500 ms."""
LONGEST_S = 28
"""Seconds of the longest piece of a turn that is heard at once: some models hear no more than half
a minute, and of others the memory grows with it."""
_QUIET_MS = 100
_SEARCH_S = 5
"""A turn that is too long is cut where it is quietest in the last so many seconds."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model, and what is known of it."""

    recogniser: Any
    """An `OnlineRecognizer` or an `OfflineRecognizer`: both may decode on several threads."""
    pool: EnginePool
    limit_s: float
    """Seconds that a turn may take beyond its own length."""
    biased: bool
    """Whether it can be told which words to expect."""
    characters: frozenset[str]
    """What these words must consist of; empty: anything."""
    detects: bool
    """Whether it finds out the language, and tells it."""
    shouts: bool
    """Whether it knows capitals alone."""
    tail_ms: int
    """Silence to put behind a turn."""

    def open(self, keywords: tuple[str, ...]) -> Any:
        """Return a new stream of the recogniser."""
        if not self.biased:
            # Greedy, the library would end the process if it were told any.
            return self.recogniser.create_stream()
        told = (keyword.replace("/", " ").strip() for keyword in keywords)
        # It would print what it cannot tell apart, and what users say belongs in no log.
        known = [word for word in told if not self.characters or self.characters.issuperset(word)]
        phrases = "/".join(word.upper() if self.shouts else word for word in known if word)
        return self.recogniser.create_stream(phrases or None)

    def written(self, text: str) -> str:
        """Return a transcript as people write it."""
        return text.strip().lower() if self.shouts else text.strip()


@dataclass(frozen=True, slots=True)
class _Heard:
    """What is understood of a piece of a turn."""

    text: str
    language: str
    """Empty: the model does not tell, or heard none."""


@dataclass
class _Settings(STTSettings):
    """Pipecat's settings under the names by which a session sets them (`wishes.py`)."""

    hotwords: list[str] | NotGiven | None = field(default_factory=lambda: NOT_GIVEN)


class WholeTurns(SegmentedSTTService):
    """Hears a turn when it is over, or may be."""

    Settings = _Settings

    def __init__(self, engine: Engine) -> None:
        """Recognise with the shared model."""
        super().__init__(
            sample_rate=SAMPLE_RATE,
            settings=_Settings(model=None, language=None, hotwords=None),
            ttfs_p99_latency=0.0,
        )
        self._engine = engine

    @property
    def wants_wav_segments(self) -> bool:
        """Take plain samples."""
        return False

    def language_to_service_language(self, language: Language) -> str | None:
        """Return the language as it is; it has been checked before, and is not asked for again."""
        return str(language)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """Transcribe one turn; failures are raised as they are, to keep their kind."""
        # Read now: these settings are the turn's, and the next turn replaces them.
        settings: Any = self._settings
        work = partial(_transcribe, self._engine, audio, tuple(settings.hotwords or ()))
        heard: list[_Heard] = []
        async with aclosing(self._engine.pool.stream(work)) as found:
            async for piece in found:
                heard.append(piece)
        text = " ".join(piece.text for piece in heard if piece.text)
        frame = TranscriptionFrame(text, self._user_id, time_now_iso8601())
        if self._engine.detects:
            languages = (piece.language for piece in heard if piece.language)
            frame.metadata[LANGUAGES] = list(dict.fromkeys(languages))
        yield frame


@dataclass(slots=True)
class _Turn:
    """A turn that is being heard."""

    stream: Any
    keywords: tuple[str, ...]
    waiting: bytearray = field(default_factory=bytearray)
    """Audio that has not been decoded yet."""
    text: str = ""


class StreamedTurns(TurnSTTService):
    """Hears a turn while it is spoken, and tells what it has understood so far.

    A greedy search only ever adds to its words, so what it tells is steady.
    """

    def __init__(self, engine: Engine) -> None:
        """Recognise with the shared model."""
        super().__init__()
        self._engine = engine
        self._heard: dict[str, _Turn] = {}

    async def begin_turn(self, turn: TurnStartedFrame) -> None:
        """Open a stream."""
        keywords = turn.settings.keywords
        self._heard[turn.recognition_id] = _Turn(self._engine.open(keywords), keywords)

    async def hear(self, recognition_id: str, audio: bytes) -> None:
        """Decode what there is, a piece at a time."""
        turn = self._heard[recognition_id]
        turn.waiting += audio
        while len(turn.waiting) >= STEP_BYTES:
            text = await self._decode(turn)
            if text and text != turn.text:
                turn.text = text
                await self.push_interim(recognition_id, text)

    async def commit_turn(self, frame: TurnCommittedFrame) -> None:
        """Decode the rest and what silence brings out, and push the transcript."""
        turn = self._heard[frame.recognition_id]
        keywords = frame.settings.keywords
        if self._engine.biased and keywords != turn.keywords:
            turn = _Turn(self._engine.open(keywords), keywords, bytearray(frame.audio))
            self._heard[frame.recognition_id] = turn
        turn.waiting += bytes(self._engine.tail_ms * SAMPLE_RATE // 1000 * 2)
        limit_s = self._engine.limit_s + len(frame.audio) / (2 * SAMPLE_RATE)
        try:
            async with asyncio.timeout(limit_s):
                while turn.waiting:
                    await self._decode(turn)
                text = await self._engine.pool.run(partial(_finish, self._engine, turn.stream))
        except TimeoutError:
            reason = f"the model gave no result within {limit_s:.0f} s"
            raise TurnFailure(reason, ErrorCategory.CONNECTIVITY) from None
        await self.push_final(frame.recognition_id, text)
        del self._heard[frame.recognition_id]

    async def discard_turn(self, recognition_id: str) -> None:
        """Let go of the stream; a piece that is being decoded holds it until it is done."""
        del self._heard[recognition_id]

    async def _decode(self, turn: _Turn) -> str:
        """Decode the next piece of a turn; returns its transcript so far."""
        piece = bytes(turn.waiting[:PIECE_BYTES])
        del turn.waiting[:PIECE_BYTES]
        return await self._engine.pool.run(partial(_hear, self._engine, turn.stream, piece))


def _hear(engine: Engine, stream: Any, audio: bytes) -> str:
    """Give a stream more audio, on a thread; returns its transcript so far."""
    stream.accept_waveform(SAMPLE_RATE, _samples(audio))
    return _decoded(engine, stream)


def _finish(engine: Engine, stream: Any) -> str:
    """End a stream, on a thread; returns its transcript."""
    stream.input_finished()
    return _decoded(engine, stream)


def _decoded(engine: Engine, stream: Any) -> str:
    while engine.recogniser.is_ready(stream):
        engine.recogniser.decode_stream(stream)
    return engine.written(engine.recogniser.get_result(stream))


def _transcribe(engine: Engine, audio: bytes, keywords: tuple[str, ...]) -> Iterator[_Heard]:
    """Transcribe a turn, on a thread."""
    for samples in _pieces(_samples(audio)):
        stream = engine.open(keywords)
        stream.accept_waveform(SAMPLE_RATE, samples)
        engine.recogniser.decode_stream(stream)
        result = stream.result
        language = result.lang.strip("<|>") if engine.detects else ""
        yield _Heard(engine.written(result.text), "" if language == "nospeech" else language)


def _samples(audio: bytes) -> Any:
    return np.frombuffer(audio, np.int16).astype(np.float32) / 32768


def _pieces(samples: Any) -> Iterator[Any]:
    """Cut a turn into pieces of at most `LONGEST_S` seconds, where it is quiet."""
    longest, step = LONGEST_S * SAMPLE_RATE, _QUIET_MS * SAMPLE_RATE // 1000
    while len(samples) > longest:
        tail = samples[longest - _SEARCH_S * SAMPLE_RATE : longest].reshape(-1, step)
        quietest = int(np.square(tail).sum(axis=1).argmin())
        cut = longest - (len(tail) - quietest) * step + step // 2
        yield samples[:cut]
        samples = samples[cut:]
    yield samples
