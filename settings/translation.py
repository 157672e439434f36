"""Settings of translation sessions (§B.14): the table `[translation]`."""

from __future__ import annotations

from pydantic import Field, field_validator

from settings.group import Group
from settings.languages import is_language
from settings.localisation import _


class TranslationConfig(Group):
    """Translation sessions, `/v1/realtime/translations`."""

    language: str = "en"
    """Target language of a session whose client names none; if the voice does not speak it, the
    first that it speaks."""
    pause_ms: int = Field(256, ge=100, le=2000)
    """Silence that ends a clause, in ms: shorter is sooner, longer keeps more together."""
    max_speed: float = Field(1.15, ge=1.0, le=1.5)
    """How much faster than its own pace the voice may speak to catch up with the speaker."""

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        """Refuse what is no language: each session whose client names none would be refused."""
        if not is_language(language):
            raise ValueError(
                _("'{language}' is no language code: use one of ISO 639-1, such as 'es'").format(
                    language=language
                )
            )
        return language
