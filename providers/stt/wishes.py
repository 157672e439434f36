"""What the settings of Pipecat's recognisers call a client's wishes.

They agree on `language` alone. So each wish has all the names that it goes by here, and a service
gets it by the one that it knows; a wish for which it has no name has no effect (§C.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from session.ports import NO_WISHES, TranscriptionSettings

EXPECTED_WORDS = ("keyterm", "keyterms", "keyterms_prompt", "keywords", "hotwords")
SEVERAL_LANGUAGES = ("languages", "language_hints", "language_codes")

Known = Mapping[str, str]
"""Names of a service's settings → their types, as text."""


def known_settings(settings_class: Any) -> Known:
    """Return the settings of a service; its class is a dataclass of Pipecat's."""
    return {item.name: str(item.type) for item in fields(settings_class)}


def named(wishes: TranscriptionSettings, known: Known) -> dict[str, Any]:
    """Return the wishes that a service can be told, by its own names.

    Args:
        wishes: What the client wants of the recognition of a turn.
        known: The settings of the service.

    Returns:
        A value for each name; None: the client has no such wish.
    """
    several = wishes.languages if len(wishes.languages) > 1 else ()
    given: dict[str, Any] = {
        "language": wishes.language,
        "prompt": wishes.prompt,
        "delay": wishes.delay,
        "logprobs": wishes.logprobs or None,
        _first(EXPECTED_WORDS, known): list(wishes.keywords) or None,
        _first(SEVERAL_LANGUAGES, known): list(several) or None,
    }
    return {name: _typed(value, known[name]) for name, value in given.items() if name in known}


class AppliedWishes:
    """The wishes that a service of one session, which outlives its turns, was told last."""

    def __init__(self, settings_class: Any, language: str | None) -> None:
        """Start with what the service was built with.

        Args:
            settings_class: The class of its settings.
            language: The configured language, if there is one.
        """
        self._class = settings_class
        self._known = known_settings(settings_class)
        self._applied = named(NO_WISHES.in_language(language), self._known)

    def changed(self, wishes: TranscriptionSettings) -> Any | None:
        """Return the settings to change for a turn with these wishes; None: there are none."""
        wanted = named(wishes, self._known)
        changed = {name: value for name, value in wanted.items() if value != self._applied[name]}
        self._applied = wanted
        return self._class(**changed) if changed else None


def language_code(language: str | None) -> str | None:
    """Return `en` of `en-US`, for services that take codes without regions; None: it is no code."""
    code = re.split("[-_]", (language or "").lower())[0]
    return code if re.fullmatch("[a-z]{2,3}", code) else None


def _first(names: tuple[str, ...], known: Known) -> str:
    return next((name for name in names if name in known), "")


def _typed(value: Any, type_: str) -> Any:
    """Write a list for a service that takes it as one string."""
    if isinstance(value, list) and "list" not in type_ and "Any" not in type_:
        return ", ".join(value)
    return value
