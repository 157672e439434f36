"""`--download`: fetches the files of models ahead, for images and for machines without a network.

The server fetches them by itself as it starts for the first time. Here nothing is served, and
services are left alone: they have their own models. What has just come is looked at as far as its
engine does so before it trusts a file (sherpa's are loaded once).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import FrameType

from config import Settings
from providers import llm, stt, tts
from providers.base import Provider, ProviderSetupError
from providers.llm.ollama_models import DEFAULT_MODEL
from serving.process.ending import HardEnd, taking_end_signals
from settings.localisation import _
from settings.provider_declarations import Kind, vendor_keys
from settings.stacks import DEFAULT_STACK, in_stack

_TIDYING_S = 3
"""Seconds that a signal leaves to remove what has come of a file, should its server be silent."""


def download(settings: Settings) -> None:
    """Fetch what the stages of all stacks need, and print where it is.

    Raises:
        ProviderSetupError: A file cannot be fetched, or a stage cannot work as configured.
        SystemExit: A signal has ended it.
    """
    hard_end = HardEnd(lambda: "a download", lambda: None)

    def take(number: int, _frame: FrameType | None) -> None:
        again = bool(hard_end.status)
        hard_end.status = 128 + number
        hard_end.within(0 if again else _TIDYING_S)
        if not again:
            loop.call_soon_threadsafe(task.cancel)

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(_fetched(settings))
        with taking_end_signals(take):
            try:
                lines = loop.run_until_complete(task)
            except asyncio.CancelledError:
                raise SystemExit(hard_end.status) from None
    print("\n".join(lines or [_("There is nothing to download: no engine here fetches models.")]))


async def _fetched(settings: Settings) -> list[str]:
    lines: dict[str, None] = {}
    for name, of_stack in _stacks(settings):
        for kind in ("stt", "llm", "tts"):
            config = getattr(of_stack, kind)
            if kind == "llm" and config.provider == "ollama":
                model = config.model or DEFAULT_MODEL
                told = _("Ollama keeps its own models: ollama pull {model}").format(model=model)
                lines[told] = None
            elif config.provider not in (*vendor_keys(), "upstream"):
                try:
                    provider = _load(kind, of_stack)
                    folder = await provider.fetch()
                    await provider.close()
                except ProviderSetupError as error:
                    raise ProviderSetupError(in_stack(str(error), name)) from error
                if folder is not None:
                    lines[f"{provider.label}: {folder}"] = None
    return list(lines)


def _stacks(settings: Settings) -> Iterator[tuple[str, Settings]]:
    yield DEFAULT_STACK, settings
    for name in settings.stacks:
        yield name, settings.of_stack(name)


def _load(kind: Kind, settings: Settings) -> Provider:
    if kind == "stt":
        return stt.load(settings.stt)
    return llm.load(settings.llm) if kind == "llm" else tts.load(settings.tts)
