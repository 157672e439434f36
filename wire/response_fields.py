"""What a client may ask of one response: the options of a `response.create` (§A.9)."""

from __future__ import annotations

from typing import Annotated, Literal

from wire.item_fields import ResponseInput
from wire.session_fields import (
    NO_PROMPT,
    Format,
    MaxTokens,
    Metadata,
    Modalities,
    Reasoning,
    Temperature,
    ToolChoice,
    Tools,
    Voice,
)
from wire.strict_models import StrictModel


class ResponseAudioOutput(StrictModel):
    """`response.audio.output`."""

    format: Format | None = None
    voice: Voice | None = None


class ResponseAudio(StrictModel):
    """`response.audio`."""

    output: ResponseAudioOutput | None = None


class ResponseOptions(StrictModel):
    """The `response` of a `response.create`: overrides for this response only (§A.9)."""

    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    metadata: Metadata | None = None
    conversation: Literal["auto", "none"] | None = None
    input: list[ResponseInput] | None = None
    prompt: Annotated[None, NO_PROMPT] = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None


class BetaResponseOptions(ResponseOptions):
    """The same with beta's `temperature` (§B.16)."""

    temperature: Temperature | None = None
