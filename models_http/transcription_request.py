"""What `POST /v1/audio/transcriptions` asks for, as OpenAI has it; what is not done is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from serving.multipart import Part, form_parts
from wire.errors import ProtocolError, invalid_value

ResponseFormat = Literal["json", "text", "verbose_json"]
MOST_PARTS = 256
"""Parts of a form: a few fields, and lists of languages and keywords."""
_SHOWN = 40
"""Characters of a bad value that an error repeats."""
RESPONSE_FORMATS: tuple[ResponseFormat, ...] = ("json", "text", "verbose_json")

_ONCE = (
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "stream",
    "chunking_strategy",
)
_LISTS = ("languages", "keywords", "include", "timestamp_granularities")
_REFUSED: Mapping[str, str] = {
    "known_speaker_names": "the recognisers here do not tell speakers apart",
    "known_speaker_references": "the recognisers here do not tell speakers apart",
}
_NO_TIMES = "the recognisers here do not tell when a word was said"
_NO_FORMATS: Mapping[str, str] = {
    "srt": _NO_TIMES,
    "vtt": _NO_TIMES,
    "diarized_json": _REFUSED["known_speaker_names"],
}


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A file to transcribe."""

    file: bytes
    model: str
    languages: tuple[str, ...] = ()
    """What may be spoken, the likeliest first; empty: whatever it is."""
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    response_format: ResponseFormat = "json"
    logprobs: bool = False
    stream: bool = False
    """Whether the answer is sent as events."""


def read_transcription_request(body: bytes, boundary: bytes) -> TranscriptionRequest:
    """Read a request.

    Args:
        body: The body, a form.
        boundary: What is between its parts.

    Raises:
        ProtocolError: It is none that can be answered.
    """
    once, lists = _fields(form_parts(body, boundary, MOST_PARTS))
    for name in ("file", "model"):
        if name not in once:
            raise ProtocolError(
                "missing_required_parameter", f"Missing required parameter: '{name}'.", name
            )
    if not once["file"]:
        raise ProtocolError("invalid_value", "Invalid 'file': it is empty.", "file")
    _check_sampling(_text(once, "temperature"))
    _check_chunking(_text(once, "chunking_strategy"))
    if "word" in lists["timestamp_granularities"]:
        raise _not_done("timestamp_granularities", "word", _NO_TIMES)
    _one_of(lists["timestamp_granularities"], ("segment",), "timestamp_granularities")
    _one_of(lists["include"], ("logprobs",), "include")
    response_format = _response_format(_text(once, "response_format"))
    stream = _flag(_text(once, "stream"), "stream")
    if stream and response_format != "json":
        reason = "events are JSON; leave it out, or 'stream'"
        raise _not_done("response_format", response_format, reason)
    language = _text(once, "language").strip()
    languages = [language] if language else lists["languages"]
    return TranscriptionRequest(
        file=once["file"],
        model=_text(once, "model"),
        languages=tuple(_language(code) for code in languages),
        prompt=_text(once, "prompt").strip() or None,
        keywords=tuple(filter(None, map(str.strip, lists["keywords"]))),
        response_format=response_format,
        logprobs="logprobs" in lists["include"],
        stream=stream,
    )


def _fields(parts: Sequence[Part]) -> tuple[dict[str, bytes], dict[str, list[str]]]:
    """Return the fields that come once, and those that are lists, which have `[]` behind them."""
    once: dict[str, bytes] = {}
    lists: dict[str, list[str]] = {name: [] for name in _LISTS}
    for part in parts:
        name = part.name.removesuffix("[]")
        if name in _ONCE:
            if name in once:
                raise ProtocolError("invalid_value", f"'{name}' comes more than once.", name)
            once[name] = part.content
        elif name in lists:
            lists[name].append(_decoded(part.content, name))
        elif name in _REFUSED:
            raise ProtocolError(
                "unsupported_parameter", f"'{name}' is not supported: {_REFUSED[name]}.", name
            )
        else:
            raise ProtocolError(
                "unknown_parameter", f"Unknown parameter: '{name[:_SHOWN]}'.", name[:_SHOWN]
            )
    return once, lists


def _text(once: Mapping[str, bytes], name: str) -> str:
    return _decoded(once.get(name, b""), name)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ProtocolError(
            "invalid_value", f"Invalid '{name}': it is no text in UTF-8.", name
        ) from None


def _response_format(name: str) -> ResponseFormat:
    if not name:
        return "json"
    if name in _NO_FORMATS:
        raise _not_done("response_format", name, _NO_FORMATS[name])
    _one_of([name], RESPONSE_FORMATS, "response_format")
    return cast(ResponseFormat, name)


def _language(code: str) -> str:
    """Check that a language is named by a code; the recogniser says whether it knows that."""
    if not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*", code):
        raise ProtocolError(
            "invalid_value",
            f"Invalid 'language': '{code[:_SHOWN]}' is no code of a language, such as 'en'.",
            "language",
        )
    return code


def _check_sampling(temperature: str) -> None:
    try:
        drawn = float(temperature or 0)
    except ValueError:
        drawn = -1.0
    if drawn != 0:
        raise _not_done(
            "temperature", temperature, "the recognisers here choose the likeliest words; send 0"
        )


def _check_chunking(strategy: str) -> None:
    # A recogniser cuts what is too long for it by itself.
    if strategy not in ("", "auto", '"auto"', "null"):
        raise _not_done("chunking_strategy", strategy, "send 'auto', or cut the file yourself")


def _flag(written: str, name: str) -> bool:
    flags = {"": False, "false": False, "0": False, "true": True, "1": True}
    if written.lower() not in flags:
        raise invalid_value(written[:_SHOWN], ("true", "false"), name)
    return flags[written.lower()]


def _one_of(values: Sequence[str], known: Sequence[str], name: str) -> None:
    for value in values:
        if value not in known:
            raise invalid_value(value[:_SHOWN], known, name)


def _not_done(name: str, value: str, reason: str) -> ProtocolError:
    return ProtocolError(
        "unsupported_value", f"'{name}' {value[:_SHOWN]!r} is not supported: {reason}.", name
    )
