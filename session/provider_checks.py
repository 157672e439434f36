"""Refuses requests that the configured providers cannot meet (§C.2, C.5).

Each check raises a `ProtocolError` that names the provider and the field.
"""

from __future__ import annotations

from collections.abc import Sequence

from session.ports import REALTIME_VOICES, Capabilities
from session.session_settings import InputTranscription
from wire.errors import ProtocolError, invalid_value
from wire.session_fields import OwnVoice, Reasoning

_FEW_VOICES = 40


def check_known_voice(can: Capabilities, voice: str | OwnVoice, param: str) -> None:
    """Refuse a voice that the TTS does not have; `param` is the field's path."""
    if isinstance(voice, OwnVoice):
        _check_own_voice(can, voice.id, f"{param}.id")
        return
    voices = can.voices
    if voices is None or voice in voices:
        return
    # Some voices have hundreds of names (espeak-ng): list only those that clients usually send.
    usual = [name for name in REALTIME_VOICES if name in voices]
    raise invalid_value(voice, sorted(voices) if len(voices) <= _FEW_VOICES else usual, param)


def _check_own_voice(can: Capabilities, name: str, param: str) -> None:
    """Refuse what is no name of the TTS's own, as OpenAI's names are here."""
    own = None if can.voices is None else can.voices - can.voice_aliases
    if name not in can.voice_aliases and (own is None or name in own):
        return
    if own is not None and len(own) <= _FEW_VOICES:
        raise invalid_value(name, sorted(own), param)
    raise ProtocolError(
        "invalid_value",
        f"Invalid value: '{name}'. {can.tts_name} itself calls no voice so; GET /v1/audio/voices "
        "lists its voices.",
        param,
    )


def check_reasoning(can: Capabilities, asked: Reasoning | None, param: str) -> None:
    """Refuse a reasoning effort where the model takes none; `param` is the field's path."""
    if asked is None or asked.effort is None or can.reasoning:
        return
    raise ProtocolError("invalid_value", f"{can.llm_name} takes no reasoning effort.", param)


def check_include(can: Capabilities, include: Sequence[str] | None) -> None:
    """Refuse log probabilities (the only `include` there is) where the recogniser has none."""
    if include and not can.logprobs:
        message = f"{can.stt_name} reports no log probabilities."
        raise ProtocolError("invalid_value", message, "session.include")


def check_transcription(can: Capabilities, transcription: InputTranscription | None) -> None:
    """Refuse a language that the recogniser does not understand, and a prompt it cannot take."""
    if transcription is None:
        return
    path = "session.audio.input.transcription"
    language = transcription.language
    if language and can.languages is not None and _base(language) not in can.languages:
        raise ProtocolError(
            "invalid_value",
            f"{can.stt_name} does not understand '{language}', only "
            f"{', '.join(sorted(can.languages))}; configure another recogniser.",
            f"{path}.language",
        )
    if transcription.prompt and not can.transcription_prompt:
        raise ProtocolError(
            "invalid_value",
            f"{can.stt_name} takes no prompt; configure another recogniser.",
            f"{path}.prompt",
        )


def _base(language: str) -> str:
    return language.lower().replace("_", "-").split("-")[0]
