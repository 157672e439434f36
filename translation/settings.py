"""The current settings of a translation session: defaults, checked updates (§B.14, C.6)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from config import Settings
from settings.stacks import DEFAULT_STACK
from translation.voices import Voices
from wire.media import Media
from wire.session_fields import NoiseReductionPatch
from wire.translation_events import TranslationAudioPatch


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a client may change."""

    language: str
    voice: str
    """The voice that speaks it."""
    transcription: str | None = None
    """Name of the model of captions; None: there are none."""
    noise: NoiseReduction | None = None


class TranslationSettings:
    """The settings of one translation session."""

    def __init__(
        self,
        settings: Settings,
        voices: Voices,
        *,
        session_id: str,
        model: str,
        now: float,
        media: Media = Media.EVENTS,
        translator: str = "the model",
        stack: str = DEFAULT_STACK,
    ) -> None:
        """Start with the server's defaults.

        Args:
            settings: The server's configuration.
            voices: The voices that there are.
            session_id: The `sess_…` id.
            model: The model's name, which is echoed.
            now: Unix time in seconds, from which the session's lifetime counts.
            media: How its audio travels.
            translator: The language model's name, for errors.
            stack: The stack whose model it is: remedies name its setting there.
        """
        self.id = session_id
        self.model = model
        self.media = media
        self.translator = translator
        self.stack = stack
        self.limit_minutes = settings.server.session_limit_minutes
        self.pause_ms = settings.translation.pause_ms
        self.max_speed = settings.translation.max_speed
        self.threshold = settings.vad.threshold
        self.format = AudioFormat()
        """Of the audio both ways: 24 kHz PCM, always."""
        self._expires_at = int(now + 60 * self.limit_minutes)
        self._voices = voices
        language = voices.default(settings.translation.language)
        self._chosen = _Chosen(language, voices.speaking(language))

    def apply(self, audio: TranslationAudioPatch | None) -> None:
        """Merge an update completely, or not at all (§B.14).

        Raises:
            ProtocolError: No voice speaks the language.
        """
        chosen = self._chosen
        heard = audio.input if audio else None
        spoken = audio.output if audio else None
        if spoken is not None and spoken.language is not None:
            voice = self._voices.speaking(spoken.language)
            chosen = replace(chosen, language=spoken.language, voice=voice)
        if heard is not None and "transcription" in heard.model_fields_set:
            asked = heard.transcription
            chosen = replace(chosen, transcription=None if asked is None else asked.model)
        if heard is not None and "noise_reduction" in heard.model_fields_set:
            chosen = replace(chosen, noise=_noise(chosen.noise, heard.noise_reduction))
        self._chosen = chosen

    @property
    def language(self) -> str:
        """The target language, as the client wrote it."""
        return self._chosen.language

    @property
    def voice(self) -> str:
        """The voice that speaks it."""
        return self._chosen.voice

    @property
    def captions(self) -> bool:
        """Whether the client gets what was said, in its own language."""
        return self._chosen.transcription is not None

    @property
    def noise_reduction(self) -> NoiseReduction | None:
        """Noise reduction of the input; None: none."""
        return self._chosen.noise

    def wire(self) -> dict[str, Any]:
        """Return the whole session as `session.created` and `session.updated` show it (§C.6)."""
        model, noise = self._chosen.transcription, self._chosen.noise
        return {
            "id": self.id,
            "type": "translation",
            "model": self.model,
            "expires_at": self._expires_at,
            "audio": {
                "input": {
                    "transcription": None if model is None else {"model": model},
                    "noise_reduction": None if noise is None else noise.wire(),
                },
                "output": {"language": self.language},
            },
        }


def _noise(
    before: NoiseReduction | None, asked: NoiseReductionPatch | None
) -> NoiseReduction | None:
    if asked is None:
        return None
    kept = 1.0 if before is None else before.strength
    return NoiseReduction(asked.type, kept if asked.strength is None else asked.strength)
