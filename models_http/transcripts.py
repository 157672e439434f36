"""Writes a transcript as the client wants it: JSON, with more in it, text, or events."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from models_http.server_sent_events import event
from models_http.transcription_request import ResponseFormat
from session.ports import TokenLogprob, Transcript
from settings.languages import base_of, language_name


@dataclass(frozen=True, slots=True)
class Written:
    """A transcript, and what its answer says beside the words."""

    transcript: Transcript
    seconds: float
    """Length of the audio, in seconds."""
    told: str | None
    """The language that the recogniser was told; None: it was told none."""
    logprobs: bool = False
    """Whether the client asked for them."""


def answer(written: Written, form: ResponseFormat) -> tuple[bytes | dict[str, Any], str]:
    """Return the body of an answer, as text or as what is to be JSON, and its media type."""
    if form == "text":
        return f"{written.transcript.text}\n".encode(), "text/plain; charset=utf-8"
    fields = _verbose(written) if form == "verbose_json" else _plain(written)
    return fields, "application/json"


def events(written: Written) -> bytes:
    """Return the answer as events. A recogniser of whole turns has all words at once."""
    fields = _plain(written)
    scored = {"logprobs": fields["logprobs"]} if "logprobs" in fields else {}
    delta = {"type": "transcript.text.delta", "delta": fields["text"], **scored}
    told: dict[str, Any] = {name: fields[name] for name in ("text", "languages") if name in fields}
    return event(delta) + event({"type": "transcript.text.done", **told, **scored})


def _plain(written: Written) -> dict[str, Any]:
    transcript = written.transcript
    fields: dict[str, Any] = {"text": transcript.text}
    if transcript.languages is not None:
        fields["languages"] = [{"code": code} for code in transcript.languages]
    if written.logprobs and transcript.logprobs is not None:
        fields["logprobs"] = [_logprob(one) for one in transcript.logprobs]
    if transcript.no_speech is not None:
        # Not in OpenAI's JSON, but gateways drop noise by it.
        fields["segments"] = [{"no_speech_prob": transcript.no_speech}]
    return {**fields, "usage": _usage(written)}


def _verbose(written: Written) -> dict[str, Any]:
    transcript = written.transcript
    heard = next(iter(transcript.languages or ()), written.told)
    fields: dict[str, Any] = {
        "task": "transcribe",
        # Its name, as OpenAI has it: `english`.
        "language": "unknown" if heard is None else language_name(base_of(heard)).casefold(),
        "duration": written.seconds,
        "text": transcript.text,
        "segments": [_segment(written)] if transcript.text else [],
    }
    return {**fields, "usage": _usage(written)}


def _segment(written: Written) -> dict[str, Any]:
    """Return the whole as one segment: where its sentences begin, nobody tells."""
    transcript = written.transcript
    text = transcript.text.encode()
    scores = [one.logprob for one in transcript.logprobs or ()]
    segment: dict[str, Any] = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": written.seconds,
        "text": transcript.text,
        "tokens": [],
        "temperature": 0.0,
        "compression_ratio": len(text) / len(zlib.compress(text)),
    }
    if scores:
        segment["avg_logprob"] = sum(scores) / len(scores)
    if transcript.no_speech is not None:
        segment["no_speech_prob"] = transcript.no_speech
    return segment


def _logprob(one: TokenLogprob) -> dict[str, Any]:
    return {"token": one.token, "bytes": list(one.bytes), "logprob": one.logprob}


def _usage(written: Written) -> dict[str, Any]:
    return {"type": "duration", "seconds": written.seconds}
