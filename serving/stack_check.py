"""`python main.py --check`: does the configured stack work, and if not, what is to be done?

Every stage is tried as a session would use it: the voice says a sentence, the recogniser hears
it, the model answers a prompt. A stage that fails does not keep the others from being tried.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings

from audio.pcm import SAMPLE_RATE, WIRE_RATE, Resampler
from config import ConfigError, Settings
from flow.watchdog import Patience
from hearing.recogniser_pipeline import TranscriptOutput, TurnInput
from pipeline_manager import PipelineManager
from providers import llm as llm_providers
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import LLMProvider, Provider, ProviderSetupError, STTProvider, TTSProvider
from providers.frames import CompletionFrame, TurnAudioFrame, TurnCommittedFrame, TurnStartedFrame
from session.ports import FailureReason, ResponseRequest
from session.reports import (
    AudioMade,
    ResponseFailed,
    ResponseFinished,
    ResponseReport,
    TextMade,
)
from session.session_config import DEFAULT_VOICE

SENTENCE = "Hello, this is a short test of the voice."
PROMPT = "Say hello in one short sentence."
TURN = "check"
MAX_TOKENS = 100
LONGEST_ANSWER_S = 20
"""Seconds after which an answer is long enough."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one stage."""

    stage: str
    provider: str
    label: str
    first_result_ms: float | None = None
    """Milliseconds to the first audio or text, or from the end of the speech to the transcript."""
    result: str = ""
    error: FailureReason | None = None
    answered: bool = False
    """Whether a stage that failed had begun to answer."""

    @property
    def reachable(self) -> str:
        """`yes`, `no`, or `-` where it did not come to that."""
        if self.error is None or self.answered:
            return "yes"
        return {"provider_unreachable": "no", "provider_setup": "-"}.get(self.error.code, "yes")


async def check(settings: Settings) -> list[Verdict]:
    """Try every stage of the configured stack.

    Returns:
        TTS, STT and LLM.
    """
    tts = await _start("TTS", settings.tts.provider, lambda: tts_providers.load(settings.tts))
    stt = await _start("STT", settings.stt.provider, lambda: stt_providers.load(settings.stt))
    llm = await _start("LLM", settings.llm.provider, lambda: llm_providers.load(settings.llm))
    manager = PipelineManager(
        settings,
        stt=stt if isinstance(stt, STTProvider) else _NoSTT(),
        llm=_Reciter(),
        tts=tts if isinstance(tts, TTSProvider) else _NoTTS(),
    )
    speech = b""
    try:
        if isinstance(tts, TTSProvider):
            tts, speech = await _try_voice(manager)
        if isinstance(stt, STTProvider):
            stt = await _try_recogniser(manager, speech)
        if isinstance(llm, LLMProvider):
            manager.llm = llm
            llm = await _try_model(manager)
    finally:
        await manager.close()
    return [verdict for verdict in (tts, stt, llm) if isinstance(verdict, Verdict)]


def table(verdicts: Iterable[Verdict]) -> str:
    """Render verdicts for a terminal: one line each, and one more for what is to be done."""
    rows = [("", "provider", "model", "reachable", "first result")]
    notes = []
    for verdict in verdicts:
        took = verdict.first_result_ms
        shown = "failed" if took is None else f"after {took:.0f} ms"
        rows.append((verdict.stage, verdict.provider, verdict.label, verdict.reachable, shown))
        note = verdict.error.message if verdict.error else verdict.result
        notes.append(f"{verdict.stage}  {note}")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *notes])


async def _start(stage: str, name: str, load: Callable[[], Provider]) -> Provider | Verdict:
    provider = None
    try:
        provider = load()
        await provider.start()
    except (ProviderSetupError, ConfigError) as error:
        label = provider.label if provider else "-"
        return Verdict(stage, name, label, error=FailureReason(str(error), "provider_setup"))
    return provider


async def _try_voice(manager: PipelineManager) -> tuple[Verdict, bytes]:
    config = manager.settings.tts
    voice = config.voice_id or DEFAULT_VOICE
    outcome = _Outcome()
    await outcome.of(manager, ResponseRequest("check", SENTENCE, [], voice=voice))
    label = f"{manager.tts.label}, voice {voice}"
    error = outcome.error
    if error is None and not outcome.pcm:
        error = FailureReason(f"TTS {label} made no audio for “{SENTENCE}”. Check the voice.")
    seconds = len(outcome.pcm) / (2 * WIRE_RATE)
    result = f"said “{SENTENCE}” in {seconds:.1f} s of audio"
    verdict = Verdict("TTS", config.provider, label, outcome.first_audio_ms, result)
    return verdict if error is None else _failed(verdict, error), bytes(outcome.pcm)


async def _try_model(manager: PipelineManager) -> Verdict:
    config = manager.settings.llm
    messages = [{"role": "user", "content": PROMPT}]
    outcome = _Outcome()
    await outcome.of(
        manager,
        ResponseRequest(
            "check",
            config.default_instructions,
            messages,
            max_output_tokens=MAX_TOKENS,
            spoken=False,
        ),
    )
    said = " ".join(outcome.words.split())
    error = outcome.error
    if error is None and not said:
        error = FailureReason(f"LLM {manager.llm.label} answered with no text. Check the model.")
    result = f"answered “{said if len(said) <= 80 else said[:79] + '…'}”"
    verdict = Verdict("LLM", config.provider, manager.llm.label, outcome.first_text_ms, result)
    return verdict if error is None else _failed(verdict, error)


def _failed(verdict: Verdict, error: FailureReason) -> Verdict:
    """Return the verdict on a stage that failed, perhaps in the middle of its answer."""
    answered = verdict.first_result_ms is not None
    return replace(verdict, first_result_ms=None, error=error, answered=answered)


async def _try_recogniser(manager: PipelineManager, speech: bytes) -> Verdict:
    config = manager.settings.stt
    resampler = Resampler(WIRE_RATE, SAMPLE_RATE)
    pcm = resampler.push(speech or bytes(2 * WIRE_RATE)) + resampler.flush()
    outcome: asyncio.Future[str | FailureReason] = asyncio.get_running_loop().create_future()
    output = TranscriptOutput(
        manager.stt,
        lambda _item, _text: None,
        lambda _item, text: outcome.set_result(text),
        lambda _item, error: outcome.set_result(error),
    )
    pipeline = manager.hearing_pipeline(TurnInput(), manager.create_stt(), output)
    try:
        await pipeline.push(TurnStartedFrame(TURN, config.language))
        await pipeline.push(TurnAudioFrame(TURN, pcm))
        begun = time.monotonic()
        await pipeline.push(TurnCommittedFrame(TURN, pcm, config.language))
        result = await outcome
        took_ms = 1000 * (time.monotonic() - begun)
    finally:
        await pipeline.stop()
    if isinstance(result, FailureReason):
        return Verdict("STT", config.provider, manager.stt.label, error=result)
    if speech and not result:
        error = FailureReason(
            f"STT {manager.stt.label} heard nothing in “{SENTENCE}”. "
            "Check the language and the model."
        )
        return Verdict("STT", config.provider, manager.stt.label, error=error)
    heard = f"heard “{result}”" if speech else "heard a second of silence: no voice to listen to"
    return Verdict("STT", config.provider, manager.stt.label, took_ms, heard)


class _Outcome:
    """Collects what a response's pipeline makes; to it, a client that reads all (`ClientRoom`)."""

    def __init__(self) -> None:
        self.words = ""
        self.pcm = bytearray()
        self.error: FailureReason | None = None
        self.first_text_ms: float | None = None
        self.first_audio_ms: float | None = None
        self._begun = 0.0
        self._done = asyncio.Event()

    async def of(self, manager: PipelineManager, request: ResponseRequest) -> None:
        """Generate a response and collect it."""
        self._begun = time.monotonic()
        pipeline = manager.response_pipeline(request, self._take, self)
        await pipeline.start()
        # What has begun to answer works, even if it never comes to an end.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s(manager) + LONGEST_ANSWER_S):
                await self._done.wait()
        await pipeline.stop()

    @property
    def has_room(self) -> bool:
        """Nobody reads slowly here."""
        return True

    async def room(self) -> None:
        """There is nothing to wait for."""

    @staticmethod
    def _patience_s(manager: PipelineManager) -> float:
        """Return after how long a stage that says nothing at all has been given up."""
        stages = (manager.settings.llm, manager.settings.tts)
        return sum(Patience.of(stage).first_s for stage in stages)

    def _take(self, report: ResponseReport) -> None:
        """Take what the pipeline reports; of failures the first reason counts."""
        match report:
            case TextMade(delta=delta):
                self.words += delta
                if self.first_text_ms is None:
                    self.first_text_ms = self._elapsed_ms()
            case AudioMade(pcm=pcm):
                self.pcm += pcm
                if self.first_audio_ms is None:
                    self.first_audio_ms = self._elapsed_ms()
            case ResponseFinished():
                self._done.set()
            case ResponseFailed(error=error):
                self.error = self.error or error
                self._done.set()

    def _elapsed_ms(self) -> float:
        return 1000 * (time.monotonic() - self._begun)


class _Reciter(LLMProvider):
    """A model that says its instructions, for the voice to be tried without the model."""

    label = "the check"

    def create(self, request: ResponseRequest) -> LLMService[Any]:
        """Build it."""
        return _Recital(request.instructions)


class _Recital(LLMService[Any]):
    def __init__(self, text: str) -> None:
        super().__init__(settings=LLMSettings(model="check"))
        self._text = text

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame(self._text))
        await self.push_frame(CompletionFrame("stop"))
        await self.push_frame(LLMFullResponseEndFrame())


class _NoSTT(STTProvider):
    """Stands where there is no recogniser to try."""

    label = "-"

    def create(self) -> NoReturn:
        """Is never asked."""
        raise ProviderSetupError("There is no recogniser.")


class _NoTTS(TTSProvider):
    """Stands where there is no voice to try."""

    label = "-"

    def create(self, voice: str) -> NoReturn:
        """Is never asked."""
        raise ProviderSetupError("There is no voice.")
