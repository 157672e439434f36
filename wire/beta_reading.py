"""Beta client events, read as GA ones (§B.16).

The beta session is flat where GA's is nested, and a few values have other names; all else is the
same. So an event is rewritten into GA's form and validated by GA's models, and errors are
translated back into the names that the client used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wire.beta_values import read_item, read_value
from wire.client_events import (
    ClientEvent,
    CreateItem,
    CreateResponse,
    UpdateSession,
    UpdateTranscription,
    beta_events,
)
from wire.errors import ProtocolError
from wire.media import Media
from wire.reading import validate_event
from wire.response_fields import BetaResponseOptions
from wire.session_fields import BetaSessionPatch, SessionKind

Fields = Mapping[str, tuple[str, ...]]
"""Beta's flat field name → GA's path within the block; empty: GA has no such field."""

_AUDIO_FIELDS: Fields = {
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "include": ("include",),
}
_SESSION_FIELDS: Fields = {
    **_AUDIO_FIELDS,
    "model": ("model",),
    "modalities": ("output_modalities",),
    "instructions": ("instructions",),
    "voice": ("audio", "output", "voice"),
    "output_audio_format": ("audio", "output", "format"),
    "speed": ("audio", "output", "speed"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "temperature": ("temperature",),
    "max_response_output_tokens": ("max_output_tokens",),
    "tracing": ("tracing",),
    "prompt": ("prompt",),
}
_SESSION_OTHERS = frozenset((*_SESSION_FIELDS, "client_secret"))
"""What typed clients write as null into a session of either kind (`wire/strict_models.py`)."""
# A transcription session has no output, so its modalities are checked and then dropped.
_TRANSCRIPTION_FIELDS: Fields = {**_AUDIO_FIELDS, "modalities": ()}
_RESPONSE_FIELDS: Fields = {
    "max_response_output_tokens": ("max_output_tokens",),
    "max_output_tokens": ("max_output_tokens",),
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "output_audio_format": ("audio", "output", "format"),
    "temperature": ("temperature",),
    # Of the first preview, and Azure's clients still send them. Neither changes anything.
    "commit": (),
    "cancel_previous": (),
    **{
        name: (name,)
        for name in ("conversation", "input", "metadata", "instructions", "tools", "tool_choice")
    },
}


def _names(block: str, fields: Fields) -> dict[str, str]:
    return {".".join((block, *path)): f"{block}.{name}" for name, path in fields.items() if path}


_NAMES = {
    **_names("session", _SESSION_FIELDS),
    **_names("response", _RESPONSE_FIELDS),
    "session.type": "type",
}
"""GA path → beta path. A beta session has no `type`: the event's type implies it."""


class _BetaUpdateSession(UpdateSession):
    session: BetaSessionPatch


class _BetaCreateResponse(CreateResponse):
    response: BetaResponseOptions | None = None


_BETA_RECORDS: dict[type[ClientEvent], type[ClientEvent]] = {
    UpdateSession: _BetaUpdateSession,
    CreateResponse: _BetaCreateResponse,
}


def _models(kind: SessionKind) -> dict[str, type[ClientEvent]]:
    return {
        record.type_name(): _BETA_RECORDS.get(record, record)
        for media in Media
        for record in beta_events(media).values()
        if kind in record.kinds
    }


_MODELS: dict[SessionKind, dict[str, type[ClientEvent]]] = {
    "realtime": _models("realtime"),
    "transcription": _models("transcription"),
}
"""Session kind → GA's event name → the record that validates it."""


def read_event(
    message: dict[str, Any], kind: SessionKind = "realtime", media: Media = Media.EVENTS
) -> ClientEvent:
    """Read a beta client event as the equivalent GA event.

    Args:
        message: The JSON object of a frame.
        kind: The session's kind.
        media: How its audio travels.

    Raises:
        ProtocolError: The event is not valid; names and paths are beta's.
    """
    name = message.get("type")
    known = beta_events(media)
    record = known.get(name) if isinstance(name, str) else None
    if record is None:
        return validate_event(message, {}, tuple(known))
    message = {**message, "type": record.type_name()}
    names = dict(_NAMES)
    if record is UpdateSession:
        message = _rewrite(message, "session", _SESSION_FIELDS, names, type="realtime")
    elif record is UpdateTranscription:
        message = _rewrite(message, "session", _TRANSCRIPTION_FIELDS, names, type="transcription")
    elif record is CreateResponse:
        message = _rewrite(message, "response", _RESPONSE_FIELDS, names)
    elif record is CreateItem and "item" in message:
        message = {**message, "item": read_item(message["item"], "item")}
    try:
        return _validated(message, kind)
    except ProtocolError as error:
        raise in_beta_names(error, names) from None


def _validated(message: dict[str, Any], kind: SessionKind) -> ClientEvent:
    """Validate an event in GA's form, with beta's `temperature`; return GA's own record."""
    event = validate_event(message, _MODELS[kind])
    if isinstance(event, _BetaUpdateSession):
        return UpdateSession(type=event.type, event_id=event.event_id, session=event.session)
    if isinstance(event, _BetaCreateResponse):
        return CreateResponse(type=event.type, event_id=event.event_id, response=event.response)
    return event


def read_session(
    body: dict[str, Any], kind: SessionKind = "realtime"
) -> UpdateSession | UpdateTranscription:
    """Read the body of `POST /v1/realtime/sessions` or `/transcription_sessions` (§D.5).

    `client_secret` is not part of the session; it is left to the caller.

    Raises:
        ProtocolError: The body is not valid; paths start at the body.
    """
    record = UpdateTranscription if kind == "transcription" else UpdateSession
    session = {key: value for key, value in body.items() if key != "client_secret"}
    try:
        event = read_event({"type": record.beta, "session": session}, kind)
    except ProtocolError as error:
        raise without_session(error) from None
    assert isinstance(event, UpdateSession | UpdateTranscription)
    return event


def read_minted(
    session: dict[str, Any], kind: SessionKind = "realtime"
) -> UpdateSession | UpdateTranscription:
    """Read a session in GA's form that may have a temperature, out of a client secret (§D.5).

    Args:
        session: `read_session(…).session.model_dump(exclude_unset=True)`, or any GA session.
        kind: The session's kind.

    Raises:
        ProtocolError: It is not valid.
    """
    event = _validated({"type": UpdateSession.type_name(), "session": session}, kind)
    assert isinstance(event, UpdateSession | UpdateTranscription)
    return event


def asked_modalities(message: dict[str, Any]) -> list[str] | None:
    """Return the modalities that an event sets, in the client's order."""
    for block in (message.get("session"), message.get("response")):
        if isinstance(block, dict) and block.get("modalities"):
            return list(block["modalities"])
    return None


def in_beta_names(error: ProtocolError, names: Mapping[str, str] = _NAMES) -> ProtocolError:
    """Translate an error into beta's field names.

    Args:
        error: An error about GA's fields.
        names: GA path → beta path.
    """
    param = error.param or ""
    known = [path for path in names if param == path or param.startswith((f"{path}.", f"{path}["))]
    if not known:
        return error
    path = max(known, key=len)
    return _renamed(error, param, names[path] + param[len(path) :])


def without_session(error: ProtocolError) -> ProtocolError:
    """Return the error with its path relative to the body of a beta HTTP request (§D.5)."""
    param = error.param or ""
    return _renamed(error, param, param.removeprefix("session."))


def _renamed(error: ProtocolError, old: str, new: str) -> ProtocolError:
    return ProtocolError(
        error.code,
        error.message.replace(f"'{old}'", f"'{new}'"),
        new or None,
        event_id=error.event_id,
        type_=error.type,
    )


_NESTED = ("audio", "output_modalities")
_GA_HINT = (
    " This connection speaks the beta dialect, which has no such field. GA is at /v1/realtime "
    "without the beta header, and on Azure's paths at /openai/v1/realtime."
)
"""For a client of GA that has come to Azure's path of the preview, or sends an old header."""
_GA_FIELDS = {
    "session.type",
    *(f"{block}.{name}" for block in ("session", "response") for name in _NESTED),
}


def _rewrite(
    message: dict[str, Any], block: str, fields: Fields, names: dict[str, str], **fixed: Any
) -> dict[str, Any]:
    """Nest a flat block the way GA does.

    Args:
        message: The event.
        block: The key of the block, `session` or `response`.
        fields: The fields that beta allows in it.
        names: GA path → beta path; gets an entry for every field that the client sent.
        **fixed: Fields to add to the nested block.
    """
    given = message.get(block)
    if not isinstance(given, dict):
        return message
    nested: dict[str, Any] = dict(fixed)
    for name, value in given.items():
        param = f"{block}.{name}"
        if name not in fields:
            if value is None and block == "session" and name in _SESSION_OTHERS:
                continue
            hint = _GA_HINT if param in _GA_FIELDS else ""
            raise ProtocolError("unknown_parameter", f"Unknown parameter: '{param}'.{hint}", param)
        value = read_value(name, value, param)
        path = fields[name]
        if not path:
            continue
        here = nested
        for key in path[:-1]:
            here = here.setdefault(key, {})
        here[path[-1]] = value
        names[".".join((block, *path))] = param
    return {**message, block: nested}
