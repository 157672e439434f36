"""`python main.py --check`: does the configured stack work, and if not, what is to be done?

Every stage is tried by itself, as a session would use it: the voice says a sentence, the
recogniser hears it, the model answers a prompt. A stage that fails does not keep the others from
being tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from audio.pcm import SAMPLE_RATE, WIRE_RATE, Resampler
from config import ConfigError, LLMConfig, Settings, STTConfig, TTSConfig
from providers import llm as llm_providers
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import Provider, ProviderSetupError
from serving.stage_trials import answer, hear, speak
from session.ports import FailureReason
from session.session_config import DEFAULT_VOICE

SENTENCE = "Hello, this is a short test of the voice."
PROMPT = "Say hello in one short sentence."

_Kind = TypeVar("_Kind", bound=Provider)


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
    tts, speech = await _check_voice(settings.tts)
    stt = await _check_recogniser(settings.stt, speech)
    llm = await _check_model(settings.llm)
    return [tts, stt, llm]


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


async def _start(stage: str, name: str, load: Callable[[], _Kind]) -> _Kind | Verdict:
    provider = None
    try:
        provider = load()
        await provider.start()
    except (ProviderSetupError, ConfigError) as error:
        label = provider.label if provider else "-"
        return Verdict(stage, name, label, error=FailureReason(str(error), "provider_setup"))
    return provider


async def _check_voice(config: TTSConfig) -> tuple[Verdict, bytes]:
    """Try the voice; returns what it said, too, as 16-bit mono PCM at 24 kHz."""
    provider = await _start("TTS", config.provider, lambda: tts_providers.load(config))
    if isinstance(provider, Verdict):
        return provider, b""
    voice = config.voice_id or DEFAULT_VOICE
    try:
        made = await speak(provider, config, voice, SENTENCE)
    finally:
        await provider.close()
    label = f"{provider.label}, voice {voice}"
    error = made.error
    if error is None and not made.pcm:
        error = FailureReason(f"TTS {label} made no audio for “{SENTENCE}”. Check the voice.")
    seconds = len(made.pcm) / (2 * WIRE_RATE)
    result = f"said “{SENTENCE}” in {seconds:.1f} s of audio"
    verdict = Verdict("TTS", config.provider, label, made.first_audio_ms, result)
    return verdict if error is None else _failed(verdict, error), bytes(made.pcm)


async def _check_recogniser(config: STTConfig, speech: bytes) -> Verdict:
    """Try the recogniser with what the voice said, or with silence if it said nothing."""
    provider = await _start("STT", config.provider, lambda: stt_providers.load(config))
    if isinstance(provider, Verdict):
        return provider
    resampler = Resampler(WIRE_RATE, SAMPLE_RATE)
    pcm = resampler.push(speech or bytes(2 * WIRE_RATE)) + resampler.flush()
    try:
        heard = await hear(provider, config, pcm)
    finally:
        await provider.close()
    label = provider.label
    if isinstance(heard.result, FailureReason):
        return Verdict("STT", config.provider, label, error=heard.result)
    if not speech:
        result = "heard a second of silence: no voice to listen to"
    elif heard.result:
        result = f"heard “{heard.result}”"
    else:
        error = FailureReason(
            f"STT {label} heard nothing in “{SENTENCE}”. Check the language and the model."
        )
        return Verdict("STT", config.provider, label, error=error)
    return Verdict("STT", config.provider, label, heard.took_ms, result)


async def _check_model(config: LLMConfig) -> Verdict:
    provider = await _start("LLM", config.provider, lambda: llm_providers.load(config))
    if isinstance(provider, Verdict):
        return provider
    try:
        made = await answer(provider, config, PROMPT)
    finally:
        await provider.close()
    label = provider.label
    said = " ".join(made.words.split())
    error = made.error
    if error is None and not said:
        error = FailureReason(f"LLM {label} answered with no text. Check the model.")
    result = f"answered “{said if len(said) <= 80 else said[:79] + '…'}”"
    verdict = Verdict("LLM", config.provider, label, made.first_text_ms, result)
    return verdict if error is None else _failed(verdict, error)


def _failed(verdict: Verdict, error: FailureReason) -> Verdict:
    """Return the verdict on a stage that failed, perhaps in the middle of its answer."""
    answered = verdict.first_result_ms is not None
    return replace(verdict, first_result_ms=None, error=error, answered=answered)
