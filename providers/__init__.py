"""Providers: the recognisers, models and voices that `config.py` can name.

This is the one door for the author of a backend: the bases of providers and of services, the frames
that Pipecat does not have, and what a response asks for. CONTRIBUTING.md adds a provider to the
ones here; README, "Your own backend", keeps one beside them.
"""

from __future__ import annotations

from providers.base import (
    LLMProvider,
    Provider,
    ProviderFailure,
    ProviderSetupError,
    StageFailure,
    STTProvider,
    TTSProvider,
    VoiceInfo,
)
from providers.call_ids import new_call_id
from providers.frames import (
    CompletionFrame,
    SpokenClauseFrame,
    ToolCallFrame,
    TurnAudioFrame,
    TurnCommittedFrame,
    TurnDiscardedFrame,
    TurnStartedFrame,
    WordTimesFrame,
)
from providers.llm.model_base import AnsweringModel
from providers.options import Options, parse_options, refuse, required_key
from providers.stt.streams import StreamEndFrame, StreamSTT
from providers.stt.turns import TurnSTTService
from providers.tts.voice_base import ClauseVoice, VoiceFailure
from session.ports import (
    FinishReason,
    ResponseRequest,
    TokenLogprob,
    TokenUsage,
    Transcript,
    TranscriptionSettings,
)
from settings.provider_declarations import Declaration

__all__ = [
    "AnsweringModel",
    "ClauseVoice",
    "CompletionFrame",
    "Declaration",
    "FinishReason",
    "LLMProvider",
    "Options",
    "Provider",
    "ProviderFailure",
    "ProviderSetupError",
    "ResponseRequest",
    "STTProvider",
    "SpokenClauseFrame",
    "StageFailure",
    "StreamEndFrame",
    "StreamSTT",
    "TTSProvider",
    "TokenLogprob",
    "TokenUsage",
    "ToolCallFrame",
    "Transcript",
    "TranscriptionSettings",
    "TurnAudioFrame",
    "TurnCommittedFrame",
    "TurnDiscardedFrame",
    "TurnSTTService",
    "TurnStartedFrame",
    "VoiceFailure",
    "VoiceInfo",
    "WordTimesFrame",
    "base",
    "errors",
    "frames",
    "http_clients",
    "in_process",
    "links",
    "llm",
    "new_call_id",
    "parse_options",
    "quoted",
    "refuse",
    "required_key",
    "running_pipeline",
    "sherpa",
    "stt",
    "testing_stages",
    "tts",
]
