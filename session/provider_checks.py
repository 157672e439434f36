"""Refuses requests that the configured providers cannot meet (§C.2, C.5).

Each check raises a `ProtocolError` that names the provider and the field.
"""

from __future__ import annotations

import re

from session.ports import REALTIME_VOICES, Capabilities
from session.session_settings import InputTranscription
from wire.errors import ProtocolError, invalid_value
from wire.session_fields import OwnVoice, Reasoning, ToolChoice

_FEW_VOICES = 40
_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*|multi")
"""A language, perhaps with its script and region: `en`, `zh-TW`, `zh-Hant-TW`; and Deepgram's word
for several."""


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


def check_tool_choice(can: Capabilities, choice: ToolChoice | None, param: str) -> None:
    """Refuse to force a call where the model cannot be told to; `param` is the field's path."""
    if choice in (None, "auto", "none") or can.forced_calls:
        return
    raise ProtocolError(
        "invalid_value",
        f"{can.llm_name} cannot be told to call a function: tool_choice may be 'auto' or 'none'.",
        param,
    )


def check_transcription(can: Capabilities, transcription: InputTranscription | None) -> None:
    """Refuse a prompt that the recogniser cannot take, and languages of which it knows none."""
    if transcription is None:
        return
    path = "session.audio.input.transcription"
    named = transcription.spoken
    for language in named:
        if not _TAG.fullmatch(language):
            raise ProtocolError(
                "invalid_value",
                f"'{language}' is no language code: use one of ISO 639-1, such as 'en'.",
                f"{path}.languages" if language in transcription.languages else f"{path}.language",
            )
    if named and not understood(can, named) and can.languages is not None:
        quoted = ", ".join(f"'{language}'" for language in named)
        raise ProtocolError(
            "invalid_value",
            f"{can.stt_name} does not understand {quoted}, only "
            f"{', '.join(sorted(can.languages))}; configure another recogniser.",
            f"{path}.language" if transcription.language else f"{path}.languages",
        )
    if transcription.prompt and not can.transcription_prompt:
        raise ProtocolError(
            "invalid_value",
            f"{can.stt_name} takes no prompt; configure another recogniser.",
            f"{path}.prompt",
        )


def understood(can: Capabilities, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `languages` that the recogniser understands."""
    known = can.languages
    if known is None:
        return languages
    return tuple(language for language in languages if _base(language) in known)


def _base(language: str) -> str:
    return language.lower().replace("_", "-").split("-")[0]
