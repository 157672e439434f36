"""The messages of ElevenLabs' WebSocket, and the meaning of its errors.

Pipecat's service ignores the error messages, which are ordinary text messages just before the
connection is closed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

from pipecat.frames.frames import AggregatedTextFrame
from pipecat.utils.errors import ErrorCategory, classify_http_status_code
from pydantic import (
    Base64Bytes,
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus

from audio.pcm import BYTES_PER_SAMPLE, WIRE_RATE
from providers.base import StageFailure
from providers.frames import WordTimesFrame
from providers.links.failures import KEPT_CHARACTERS

_CATEGORIES: Mapping[str, ErrorCategory] = {
    "invalid_api_key": ErrorCategory.AUTHENTICATION,
    "authentication_required": ErrorCategory.AUTHENTICATION,
    "unauthorized": ErrorCategory.AUTHENTICATION,
    "missing_permissions": ErrorCategory.AUTHORIZATION,
    "quota_exceeded": ErrorCategory.QUOTA,
    "payment_required": ErrorCategory.QUOTA,
    "too_many_concurrent_requests": ErrorCategory.RATE_LIMIT,
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "max_active_conversations": ErrorCategory.RATE_LIMIT,
    "system_busy": ErrorCategory.SERVER,
    "voice_not_found": ErrorCategory.INVALID_REQUEST,
    "voice_id_does_not_exist": ErrorCategory.INVALID_REQUEST,
    "model_not_found": ErrorCategory.INVALID_REQUEST,
    "unsupported_model": ErrorCategory.INVALID_REQUEST,
}
"""ElevenLabs' error name → kind of failure, where status and close code say less.
"""

_TRANSIENT = frozenset({ErrorCategory.CONNECTIVITY, ErrorCategory.SERVER})


class ElevenLabsError(StageFailure):
    """A failure of the service."""

    def __init__(self, reason: str, category: ErrorCategory, quoted: str = "") -> None:
        super().__init__(reason, quoted)
        self.category = category

    @property
    def transient(self) -> bool:
        """Whether a retry may succeed."""
        return self.category in _TRANSIENT


class Alignment(BaseModel):
    """When each character is spoken, counted from the beginning of the message's audio."""

    chars: list[str]
    starts_ms: list[float] = Field(alias="charStartTimesMs")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.chars) != len(self.starts_ms):
            raise ValueError("as many characters as times")
        return self


class Message(BaseModel):
    """A message of the service."""

    audio: Base64Bytes | None = None
    """PCM."""
    alignment: Alignment | None = None
    final: bool | None = Field(None, alias="isFinal")
    error: str | None = None
    message: str | None = None

    @field_validator("alignment", mode="wrap")
    @classmethod
    def _optional(cls, value: object, parse: ValidatorFunctionWrapHandler) -> Alignment | None:
        """Drop an invalid alignment, but keep the message's audio."""
        try:
            alignment: Alignment | None = parse(value)
        except ValidationError:
            return None
        return alignment

    def raise_error(self) -> None:
        """Raise the error that the message reports, if any."""
        if self.error is not None:
            category = _CATEGORIES.get(self.error, ErrorCategory.INVALID_REQUEST)
            said = f"{self.message or 'no reason given'} ({self.error})"
            raise ElevenLabsError("it reported an error", category, said)


def explain(error: Exception, connect_timeout_s: float) -> ElevenLabsError:
    """Return a failure of the connection as an `ElevenLabsError`.

    Args:
        error: What the WebSocket library or the parser raised.
        connect_timeout_s: The handshake's time-out, for the message.
    """
    if isinstance(error, ElevenLabsError):
        return error
    if isinstance(error, InvalidStatus):
        return _refusal(error.response.status_code, bytes(error.response.body or b""))
    if isinstance(error, ConnectionClosed):
        if error.rcvd is None:
            return ElevenLabsError("the connection was lost", ErrorCategory.CONNECTIVITY)
        what = f"it closed the connection early (code {error.rcvd.code})"
        return ElevenLabsError(what, ErrorCategory.SERVER, error.rcvd.reason)
    if isinstance(error, TimeoutError):
        return ElevenLabsError(
            f"no connection within {connect_timeout_s:g} s", ErrorCategory.CONNECTIVITY
        )
    if isinstance(error, OSError | ImportError):
        return ElevenLabsError(str(error), ErrorCategory.CONNECTIVITY)
    what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return ElevenLabsError("its answer makes no sense", ErrorCategory.SERVER, what)


def _refusal(status: int, body: bytes) -> ElevenLabsError:
    """Explain an HTTP answer to the handshake: `{"detail": {"status": …, "message": …}}`."""
    try:
        detail = json.loads(body)["detail"]
        name, message = str(detail["status"]), str(detail["message"])
    except (ValueError, TypeError, KeyError):
        name, message = "", body[:KEPT_CHARACTERS].decode(errors="replace")
    category = _CATEGORIES.get(name, classify_http_status_code(status))
    return ElevenLabsError(f"status {status}", category, message)


class _Begun(NamedTuple):
    """What begins within a message."""

    at_ms: float
    clause: AggregatedTextFrame | None
    """None: the clause before goes on."""
    words: list[tuple[int, float]]
    """As in `WordTimesFrame`, but from the message's beginning."""


_WIDE_FROM = 0x3040
"""Scripts without spaces, and none that has them but Korean."""


class SpokenClauses:
    """Finds where in the audio each clause begins, by the characters aligned with it.

    The next clause is sent before all audio of the last has come, so the time of sending does not
    tell. Spaces are not counted: the service may add or drop some between clauses.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, AggregatedTextFrame]] = deque()
        self._sent = 0
        self._spoken = 0
        self._clause_from = 0
        """How many characters were before the clause that is being spoken."""
        self._within_word = False

    def add(self, clause: AggregatedTextFrame) -> None:
        """Add a clause that was sent."""
        self._waiting.append((self._sent, clause))
        self._sent += sum(not char.isspace() for char in clause.text)

    def split(
        self, pcm: bytes, alignment: Alignment | None
    ) -> Iterator[AggregatedTextFrame | WordTimesFrame | bytes]:
        """Yield `pcm`, with every clause, and the times of its words, before what speaks it."""
        done = 0
        for at_ms, clause, words in self._begun(alignment):
            cut = min(round(at_ms * WIRE_RATE / 1000) * BYTES_PER_SAMPLE, len(pcm))
            if cut > done:
                yield pcm[done:cut]
                done = cut
            if clause is not None:
                yield clause
            if words:
                from_ms = done / BYTES_PER_SAMPLE / WIRE_RATE * 1000
                yield WordTimesFrame([(before, word_ms - from_ms) for before, word_ms in words])
        yield pcm[done:]

    def rest(self) -> Iterator[AggregatedTextFrame]:
        """Yield the clauses that no alignment has reached."""
        while self._waiting:
            yield self._waiting.popleft()[1]

    def _begun(self, alignment: Alignment | None) -> Iterator[_Begun]:
        if alignment is None:
            # Without an alignment, the audio is taken for all clauses that were sent.
            for clause in self.rest():
                yield _Begun(0, clause, [])
            return
        begun = _Begun(0, None, [])
        for char, at_ms in zip(alignment.chars, alignment.starts_ms, strict=True):
            if char.isspace():
                self._within_word = False
                continue
            while self._waiting and self._waiting[0][0] <= self._spoken:
                yield begun
                self._clause_from, clause = self._waiting.popleft()
                begun = _Begun(at_ms, clause, [])
                self._within_word = False
            # What is written without spaces is heard sign by sign.
            if not self._within_word or ord(char) > _WIDE_FROM:
                begun.words.append((self._spoken - self._clause_from, at_ms))
            self._within_word = True
            self._spoken += 1
        yield begun
