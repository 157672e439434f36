"""Providers that several stacks share: what one stack has loaded, another uses as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from config import Settings
from providers.base import LLMProvider, Provider, STTProvider, TTSProvider
from settings.provider_declarations import Kind

Made = TypeVar("Made", bound=Provider)


class Loaded(Protocol):
    """The providers of a stack, and the settings for which they were loaded."""

    settings: Settings
    stt: STTProvider
    llm: LLMProvider
    tts: TTSProvider


class SharedProviders:
    """What a stack may use that other stacks have loaded."""

    def __init__(self, settings: Settings, beside: Sequence[Loaded]) -> None:
        """Look among the providers `beside` for some that do for a stack's `settings`."""
        self._settings = settings
        self._beside = beside

    def of_kind(self, kind: Kind) -> Any:
        """Return a provider that does for this stack's settings too; None: there is none."""
        wanted = getattr(self._settings, kind)
        for there in self._beside:
            if getattr(there.settings, kind).same_engine(wanted):
                return getattr(there, kind)
        return None

    def lent(self, kind: Kind, provider: Made) -> Made:
        """Return a new provider, which uses the model of the first one that loads the same."""
        wanted = getattr(self._settings, kind)
        for there in self._beside:
            other = getattr(there, kind)
            same = getattr(there.settings, kind).same_model(wanted)
            if same and type(other) is type(provider):
                provider.share(other)
                break
        return provider

    def has(self, provider: Provider) -> bool:
        """Return whether another stack starts and closes a provider."""
        return any(provider in (there.stt, there.llm, there.tts) for there in self._beside)
