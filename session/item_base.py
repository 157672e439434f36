"""What every kind of item offers, so that most of the session need not distinguish them."""

from __future__ import annotations

from dataclasses import dataclass

from session.content import AssistantAudio, InputImage, UserAudio


@dataclass(slots=True, eq=False)
class BaseItem:
    """What all items have in common. Items are compared by identity."""

    id: str

    @property
    def audio(self) -> UserAudio | AssistantAudio | None:
        """Its audio, if it has any."""
        return None

    @property
    def audio_ms(self) -> float:
        """Length of its audio in milliseconds, dropped audio included."""
        audio = self.audio
        return 0.0 if audio is None else audio.ms

    @property
    def images(self) -> list[InputImage]:
        """Its images."""
        return []

    @property
    def untranscribed(self) -> UserAudio | None:
        """Its audio, while the transcript is pending."""
        return None
