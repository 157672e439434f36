"""One stage of a stack is tried, as a session would use it, and judged by what it made.

The voice says a sentence, the recogniser hears it, the model answers a prompt, or repeats the
sentence if it hears. What was heard is compared with what was said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.pcm import SAMPLE_RATE, WIRE_RATE, Resampler
from config import ConfigError, LLMConfig, STTConfig, TTSConfig
from hearing.word_errors import WordErrors, compare
from providers.base import (
    LLMProvider,
    Provider,
    ProviderSetupError,
    STTProvider,
    TTSProvider,
)
from serving.check_verdicts import Verdict
from serving.stage_trials import answer, hear, repeat, speak
from session.ports import FailureReason
from session.session_config import DEFAULT_VOICE
from settings.localisation import _
from settings.upstream import UpstreamConfig

PROMPT = "Say hello in one short sentence."
"""What a model is asked that hears nothing."""

Configured = LLMConfig | STTConfig | TTSConfig | UpstreamConfig
"""The settings of a stage, or of what stands in the place of all."""
_Kind = TypeVar("_Kind", bound=Provider)


@dataclass(frozen=True, slots=True)
class Speech:
    """What the voice said."""

    text: str = ""
    pcm: bytes = b""
    """16-bit mono at 24 kHz; empty: it said nothing."""
    lifelike: bool = True
    """Whether a recogniser can be expected to understand it."""


NOTHING = Speech()
"""What a stage says that has no voice."""


@asynccontextmanager
async def started(
    stage: str, config: Configured, running: _Kind | None, load: Callable[[], _Kind]
) -> AsyncIterator[_Kind | Verdict]:
    """Yield a provider that has started, or why it cannot; closes it unless it was running."""
    if running is not None:
        yield running
        return
    provider = None
    try:
        provider = load()
        await provider.start()
    except (ProviderSetupError, ConfigError) as error:
        label = provider.label if provider else "-"
        reason = FailureReason(str(error), "provider_setup")
        yield Verdict(stage, config.provider or "", label, error=reason)
        return
    try:
        yield provider
    finally:
        await provider.close()


async def check_voice(
    provider: TTSProvider | Verdict, config: TTSConfig, sentence: str
) -> tuple[Verdict, Speech]:
    """Try the voice.

    Args:
        provider: The voice, or why there is none.
        config: Its settings.
        sentence: What it is to say.

    Returns:
        What became of it, and what it said.
    """
    if isinstance(provider, Verdict):
        return provider, NOTHING
    voice = config.voice_id or DEFAULT_VOICE
    made = await speak(provider, config, voice, sentence)
    label = _("{model}, voice {voice}").format(model=provider.label, voice=voice)
    error = made.error
    if error is None and not made.pcm:
        error = FailureReason(
            _("TTS {label} made no audio for “{sentence}”. Check the voice.").format(
                label=label, sentence=sentence
            )
        )
    seconds = len(made.pcm) / (2 * WIRE_RATE)
    result = _("said “{sentence}” in {seconds:.1f} s of audio").format(
        sentence=sentence, seconds=seconds
    )
    verdict = Verdict("TTS", config.provider, label, made.first_audio_ms, result)
    said = Speech(sentence, bytes(made.pcm), provider.lifelike)
    return verdict if error is None else verdict.failed(error), said


async def check_recogniser(
    provider: STTProvider | Verdict, config: STTConfig, speech: Speech, *, judged: bool
) -> Verdict:
    """Try the recogniser with what the voice said, or with silence if it said nothing.

    Args:
        provider: The recogniser, or why there is none.
        config: Its settings.
        speech: What the voice said.
        judged: Whether the sentence is one in the recogniser's language.
    """
    if isinstance(provider, Verdict):
        return provider
    resampler = Resampler(WIRE_RATE, SAMPLE_RATE)
    pcm = resampler.push(speech.pcm or bytes(2 * WIRE_RATE)) + resampler.flush()
    heard = await hear(provider, config, pcm)
    label = provider.label
    if isinstance(heard.result, FailureReason):
        return Verdict("STT", config.provider, label, error=heard.result)
    understood = True
    result = _("heard a second of silence: no voice to listen to")
    if speech.pcm:
        understood = bool(heard.result)
        result = _("heard “{text}”").format(text=heard.result)
        if speech.lifelike and provider.lifelike and judged:
            found = compare(speech.text, heard.result)
            understood = found.understood
            result += _right_words(found)
    if not understood:
        return Verdict("STT", config.provider, label, error=_misheard(label, speech, result))
    return Verdict("STT", config.provider, label, heard.took_ms, result)


def _right_words(found: WordErrors) -> str:
    return _(": {right} of {said} words right").format(right=found.right, said=found.said)


def _misheard(label: str, speech: Speech, result: str) -> FailureReason:
    return FailureReason(
        _(
            "STT {label} {result}, where the voice said “{text}”. Check the language and the model "
            "of the recogniser (stt.language, stt.model), and whether the voice speaks it clearly."
        ).format(label=label, result=result, text=speech.text)
    )


async def check_model(
    provider: LLMProvider | Verdict, config: LLMConfig, speech: Speech, *, judged: bool
) -> Verdict:
    """Try the model with a prompt; one that hears, with what the voice said, if it said anything.

    Args:
        provider: The model, or why there is none.
        config: Its settings.
        speech: What the voice said.
        judged: Whether the sentence is one in the recogniser's language.
    """
    if isinstance(provider, Verdict):
        return provider
    hears = config.audio_input and bool(speech.pcm)
    if hears:
        made = await repeat(provider, config, Clip(speech.pcm, AudioFormat(), None))
    else:
        made = await answer(provider, config, PROMPT)
    label = provider.label
    said = " ".join(made.words.split())
    error = made.error
    if error is None and not said:
        error = FailureReason(
            _("LLM {label} answered with no text. Check the model.").format(label=label)
        )
    shown = said if len(said) <= 80 else said[:79] + "…"
    result = _("answered “{text}”").format(text=shown)
    if hears:
        result = _("heard the voice and repeated “{text}”").format(text=shown)
    elif config.audio_input:
        result += _("; it was given no audio: there was no voice to listen to")
    if error is None and hears and judged and speech.lifelike:
        found = compare(speech.text, said)
        result += _right_words(found)
        if not found.right:
            error = _deaf(label, speech, shown)
    verdict = Verdict("LLM", config.provider, label, made.first_text_ms, result)
    return verdict if error is None else verdict.failed(error)


def _deaf(label: str, speech: Speech, said: str) -> FailureReason:
    return FailureReason(
        _(
            "LLM {label} was given “{text}” as audio (llm.audio_input), was asked to repeat it, "
            "and said “{said}”. Some servers ignore audio without a word: check that the model "
            "hears (llm.model), and that its server passes audio on to it."
        ).format(label=label, text=speech.text, said=said)
    )
