"""`python main.py --check`: do the configured stacks work, and if not, what is to be done?

Every stage is tried by itself, as a session would use it: the voice says a sentence, the
recogniser hears it, the model answers a prompt, or repeats the sentence if it hears. A stage that
fails does not keep the others from being tried. What was heard is compared with what was said: a
stack that mishears itself does not work, however well its services answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from config import Settings
from pipeline_manager import PipelineManager, UpstreamManager
from providers import llm as llm_providers
from providers import stt as stt_providers
from providers import tts as tts_providers
from serving.check_verdicts import Verdict
from serving.service_checks import check_store, check_tool_servers, check_upstream
from serving.stacks import Stacks
from serving.stage_checks import (
    NOTHING,
    PROMPT,
    Configured,
    Speech,
    check_model,
    check_recogniser,
    check_voice,
    started,
)
from settings.stacks import DEFAULT_STACK, in_stack
from settings.upstream import UpstreamConfig

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


@dataclass(frozen=True, slots=True)
class _Tried:
    """A stage that was tried."""

    verdict: Verdict
    speech: Speech = NOTHING
    """What it said, if it is a voice."""


async def check(settings: Settings, running: Stacks | None = None) -> list[Verdict]:
    """Try every stage of every configured stack; a stage that several share is tried once.

    Args:
        settings: What is configured.
        running: The stacks, where they have started; None: they are loaded for the check.

    Returns:
        TTS, STT and LLM of the default stack, then what others have that it has not, and the
        operator's MCP servers, and the store.
    """
    in_use = {stack.name: stack.pipelines for stack in running or ()}
    tried = _Trials()
    await _check_stack(DEFAULT_STACK, settings, in_use.get(DEFAULT_STACK), tried)
    for name in settings.stacks:
        await _check_stack(name, settings.of_stack(name), in_use.get(name), tried)
    return [
        *tried.verdicts,
        *await check_tool_servers(settings),
        *await check_store(settings),
    ]


async def _check_stack(
    name: str, settings: Settings, running: PipelineManager | None, tried: _Trials
) -> None:
    tts, stt, llm = (running.tts, running.stt, running.llm) if running else (None, None, None)
    language = (settings.stt.language or "en").lower().replace("_", "-").partition("-")[0]
    sentence = SENTENCES.get(language, SENTENCES["en"])
    if settings.upstream.provider is not None:

        async def talk() -> _Tried:
            service = running.upstream if isinstance(running, UpstreamManager) else None
            return _Tried(await check_upstream(settings, service))

        await tried.once(name, talk, PROMPT, settings.upstream)
        return

    async def say() -> _Tried:
        async with started(
            "TTS", settings.tts, tts, lambda: tts_providers.load(settings.tts)
        ) as voice:
            return _Tried(*await check_voice(voice, settings.tts, sentence))

    spoke = await tried.once(name, say, sentence, settings.tts)

    async def hear() -> _Tried:
        async with started(
            "STT", settings.stt, stt, lambda: stt_providers.load(settings.stt)
        ) as ear:
            judged = language in SENTENCES
            return _Tried(await check_recogniser(ear, settings.stt, spoke, judged=judged))

    async def think() -> _Tried:
        async with started(
            "LLM", settings.llm, llm, lambda: llm_providers.load(settings.llm)
        ) as model:
            judged = language in SENTENCES
            return _Tried(await check_model(model, settings.llm, spoke, judged=judged))

    await tried.once(name, hear, sentence, settings.stt, settings.tts)
    if settings.llm.audio_input:
        await tried.once(name, think, sentence, settings.llm, settings.tts)
    else:
        await tried.once(name, think, PROMPT, settings.llm)


class _Trials:
    """What was tried so far, in order."""

    def __init__(self) -> None:
        self._done: list[tuple[str, tuple[Configured, ...], _Tried]] = []

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of all stages."""
        return [tried.verdict for _words, _configured, tried in self._done]

    async def once(
        self,
        stack: str,
        attempt: Callable[[], Awaitable[_Tried]],
        words: str,
        *configured: Configured,
    ) -> Speech:
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
        verdict, error = tried.verdict, tried.verdict.error
        if error is not None:
            error = replace(error, message=in_stack(error.message, stack))
        tried = replace(tried, verdict=replace(verdict, stacks=(stack,), error=error))
        self._done.append((words, configured, tried))
        return tried.speech


def _same_engine(one: Configured, other: Configured) -> bool:
    if isinstance(one, UpstreamConfig) or isinstance(other, UpstreamConfig):
        return one == other
    return one.same_engine(other)
