"""The model names that clients may ask for, and the model that a session gets (§D.7)."""

from __future__ import annotations

import re
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


TRANSLATION_MODEL = "gpt-realtime-translate"
"""The service's model of translation sessions (§B.14)."""


def model_names(settings: Settings) -> list[str]:
    """Return the names that are listed: OpenAI's own, the configured model, and the stacks'."""
    return [*dict.fromkeys([*REALTIME_MODELS, *own_names(settings)])]


def own_names(settings: Settings) -> list[str]:
    """Return the names that the configuration gives: that of the model, and those of stacks."""
    model = [settings.llm.model_name] if settings.llm.model_name else []
    return [*model, *settings.stacks]


def _default_name(settings: Settings) -> str:
    """Return the model of a session whose client names none, which gets the default stack."""
    free = (name for name in REALTIME_MODELS if name not in settings.stacks)
    return settings.llm.model_name or next(free, REALTIME_MODELS[0])


def transcribes(name: str | None) -> bool:
    """Return whether a name is that of a transcription model, or of a dated snapshot of one."""
    return _without_date(name) in TRANSCRIPTION_MODELS


def translates(name: str | None) -> bool:
    """Return whether a name is that of the service's translation model, or a dated snapshot's."""
    return _without_date(name) == TRANSLATION_MODEL


def _without_date(name: str | None) -> str:
    return re.sub(r"-\d{4}-\d{2}-\d{2}$", "", name or "")


def names_are_free(settings: Settings, *, azure: bool) -> bool:
    """Return whether a session may have a name that is not listed.

    Args:
        settings: The server's configuration.
        azure: Whether the path is Azure's, where a model's name is that of a deployment, which
            may be any.
    """
    return azure or not settings.server.models_strict


def opens_session(settings: Settings, name: str, *, azure: bool) -> bool:
    """Return whether a model's name opens some session, be it one that writes or translates."""
    known = transcribes(name) or translates(name) or name in model_names(settings)
    return bool(name) and (names_are_free(settings, azure=azure) or known)


def choose_model(settings: Settings, asked: str | None, *, azure: bool) -> str:
    """Return the model that was asked for, or the server's.

    Args:
        settings: The server's configuration.
        asked: The name, if there is one.
        azure: Whether the path is Azure's.

    Raises:
        ProtocolError: No session that answers may have this name.
    """
    model = asked or _default_name(settings)
    if model in model_names(settings):
        return model
    if transcribes(model):
        raise ProtocolError(
            "invalid_model",
            f'Model "{model}" is a transcription model and cannot be used as the realtime session '
            "model. Connect with ?intent=transcription; the client secret for it has the type "
            "'transcription'.",
        )
    if translates(model):
        raise ProtocolError(
            "invalid_model",
            f'Model "{model}" translates and cannot be used as the realtime session model. Connect '
            "to …/realtime/translations; the client secret for it comes from "
            "…/realtime/translations/client_secrets.",
        )
    if names_are_free(settings, azure=azure):
        return model
    raise ProtocolError(
        "invalid_model",
        f'Model "{model}" is not supported in realtime mode. GET /v1/models lists the names '
        "that are; llm.model and [stacks.NAME] add to them, and without server.models_strict any "
        "name will do.",
    )
