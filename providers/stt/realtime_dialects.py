"""The two ways in which servers transcribe over `/v1/realtime`, as data: sent and read.

OpenAI's transcription sessions are spoken by OpenAI, NVIDIA Dynamo, SGLang and this server (§B.11).
vLLM has the same path with a protocol of its own: 16 kHz, a commit that begins a turn and a `final`
one that ends it, events without ids. The first event of a server tells which of the two it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from pipecat.utils.errors import ErrorCategory

from audio.pcm import SAMPLE_RATE, WIRE_RATE
from providers.links.failures import KEPT_CHARACTERS, LinkFailure, shown_code
from providers.links.link import Event
from providers.links.realtime_link import error_of
from providers.links.transcription import LOGPROBS, PCM, transcript_of, transcription
from session.ports import Transcript, TranscriptionSettings

Words = str | Transcript | LinkFailure | None
"""What an event says: some more words, all of them, why there are none, or nothing of interest."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn asks of the service."""

    model: str
    wishes: TranscriptionSettings
    lists: bool | None = None
    """Whether the model takes several languages, and keywords as such; None: OpenAI's rule."""
    prompts: bool = True
    """Whether the model takes a prompt."""
    delays: bool | None = None
    """Whether the model takes a delay; None: OpenAI's rule."""


class Dialect(ABC):
    """How one turn is transcribed, on a connection of its own."""

    rate: int
    """Of the audio that is sent, in Hz."""

    @abstractmethod
    def opening(self) -> list[Event]:
        """Return what is sent before the audio."""

    @abstractmethod
    def ending(self) -> Event:
        """Return what is sent behind the audio."""

    @abstractmethod
    def read(self, event: Event) -> Words:
        """Read what the service sent.

        Raises:
            KeyError, TypeError, ValueError: The event has not the form of its type.
        """


class TranscriptionSession(Dialect):
    """OpenAI's protocol."""

    rate = WIRE_RATE

    def __init__(self, asked: Asked) -> None:
        """Keep what the turn asks."""
        self._asked = asked

    def opening(self) -> list[Event]:
        """Configure the session: our own detector decides the turns, and cleans the audio.

        The update is whole, as some servers take no partial ones. Log probabilities are asked for
        apart from it: many models have none, and refuse to be asked.
        """
        asked = self._asked
        heard = {
            "format": PCM,
            "noise_reduction": None,
            "turn_detection": None,
            "transcription": transcription(
                asked.model,
                asked.wishes,
                lists=asked.lists,
                prompts=asked.prompts,
                delays=asked.delays,
            ),
        }
        events = [_update("session", audio={"input": heard})]
        if asked.wishes.logprobs:
            events.append(_update(_SCORES, include=[LOGPROBS]))
        return events

    def ending(self) -> Event:
        """Commit the turn."""
        return {"type": "input_audio_buffer.commit", "event_id": "commit"}

    def read(self, event: Event) -> Words:
        """Read what the service sent; all of it is of this one turn."""
        match event:
            case {"type": "conversation.item.input_audio_transcription.delta"}:
                return str(event.get("delta") or "")
            case {"type": "conversation.item.input_audio_transcription.completed"}:
                return transcript_of(event)
            case {"type": "conversation.item.input_audio_transcription.failed"}:
                return error_of(event)
            case {"type": "error", "error": {"event_id": str(about)}} if about == _SCORES:
                return None
            case {"type": "error"}:
                return error_of(event)
        return None


_SCORES = "logprobs"
"""Our id of the event that asks for log probabilities."""


def _update(event_id: str, **fields: Any) -> Event:
    session = {"type": "transcription", **fields}
    return {"type": "session.update", "event_id": event_id, "session": session}


class VllmTranscription(Dialect):
    """vLLM's protocol: the client's wishes have no place in it."""

    rate = SAMPLE_RATE

    def __init__(self, asked: Asked) -> None:
        """Keep the model's name, which vLLM wants to be told."""
        self._model = asked.model

    def opening(self) -> list[Event]:
        """Name the model, and let it begin."""
        return [
            {"type": "session.update", "model": self._model},
            {"type": "input_audio_buffer.commit", "final": False},
        ]

    def ending(self) -> Event:
        """End the audio."""
        return {"type": "input_audio_buffer.commit", "final": True}

    def read(self, event: Event) -> Words:
        """Read what the service sent."""
        match event:
            case {"type": "transcription.delta"}:
                return str(event.get("delta") or "")
            case {"type": "transcription.done"}:
                return Transcript(str(event.get("text") or "").strip())
            case {"type": "error", "error": str(said)}:
                return _vllm_failure(str(event.get("code") or "no code"), said)
            case {"type": "error"}:
                return error_of(event)
        return None


_VLLM_CODES = {
    "model_not_found": ErrorCategory.INVALID_REQUEST,
    "invalid_event": ErrorCategory.INVALID_REQUEST,
    "processing_error": ErrorCategory.SERVER,
}


def _vllm_failure(code: str, said: str) -> LinkFailure:
    category = _VLLM_CODES.get(code, ErrorCategory.UNKNOWN)
    return LinkFailure(category, shown_code(code), " ".join(said.split())[:KEPT_CHARACTERS])


def dialect_of(created: Event, asked: Asked) -> Dialect:
    """Return the dialect of a server by its `session.created`: vLLM's has no `session` in it."""
    if isinstance(created.get("session"), dict):
        return TranscriptionSession(asked)
    return VllmTranscription(asked)
