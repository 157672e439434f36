"""Which voice speaks the target language (§B.14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from settings.languages import base_of, is_language
from wire.errors import ProtocolError

_PARAM = "session.audio.output.language"


@dataclass(frozen=True, slots=True)
class Voices:
    """The voices that there are."""

    preferred: str
    """The configured one."""
    languages: Sequence[tuple[str, str | None]]
    """Name and language of each; None: it speaks several, or does not tell. None listed: whatever
    the client names is up to the provider."""
    provider: str
    """Who has them, for errors."""
    several: frozenset[str] | None = None
    """What voices that speak several languages speak; None: they do not tell."""

    def speaking(self, language: str) -> str:
        """Return the voice for a language: the configured one if it speaks it, else the first.

        Args:
            language: A tag such as `de` or `pt-BR`; a voice of the same region goes first.

        Raises:
            ProtocolError: It is no language, or no voice speaks it.
        """
        if not is_language(language):
            raise ProtocolError(
                "invalid_value",
                f"'{language}' is no language code: use one of ISO 639-1, such as 'es'.",
                _PARAM,
            )
        if not self.languages:
            return self.preferred
        known = dict(self.languages)
        exact, base = language.casefold().replace("_", "-"), base_of(language)
        polyglot = self.several is None or base in self.several
        mine = sorted(self.languages, key=lambda one: one[0] != self.preferred)
        for same in (
            _is_exactly(exact),
            _is_of(base),
        ):
            own = known.get(self.preferred)
            # Of a voice that is not listed nobody knows what it speaks.
            if polyglot if own is None else same(own):
                return self.preferred
            for name, own in mine:
                if own is not None and same(own):
                    return name
        for name, own in mine:
            if own is None and polyglot:
                return name
        raise ProtocolError(
            "invalid_value",
            f"{self.provider} has no voice for '{language}', only for "
            f"{', '.join(self.spoken)}; configure another voice.",
            _PARAM,
        )

    @property
    def spoken(self) -> list[str]:
        """The languages of the voices that tell theirs, sorted."""
        told = {base_of(own) for _, own in self.languages if own is not None}
        return sorted(told | (self.several or frozenset()))

    def default(self, wanted: str) -> str:
        """Return the language that is wanted, or where no voice speaks it, one that they do."""
        try:
            self.speaking(wanted)
        except ProtocolError:
            if is_language(wanted) and self.spoken:
                return self.spoken[0]
            raise
        return wanted


def _is_exactly(tag: str) -> Callable[[str], bool]:
    return lambda own: own.casefold() == tag


def _is_of(language: str) -> Callable[[str], bool]:
    return lambda own: base_of(own) == language
