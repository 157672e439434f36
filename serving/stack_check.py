"""`python main.py --check`: do the configured stacks work, and if not, what is to be done?

Every stage is tried by itself, as a session would use it: the voice says a sentence, the
recogniser hears it, the model answers a prompt, or repeats the sentence if it hears. A stage that
fails does not keep the others from being tried. What was heard is compared with what was said: a
stack that mishears itself does not work, however well its services answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from audio.clip import Clip
from audio.formats import AudioFormat
from audio.pcm import SAMPLE_RATE, WIRE_RATE, Resampler
from config import ConfigError, LLMConfig, Settings, STTConfig, TTSConfig
from hearing.word_errors import compare
from pipeline_manager import PipelineManager, UpstreamManager
from providers import llm as llm_providers
from providers import stt as stt_providers
from providers import tts as tts_providers
from providers.base import (
    LLMProvider,
    Provider,
    ProviderSetupError,
    STTProvider,
    TTSProvider,
)
from serving.stacks import Stacks
from serving.stage_trials import answer, converse, hear, repeat, speak
from session.ports import FailureReason
from session.session_config import DEFAULT_VOICE
from settings.columns import columns, padded
from settings.localisation import _
from settings.stacks import DEFAULT_STACK
from settings.upstream import UpstreamConfig
from tool_servers.servers import McpServers
from tool_servers.trials import Trial, try_servers
from upstream.loading import load_upstream
from upstream.service import UpstreamService

SENTENCES = {
    "de": "Hallo, das ist ein kurzer Test der Stimme.",
    "en": "Hello, this is a short test of the voice.",
    "es": "Hola, esta es una breve prueba de la voz.",
    "fr": "Bonjour, ceci est un petit test de la voix.",
    "it": "Ciao, questa è una breve prova della voce.",
    "ja": "こんにちは、これは音声の短いテストです。",
    "ko": "안녕하세요, 이것은 짧은 음성 테스트입니다.",
    "pt": "Olá, este é um pequeno teste da voz.",
    "ru": "Здравствуйте, это короткая проверка голоса.",
    "zh": "你好，今天的天气怎么样？",
}
"""Language → what the voice says. Where it is none of these, English is said and not judged."""
PROMPT = "Say hello in one short sentence."

_Kind = TypeVar("_Kind", bound=Provider)
_Configured = LLMConfig | STTConfig | TTSConfig | UpstreamConfig


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
    stacks: tuple[str, ...] = ()
    """The names of the stacks that have it."""

    @property
    def reachable(self) -> str:
        """`yes`, `no`, or `-` where it did not come to that."""
        if self.error is None or self.answered:
            return "yes"
        return {"provider_unreachable": "no", "provider_setup": "-"}.get(self.error.code, "yes")


@dataclass(frozen=True, slots=True)
class _Speech:
    """What the voice said."""

    text: str = ""
    pcm: bytes = b""
    """16-bit mono at 24 kHz; empty: it said nothing."""
    lifelike: bool = True


@dataclass(frozen=True, slots=True)
class _Tried:
    """A stage that was tried."""

    verdict: Verdict
    speech: _Speech = _Speech()
    """What it said, if it is a voice."""


async def check(settings: Settings, running: Stacks | None = None) -> list[Verdict]:
    """Try every stage of every configured stack; a stage that several share is tried once.

    Args:
        settings: What is configured.
        running: The stacks, where they have started; None: they are loaded for the check.

    Returns:
        TTS, STT and LLM of the default stack, then what others have that it has not, and the
        operator's MCP servers.
    """
    started = {stack.name: stack.pipelines for stack in running or ()}
    tried = _Trials()
    await _check_stack(DEFAULT_STACK, settings, started.get(DEFAULT_STACK), tried)
    for name in settings.stacks:
        await _check_stack(name, settings.of_stack(name), started.get(name), tried)
    return [*tried.verdicts, *await _check_tool_servers(settings)]


async def _check_stack(
    name: str, settings: Settings, running: PipelineManager | None, tried: _Trials
) -> None:
    tts, stt, llm = (running.tts, running.stt, running.llm) if running else (None, None, None)
    language = (settings.stt.language or "en").lower().replace("_", "-").partition("-")[0]
    sentence = SENTENCES.get(language, SENTENCES["en"])
    if settings.upstream.provider is not None:

        async def talk() -> _Tried:
            service = running.upstream if isinstance(running, UpstreamManager) else None
            return _Tried(await _check_upstream(settings, service))

        await tried.once(name, talk, PROMPT, settings.upstream)
        return

    async def say() -> _Tried:
        async with _started(
            "TTS", settings.tts, tts, lambda: tts_providers.load(settings.tts)
        ) as voice:
            return await _check_voice(voice, settings.tts, sentence)

    spoke = await tried.once(name, say, sentence, settings.tts)

    async def hear() -> _Tried:
        async with _started(
            "STT", settings.stt, stt, lambda: stt_providers.load(settings.stt)
        ) as ear:
            judged = language in SENTENCES
            return _Tried(await _check_recogniser(ear, settings.stt, spoke, judged=judged))

    async def think() -> _Tried:
        async with _started(
            "LLM", settings.llm, llm, lambda: llm_providers.load(settings.llm)
        ) as model:
            judged = language in SENTENCES
            return _Tried(await _check_model(model, settings.llm, spoke, judged=judged))

    await tried.once(name, hear, sentence, settings.stt, settings.tts)
    if settings.llm.audio_input:
        await tried.once(name, think, sentence, settings.llm, settings.tts)
    else:
        await tried.once(name, think, PROMPT, settings.llm)


class _Trials:
    """What was tried so far, in order."""

    def __init__(self) -> None:
        self._done: list[tuple[str, tuple[_Configured, ...], _Tried]] = []

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of all stages."""
        return [tried.verdict for _words, _configured, tried in self._done]

    async def once(
        self,
        stack: str,
        attempt: Callable[[], Awaitable[_Tried]],
        words: str,
        *configured: _Configured,
    ) -> _Speech:
        """Try a stage of a stack, unless one that is configured alike was tried with the same.

        Args:
            stack: The stack's name.
            attempt: Tries it.
            words: What it is tried with.
            configured: Its settings, and those of what it is tried with.

        Returns:
            What was said.
        """
        for number, (tried_with, others, tried) in enumerate(self._done):
            alike = len(others) == len(configured) and all(map(_same_engine, others, configured))
            if alike and tried_with == words:
                stacks = (*tried.verdict.stacks, stack)
                again = replace(tried, verdict=replace(tried.verdict, stacks=stacks))
                self._done[number] = (words, others, again)
                return tried.speech
        tried = await attempt()
        tried = replace(tried, verdict=replace(tried.verdict, stacks=(stack,)))
        self._done.append((words, configured, tried))
        return tried.speech


def _same_engine(one: _Configured, other: _Configured) -> bool:
    if isinstance(one, UpstreamConfig) or isinstance(other, UpstreamConfig):
        return one == other
    return one.same_engine(other)


def table(verdicts: Iterable[Verdict]) -> str:
    """Render verdicts for a terminal: one line each, and one more for what is to be done."""
    verdicts = list(verdicts)
    rows = [("", _("provider"), _("model"), _("reachable"), _("first result"))]
    notes = []
    several = len({name for verdict in verdicts for name in verdict.stacks}) > 1
    for verdict in verdicts:
        stage = f"{verdict.stage} ({', '.join(verdict.stacks)})" if several else verdict.stage
        took = verdict.first_result_ms
        shown = _("failed") if took is None else _("after {ms:.0f} ms").format(ms=took)
        reachable = {"yes": _("yes"), "no": _("no")}.get(verdict.reachable, verdict.reachable)
        rows.append((stage, verdict.provider, verdict.label, reachable, shown))
        note = verdict.error.message if verdict.error else verdict.result
        notes.append(f"{stage}  {note}")
    widths = [max(columns(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", *notes])


@asynccontextmanager
async def _started(
    stage: str, config: _Configured, running: _Kind | None, load: Callable[[], _Kind]
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


async def _check_voice(provider: TTSProvider | Verdict, config: TTSConfig, sentence: str) -> _Tried:
    """Try the voice."""
    if isinstance(provider, Verdict):
        return _Tried(provider)
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
    said = _Speech(sentence, bytes(made.pcm), provider.lifelike)
    return _Tried(verdict if error is None else _failed(verdict, error), said)


async def _check_recogniser(
    provider: STTProvider | Verdict, config: STTConfig, speech: _Speech, *, judged: bool
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
    if not speech.pcm:
        result = _("heard a second of silence: no voice to listen to")
        return Verdict("STT", config.provider, label, heard.took_ms, result)
    result = _("heard “{text}”").format(text=heard.result)
    if speech.lifelike and provider.lifelike and judged:
        found = compare(speech.text, heard.result)
        result += _(": {right} of {said} words right").format(right=found.right, said=found.said)
        if not found.understood:
            return Verdict("STT", config.provider, label, error=_misheard(label, speech, result))
    elif not heard.result:
        return Verdict("STT", config.provider, label, error=_misheard(label, speech, result))
    return Verdict("STT", config.provider, label, heard.took_ms, result)


def _misheard(label: str, speech: _Speech, result: str) -> FailureReason:
    return FailureReason(
        _(
            "STT {label} {result}, where the voice said “{text}”. Check the language and the model "
            "of the recogniser (stt.language, stt.model), and whether the voice speaks it clearly."
        ).format(label=label, result=result, text=speech.text)
    )


async def _check_model(
    provider: LLMProvider | Verdict, config: LLMConfig, speech: _Speech, *, judged: bool
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
        result += _(": {right} of {said} words right").format(right=found.right, said=found.said)
        if not found.right:
            error = _deaf(label, speech, shown)
    verdict = Verdict("LLM", config.provider, label, made.first_text_ms, result)
    return verdict if error is None else _failed(verdict, error)


def _deaf(label: str, speech: _Speech, said: str) -> FailureReason:
    return FailureReason(
        _(
            "LLM {label} was given “{text}” as audio (llm.audio_input), was asked to repeat it, "
            "and said “{said}”. Some servers ignore audio without a word: check that the model "
            "hears (llm.model), and that its server passes audio on to it."
        ).format(label=label, text=speech.text, said=said)
    )


async def _check_tool_servers(settings: Settings) -> list[Verdict]:
    """Try the operator's MCP servers: each is connected to, and lists its tools."""
    if not settings.mcp.servers:
        return []
    try:
        servers = McpServers(settings)
    except ConfigError as error:
        reason = FailureReason(str(error), "provider_setup")
        return [Verdict("MCP", label, "-", error=reason) for label in settings.mcp.servers]
    return [_of_trial(trial) for trial in await try_servers(servers)]


def _of_trial(trial: Trial) -> Verdict:
    if trial.error is None:
        result = _("has {count} tools").format(count=trial.tools)
        return Verdict("MCP", trial.label, trial.where, trial.took_ms, f"{trial.label} {result}")
    code = "provider_error" if trial.reached else "provider_unreachable"
    return Verdict("MCP", trial.label, trial.where, error=FailureReason(trial.error, code))


async def _check_upstream(settings: Settings, running: UpstreamService | None) -> Verdict:
    """Let a speech-to-speech service answer a prompt aloud."""
    config = settings.upstream
    async with _started("Upstream", config, running, lambda: load_upstream(config)) as service:
        if isinstance(service, Verdict):
            return service
        made = await converse(service, settings.llm, config.voice_id or DEFAULT_VOICE, PROMPT)
        label, error = service.label, made.error
    if error is None and not made.pcm:
        error = FailureReason(
            _("Upstream {label} answered without a sound. Check the model.").format(label=label)
        )
    seconds = len(made.pcm) / (2 * WIRE_RATE)
    result = _("answered “{text}” in {seconds:.1f} s of audio").format(
        text=" ".join(made.words.split())[:80], seconds=seconds
    )
    name = config.provider or ""
    verdict = Verdict("Upstream", name, label, made.first_audio_ms, result)
    return verdict if error is None else _failed(verdict, error)


def _failed(verdict: Verdict, error: FailureReason) -> Verdict:
    """Return the verdict on a stage that failed, perhaps in the middle of its answer."""
    answered = verdict.first_result_ms is not None
    return replace(verdict, first_result_ms=None, error=error, answered=answered)
