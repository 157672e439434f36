"""Merges a `session.update` into a session's settings (§A.1), block by block.

`null` switches off what is optional: turn detection, transcription, noise reduction and tracing.
Anywhere else it means "unchanged", like a field that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeVar

from audio.formats import AudioFormat
from audio.noise_reduction import NoiseReduction
from session.mcp_settings import remembered, tool_entries
from session.session_settings import (
    InputAudioSettings,
    InputTranscription,
    OutputAudioSettings,
    RealtimeSessionSettings,
    SessionSettings,
    TranscriptionSessionSettings,
)
from session.turn_settings import SemanticVad, ServerVad, TurnDetection, TurnExtensions
from wire.errors import ProtocolError
from wire.session_fields import (
    AudioInputPatch,
    AudioOutputPatch,
    BetaSessionPatch,
    Format,
    InputTranscriptionPatch,
    NoiseReductionPatch,
    SemanticVadPatch,
    ServerVadPatch,
    SessionPatch,
    TranscriptionPatch,
    TurnDetectionPatch,
    cross_type,
    voice_name,
)

_T = TypeVar("_T")

_WITHOUT_TURNS = re.compile(r"gpt-(live-transcribe|realtime-whisper)(-\d{4}-\d{2}-\d{2})?")
"""Models of the service, and their dated snapshots, that leave turns to the client (§B.11)."""


def merged(
    settings: SessionSettings, patch: SessionPatch | TranscriptionPatch, default_vad: ServerVad
) -> SessionSettings:
    """Return the settings after an update.

    Args:
        settings: The settings before it.
        patch: The validated `session` of a `session.update`.
        default_vad: What turn detection starts from where it was off or of another type.

    Raises:
        ProtocolError: The update is for a session of the other kind, or its tools cannot be.
    """
    match settings, patch:
        case RealtimeSessionSettings(), SessionPatch():
            return _realtime(settings, patch, default_vad)
        case TranscriptionSessionSettings(), TranscriptionPatch():
            return _transcription_session(settings, patch, default_vad)
    raise ProtocolError("invalid_value", cross_type(settings.kind), "session.type")


def _realtime(
    before: RealtimeSessionSettings, patch: SessionPatch, default_vad: ServerVad
) -> RealtimeSessionSettings:
    audio = patch.audio
    modalities, tools, known = patch.output_modalities, before.tools, before.known_servers
    if patch.tools is not None:
        tools = tool_entries(patch.tools, {**before.lent_servers, **known}, "session.tools")
    temperature = patch.temperature if isinstance(patch, BetaSessionPatch) else None
    return RealtimeSessionSettings(
        id=before.id,
        model=before.model,
        expires_at=before.expires_at,
        instructions=_updated(before.instructions, patch.instructions),
        input=_input(before.input, audio.input if audio else None, default_vad),
        output=_output(before.output, audio.output if audio else None),
        output_modality=before.output_modality if modalities is None else modalities[0],
        tools=tools,
        known_servers=remembered(tools, known),
        lent_servers=before.lent_servers,
        tool_choice=_updated(before.tool_choice, patch.tool_choice),
        max_output_tokens=_updated(before.max_output_tokens, patch.max_output_tokens),
        tracing=patch.tracing if "tracing" in patch.model_fields_set else before.tracing,
        truncation=_updated(before.truncation, patch.truncation),
        include=before.include if patch.include is None else tuple(patch.include),
        reasoning=_updated(before.reasoning, patch.reasoning),
        parallel_tool_calls=_updated(before.parallel_tool_calls, patch.parallel_tool_calls),
        temperature=_updated(before.temperature, temperature),
    )


def _transcription_session(
    before: TranscriptionSessionSettings, patch: TranscriptionPatch, default_vad: ServerVad
) -> TranscriptionSessionSettings:
    return TranscriptionSessionSettings(
        id=before.id,
        expires_at=before.expires_at,
        input=_only_heard(before.input, patch.audio.input if patch.audio else None, default_vad),
        include=before.include if patch.include is None else tuple(patch.include),
    )


def _only_heard(
    before: InputAudioSettings, patch: AudioInputPatch | None, default_vad: ServerVad
) -> InputAudioSettings:
    """Merge the input of a session that only transcribes (§B.11)."""
    after = _input(before, patch, default_vad)
    if patch is None:
        return after
    if "turn_detection" in patch.model_fields_set:
        # Nothing is answered, so what is about answers has no effect, and is not shown.
        detection = after.turn_detection and after.turn_detection.only_hearing()
        return replace(after, turn_detection=detection)
    named = after.transcription and after.transcription.model
    known = before.transcription and before.transcription.model
    if named and named != known and _WITHOUT_TURNS.fullmatch(named):
        return replace(after, turn_detection=None)
    return after


def _input(
    before: InputAudioSettings, patch: AudioInputPatch | None, default_vad: ServerVad
) -> InputAudioSettings:
    if patch is None:
        return before
    given = patch.model_fields_set
    detection, transcription = before.turn_detection, before.transcription
    noise = before.noise_reduction
    if "turn_detection" in given:
        detection = _turn_detection(detection, patch.turn_detection, default_vad)
    if "transcription" in given:
        transcription = _transcription(transcription, patch.transcription)
    if "noise_reduction" in given:
        noise = _noise_reduction(noise, patch.noise_reduction)
    return InputAudioSettings(
        format=_format(before.format, patch.format),
        turn_detection=detection,
        transcription=transcription,
        noise_reduction=noise,
    )


def _output(before: OutputAudioSettings, patch: AudioOutputPatch | None) -> OutputAudioSettings:
    if patch is None:
        return before
    return OutputAudioSettings(
        format=_format(before.format, patch.format),
        voice=before.voice if patch.voice is None else voice_name(patch.voice),
        speed=_updated(before.speed, patch.speed),
    )


def _format(before: AudioFormat, given: Format | None) -> AudioFormat:
    # Replaced whole: a rate that is left out is 24 kHz, whatever it was before.
    return before if given is None else AudioFormat.read(given.model_dump())


def _turn_detection(
    before: TurnDetection | None, patch: TurnDetectionPatch | None, default: ServerVad
) -> TurnDetection | None:
    match patch:
        case ServerVadPatch():
            return _server_vad(before if isinstance(before, ServerVad) else default, patch)
        case SemanticVadPatch():
            return _semantic_vad(before, patch, default)
    return None


def _server_vad(before: ServerVad, patch: ServerVadPatch) -> ServerVad:
    # The timeout is optional, so null removes it.
    idles = "idle_timeout_ms" in patch.model_fields_set
    return ServerVad(
        threshold=_updated(before.threshold, patch.threshold),
        prefix_padding_ms=_updated(before.prefix_padding_ms, patch.prefix_padding_ms),
        silence_duration_ms=_updated(before.silence_duration_ms, patch.silence_duration_ms),
        idle_timeout_ms=patch.idle_timeout_ms if idles else before.idle_timeout_ms,
        create_response=_updated(before.create_response, patch.create_response),
        interrupt_response=_updated(before.interrupt_response, patch.interrupt_response),
        extensions=_extensions(before.extensions, patch),
    )


def _semantic_vad(
    before: TurnDetection | None, patch: SemanticVadPatch, default: ServerVad
) -> SemanticVad:
    if not isinstance(before, SemanticVad):
        before = SemanticVad(
            prefix_padding_ms=default.prefix_padding_ms,
            create_response=default.create_response,
            interrupt_response=default.interrupt_response,
        )
    return SemanticVad(
        prefix_padding_ms=before.prefix_padding_ms,
        eagerness=_updated(before.eagerness, patch.eagerness),
        create_response=_updated(before.create_response, patch.create_response),
        interrupt_response=_updated(before.interrupt_response, patch.interrupt_response),
        extensions=_extensions(before.extensions, patch),
    )


def _extensions(before: TurnExtensions, patch: ServerVadPatch | SemanticVadPatch) -> TurnExtensions:
    # Each of these is optional, so null removes it.
    names = [one.name for one in fields(TurnExtensions) if one.name in patch.model_fields_set]
    return replace(before, **{name: getattr(patch, name) for name in names})


def _transcription(
    before: InputTranscription | None, patch: InputTranscriptionPatch | None
) -> InputTranscription | None:
    if patch is None:
        return None
    before = before or InputTranscription()
    # Each of these is optional, so null removes it, and an empty list is nothing.
    given = patch.model_fields_set
    return InputTranscription(
        model=patch.model if "model" in given else before.model,
        language=patch.language if "language" in given else before.language,
        prompt=patch.prompt if "prompt" in given else before.prompt,
        languages=_said(patch.languages) if "languages" in given else before.languages,
        keywords=_said(patch.keywords) if "keywords" in given else before.keywords,
        delay=patch.delay if "delay" in given else before.delay,
    )


def _noise_reduction(
    before: NoiseReduction | None, patch: NoiseReductionPatch | None
) -> NoiseReduction | None:
    if patch is None:
        return None
    strength = 1.0 if before is None else before.strength
    return NoiseReduction(patch.type, _updated(strength, patch.strength))


def _updated(before: _T, given: _T | None) -> _T:
    return before if given is None else given


def _said(words: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(word for word in words or () if word.strip())
