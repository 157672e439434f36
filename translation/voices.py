"""Which voice speaks the target language (§B.14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from translation.languages import base_of, is_language
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
        mine = sorted(self.languages, key=lambda one: one[0] != self.preferred)
        for fits in (
            lambda own: own is None or own.casefold() == exact,
            lambda own: own is None or base_of(own) == base,
        ):
            # Of a voice that is not listed nobody knows what it speaks.
            if fits(known.get(self.preferred)):
                return self.preferred
            for name, own in mine:
                if own is not None and fits(own):
                    return name
        for name, own in mine:
            if own is None:
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
        return sorted({base_of(own) for _, own in self.languages if own is not None})

    def default(self, wanted: str) -> str:
        """Return the language that is wanted, or where no voice speaks it, one that they do."""
        try:
            self.speaking(wanted)
        except ProtocolError:
            if is_language(wanted) and self.spoken:
                return self.spoken[0]
            raise
        return wanted
