"""What `POST /v1/audio/speech` asks for, as OpenAI has it; what no voice here does is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from models_http.encoders import Format
from wire.errors import ProtocolError, explain, unsupported, wrong_type
from wire.strict_json import read_json


class _VoiceId(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str


class SpeechRequest(BaseModel):
    """A text to speak."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: str
    """What to say."""
    model: str
    voice: str | _VoiceId
    instructions: str | None = None
    """How to say it; refused."""
    response_format: Format = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    """Pace, at constant pitch."""
    stream_format: Literal["audio", "sse"] = "audio"
    """The sound itself, or events with pieces of it."""

    @property
    def voice_name(self) -> str:
        """The voice's name, in whichever form it was given."""
        return self.voice if isinstance(self.voice, str) else self.voice.id

    @field_validator("instructions")
    @classmethod
    def _refuse(cls, instructions: str | None) -> str | None:
        if instructions:
            raise unsupported(
                "The voices here take no 'instructions'; leave them out, or choose a voice that "
                "sounds as you wish."
            )
        return instructions


def read_speech_request(body: bytes, most_chars: int) -> SpeechRequest:
    """Read a request.

    Args:
        body: The body, JSON.
        most_chars: Characters that the text may have.

    Raises:
        ProtocolError: It is none that can be answered.
    """
    try:
        given = read_json(body.decode())
    except (ValueError, RecursionError) as error:
        raise ProtocolError("invalid_json", f"The request body is not JSON. {error}") from None
    if not isinstance(given, dict):
        raise wrong_type(given, "an object", "body")
    try:
        request = SpeechRequest.model_validate(given)
    except ValidationError as error:
        raise explain(error, given) from None
    if len(request.input) > most_chars:
        raise ProtocolError(
            "string_above_max_length",
            f"Invalid 'input': it has {len(request.input)} characters, and {most_chars} are "
            "allowed (model_server.input_chars): send it in pieces.",
            "input",
        )
    if not request.input.strip():
        raise ProtocolError("invalid_value", "Invalid 'input': there is nothing to say.", "input")
    return request
