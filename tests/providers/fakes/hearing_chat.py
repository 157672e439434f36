"""A chat completions server whose model hears: as strict as vLLM and OpenAI, and it listens.

Its answer tells which of the recordings in `tests/data` it was given, so that a test knows that the
right audio arrived, whole and in the right order.
"""

from __future__ import annotations

import base64
import io
import wave
from functools import cache
from typing import Annotated, Literal

import numpy as np
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audio.pcm import read_wav
from tests.providers.fakes.chat import FakeChat
from tests.providers.fakes.model_server import Answer
from tests.support.places import DATA

RATE = 16_000
ALIKE = 0.5
"""Correlation from which audio is taken for a recording: the same has .9, another below .2."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Text(_Strict):
    type: Literal["text"]
    text: Annotated[str, Field(min_length=1)]


class _AudioData(_Strict):
    data: Annotated[str, Field(min_length=1)]
    format: Literal["wav", "mp3"]


class _Audio(_Strict):
    type: Literal["input_audio"]
    input_audio: _AudioData


_Part = Annotated[_Text | _Audio, Field(discriminator="type")]


class _System(_Strict):
    role: Literal["system"]
    content: str


class _User(_Strict):
    role: Literal["user"]
    content: str | Annotated[list[_Part], Field(min_length=1)]


class _Assistant(_Strict):
    role: Literal["assistant"]
    content: str


_Message = Annotated[_System | _User | _Assistant, Field(discriminator="role")]


class _Completion(_Strict):
    model: str
    messages: Annotated[list[_Message], Field(min_length=1)]
    stream: Literal[True]
    stream_options: dict[str, bool] = {}
    modalities: list[Literal["text"]] = ["text"]
    temperature: float = 1.0
    max_tokens: int = 1


class HearingChat(FakeChat):
    """`POST /v1/chat/completions` of a model that hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[list[str]] = []
        """For each request the recordings that were in it, in order."""
        self.lengths: list[list[float]] = []
        """And their lengths in ms."""
        self.says: str | None = None
        """What it says instead of what it heard."""
        self.refused: list[str] = []
        """Why requests were refused."""

    async def converse(self, request: Request) -> Response:
        """Refuse what is not of the schema; answer with what was heard, or else was read."""
        try:
            asked = _Completion.model_validate(await request.json())
            audios = [_decoded(part) for part in _audio_parts(asked)]
        except (ValidationError, ValueError) as error:
            self.refused.append(str(error))
            return JSONResponse({"error": {"message": str(error), "code": "x"}}, status_code=400)
        self.heard.append([recording(audio) for audio in audios])
        self.lengths.append([len(audio) / RATE * 1000 for audio in audios])
        said = self.heard[-1][-1] if self.heard[-1] else _last_text(asked)
        self.answer = Answer(words=[self.says] if self.says else ["I", " heard:", f" {said}."])
        tokens = round(sum(self.lengths[-1]) / 40)
        details = {"audio_tokens": tokens, "cached_tokens": 0}
        self.usage = {
            "prompt_tokens": tokens + 9,
            "completion_tokens": 3,
            "total_tokens": tokens + 12,
            "prompt_tokens_details": details,
        }
        return await super().converse(request)


def _audio_parts(asked: _Completion) -> list[_Audio]:
    contents = [one.content for one in asked.messages if isinstance(one, _User)]
    return [
        part
        for content in contents
        if isinstance(content, list)
        for part in content
        if isinstance(part, _Audio)
    ]


def _last_text(asked: _Completion) -> str:
    content = asked.messages[-1].content
    if isinstance(content, str):
        return content
    return " ".join(part.text for part in content if isinstance(part, _Text))


def _decoded(part: _Audio) -> NDArray[np.float32]:
    """Read the audio of a part.

    Raises:
        ValueError: It is no WAV file as speech encoders take it.
    """
    data = base64.b64decode(part.input_audio.data, validate=True)
    return samples_of(data)


def samples_of(data: bytes) -> NDArray[np.float32]:
    """Read a WAV file; raises `ValueError` unless it is 16-bit mono of 16 kHz."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            kind = file.getnchannels(), file.getsampwidth(), file.getframerate()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"the audio is no WAV file: {error}") from error
    if kind != (1, 2, RATE):
        raise ValueError(f"channels, bytes and rate are {kind}")
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32)


def recording(audio: NDArray[np.float32]) -> str:
    """Return the name of the recording that is in the audio, or `nothing that I know`."""
    found = {name: _likeness(audio, known) for name, known in _recordings().items()}
    best = max(found, key=lambda name: found[name])
    return best if found[best] > ALIKE else "nothing that I know"


@cache
def _recordings() -> dict[str, NDArray[np.float32]]:
    return {
        path.stem: np.frombuffer(read_wav(path, RATE), dtype="<i2").astype(np.float32)
        for path in sorted(DATA.glob("flite-*.wav"))
    }


def _likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the greatest correlation of two sounds at any offset."""
    size = len(one) + len(other)
    product = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    energy = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.max(np.fft.irfft(product, size))) / energy if energy else 0.0
