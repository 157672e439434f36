"""The model names that clients may ask for, and the model that a session gets."""

from __future__ import annotations

from typing import get_args

from openai.types.realtime import AudioTranscription

from config import Settings
from protocol import REALTIME_MODELS, ProtocolError


def _transcription_models() -> tuple[str, ...]:
    annotation = AudioTranscription.model_fields["model"].annotation
    return tuple(
        name for option in get_args(annotation) for name in get_args(option) if name is not None
    )


TRANSCRIPTION_MODELS = _transcription_models()
"""Names of models that transcribe, as the installed SDK lists them."""


def model_names(settings: Settings) -> list[str]:
    """Return the names a client may ask for: OpenAI's own, and the configured model."""
    own = [settings.llm.model] if settings.llm.model else []
    return [*REALTIME_MODELS, *(name for name in own if name not in REALTIME_MODELS)]


def choose_model(settings: Settings, asked: str | None) -> str:
    """Return the model that was asked for, or the server's.

    Raises:
        ProtocolError: There is no such model.
    """
    names = model_names(settings)
    model = asked or settings.llm.model or names[0]
    if model in names:
        return model
    if model in TRANSCRIPTION_MODELS:
        raise ProtocolError(
            "invalid_model",
            f'Model "{model}" is a transcription model and cannot be used as the realtime session '
            "model. Connect with ?intent=transcription.",
        )
    raise ProtocolError(
        "invalid_model",
        f'Model "{model}" is not supported in realtime mode. GET /v1/models lists the names '
        "that are; llm.model adds one.",
    )
