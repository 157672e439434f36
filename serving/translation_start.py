"""Configures a translation session: its model's name, its voice, what the client asked (§B.14)."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from config import Settings
from serving.model_names import TRANSLATION_MODEL, names_are_free, translates
from serving.stacks import Stack
from translation.settings import TranslationSettings
from translation.voices import Voices
from wire.dates import unix_time
from wire.envelope import new_id
from wire.errors import ProtocolError, explain
from wire.media import Media
from wire.translation_events import TranslationRequest

DEFAULT_VOICE = "alloy"


def read_request(given: dict[str, Any]) -> TranslationRequest:
    """Read the `session` of a request (§D.6).

    Raises:
        ProtocolError: It is not valid.
    """
    try:
        return TranslationRequest.model_validate(given)
    except ValidationError as error:
        told = explain(error, given)
        param = told.param and f"session.{told.param}"
        message = told.message.replace(f"'{told.param}'", f"'{param}'")
        raise ProtocolError(told.code, message, param) from None


def choose_translation_model(settings: Settings, asked: str | None, *, azure: bool) -> str:
    """Return the model that was asked for, or the service's.

    Raises:
        ProtocolError: No translation session may have this name.
    """
    own = settings.llm.model_name
    if asked is None or asked == own or asked in settings.stacks or translates(asked):
        return asked or TRANSLATION_MODEL
    if names_are_free(settings, azure=azure):
        return asked
    raise ProtocolError(
        "invalid_model",
        f'Model "{asked}" is not supported for translation. Use "{TRANSLATION_MODEL}"'
        + (f' or "{own}"' if own else "")
        + "; without server.models_strict any name will do.",
        "model",
    )


def start_translation(
    stack: Stack,
    model: str,
    asked: TranslationRequest | None = None,
    media: Media = Media.EVENTS,
) -> TranslationSettings:
    """Configure a new translation session.

    Args:
        stack: What hears, translates and speaks in it.
        model: Name of its model.
        asked: What the client asks for beyond the defaults.
        media: How its audio travels.

    Raises:
        ProtocolError: The providers cannot do it.
    """
    settings, manager = stack.settings, stack.pipelines
    can = manager.capabilities
    if not can.translates:
        raise ProtocolError(
            "unsupported_endpoint",
            f"{can.llm_name} cannot translate: translation sessions need a language model "
            "(llm.provider, llm.model).",
        )
    voices = Voices(
        settings.tts.voice_id or DEFAULT_VOICE,
        manager.voice_languages,
        manager.tts.label,
        manager.tts.several,
    )
    config = TranslationSettings(
        settings,
        voices,
        session_id=new_id("sess"),
        model=model,
        now=unix_time(),
        media=media,
        translator=manager.llm.label,
        stack=stack.name,
    )
    if asked is not None:
        config.apply(asked.audio)
    return config
