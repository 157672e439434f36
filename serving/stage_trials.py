"""Runs one stage once, by itself, in the pipeline in which a session would use it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService

from answering.response_pipeline import ResponsePipeline
from answering.runner import Generation
from answering.supervision import Stage
from audio.clip import Clip
from config import LLMConfig, STTConfig, TTSConfig
from flow.watchdog import Patience
from hearing.recogniser_pipeline import TranscriptOutput, TurnInput, hearing_pipeline
from providers.base import LLMProvider, STTProvider, TTSProvider
from providers.frames import TurnAudioFrame, TurnCommittedFrame, TurnStartedFrame
from serving.recital import Reciter
from session.ports import NO_WISHES, FailureReason, ResponseRequest
from session.reports import (
    AudioMade,
    ResponseFailed,
    ResponseFinished,
    ResponseReport,
    TextMade,
)
from upstream.service import UpstreamService

LONGEST_ANSWER_S = 20
"""Seconds after which an answer is long enough."""
MAX_TOKENS = 100
REPEAT = "Repeat word for word what the user says, in the user's language, and say nothing else."
"""Instructions that show what a model hears."""
_RESPONSE = _TURN = "check"


@dataclass(slots=True)
class Made:
    """What a model or a voice made."""

    words: str = ""
    pcm: bytearray = field(default_factory=bytearray)
    """16-bit mono at 24 kHz."""
    first_text_ms: float | None = None
    """Milliseconds from the start to the first words; None: there were none."""
    first_audio_ms: float | None = None
    error: FailureReason | None = None
    """The first reason why it failed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser made of a turn."""

    result: str | FailureReason
    """The transcript, or why there is none."""
    took_ms: float
    """Milliseconds from the end of the turn to the result."""


async def speak(provider: TTSProvider, config: TTSConfig, voice: str, sentence: str) -> Made:
    """Let a voice say a sentence.

    Args:
        provider: A voice that has been started.
        config: Its time-outs.
        voice: As a client would choose it.
        sentence: What to say.
    """
    request = ResponseRequest(_RESPONSE, sentence, [], voice=voice)
    patience = Patience.of(config)
    reciter = Reciter()
    recital: Stage[LLMService] = Stage("LLM", reciter.create(request), reciter, patience)
    spoken = Stage("TTS", provider.create(voice), provider, patience)
    return await _generate(request, recital, spoken, patience)


async def answer(provider: LLMProvider, config: LLMConfig, prompt: str) -> Made:
    """Let a model answer a prompt in text.

    Args:
        provider: A model that has been started.
        config: Its time-outs and instructions.
        prompt: What the user says.
    """
    return await _answer(provider, config, config.default_instructions, prompt)


async def repeat(provider: LLMProvider, config: LLMConfig, clip: Clip) -> Made:
    """Let a model that hears repeat what somebody said, in text.

    Args:
        provider: A model that has been started.
        config: Its time-outs.
        clip: What the user says.
    """
    heard = {"type": "input_audio", "item_id": _TURN, "clip": clip}
    return await _answer(provider, config, REPEAT, [heard])


async def _answer(
    provider: LLMProvider, config: LLMConfig, instructions: str, said: str | list[dict[str, Any]]
) -> Made:
    request = ResponseRequest(
        _RESPONSE,
        instructions,
        [{"role": "user", "content": said}],
        max_output_tokens=MAX_TOKENS,
        spoken=False,
    )
    patience = Patience.of(config)
    written = Stage("LLM", provider.create(request), provider, patience)
    return await _generate(request, written, None, patience)


async def converse(service: UpstreamService, config: LLMConfig, voice: str, prompt: str) -> Made:
    """Let a speech-to-speech service answer a prompt aloud, over a connection of its own.

    Args:
        service: The service, which has been started.
        config: The instructions of sessions.
        voice: As a client would choose it.
        prompt: What the user says.
    """
    messages = [{"role": "user", "content": prompt}]
    request = ResponseRequest(_RESPONSE, config.default_instructions, messages, voice=voice)
    collector = _Collector(time.monotonic())
    session = service.session()
    try:
        generation = session.generation(request, collector.take, _Reader())
        return await _made(generation, collector, service.patience)
    finally:
        await session.close()


async def hear(provider: STTProvider, config: STTConfig, pcm: bytes) -> Heard:
    """Let a recogniser hear one turn.

    Args:
        provider: A recogniser that has been started.
        config: Its time-outs and language.
        pcm: The turn, 16-bit mono at 16 kHz.

    Raises:
        ProviderSetupError: The recogniser is of a kind that knows no turns.
    """
    outcome: asyncio.Future[str | FailureReason] = asyncio.get_running_loop().create_future()
    output = TranscriptOutput(
        provider,
        lambda _item, _text: None,
        lambda _item, transcript: outcome.set_result(transcript.text),
        lambda _item, error: outcome.set_result(error),
    )
    pipeline = hearing_pipeline(TurnInput(), provider.create(), output, config)
    try:
        settings = NO_WISHES.in_language(config.language)
        await pipeline.push(TurnStartedFrame(_TURN, settings))
        await pipeline.push(TurnAudioFrame(_TURN, pcm))
        begun = time.monotonic()
        await pipeline.push(TurnCommittedFrame(_TURN, pcm, settings))
        return Heard(await outcome, _ms_since(begun))
    finally:
        await pipeline.stop()


async def _generate(
    request: ResponseRequest,
    llm: Stage[LLMService],
    tts: Stage[TTSService] | None,
    patience: Patience,
) -> Made:
    """Generate a response, and return when it has ended or is long enough.

    Args:
        request: What to generate.
        llm: A model built for it.
        tts: A voice built for it; None for text.
        patience: Of the stage that is tried.
    """
    collector = _Collector(time.monotonic())
    pipeline = ResponsePipeline(request, llm, tts, collector.take, _Reader())
    return await _made(pipeline, collector, patience)


async def _made(generation: Generation, collector: _Collector, patience: Patience) -> Made:
    await generation.start()
    # Whoever says nothing, or nothing more, has been given up by then. What has begun to answer
    # works, even if it never comes to an end.
    limit_s = patience.first_s + patience.next_s + LONGEST_ANSWER_S
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await collector.done.wait()
    await generation.stop()
    return collector.made


class _Collector:
    """Takes what a response's pipeline reports."""

    def __init__(self, begun: float) -> None:
        self.made = Made()
        self.done = asyncio.Event()
        self._begun = begun

    def take(self, report: ResponseReport) -> None:
        """Take a report; of failures the first reason counts."""
        made = self.made
        match report:
            case TextMade(delta=delta):
                made.words += delta
                if made.first_text_ms is None:
                    made.first_text_ms = _ms_since(self._begun)
            case AudioMade(pcm=pcm):
                made.pcm += pcm
                if made.first_audio_ms is None:
                    made.first_audio_ms = _ms_since(self._begun)
            case ResponseFinished():
                self.done.set()
            case ResponseFailed(error=error):
                made.error = made.error or error
                self.done.set()


class _Reader:
    """A client that reads all at once (`ClientRoom`)."""

    @property
    def has_room(self) -> bool:
        """Always."""
        return True

    async def room(self) -> None:
        """There is nothing to wait for."""


def _ms_since(begun: float) -> float:
    return 1000 * (time.monotonic() - begun)
