"""The beta dialect, which clients spoke before GA and some still do (§B.16): the writing side.

A session knows only GA events. `wire/beta_reading.py` turns a beta client's events into those;
here GA's server events are written in beta's shapes. They are those of the last beta generation
(§C.3), which older clients read as well, because no field that they use was removed.

`temperature` is the one setting that GA dropped. It reaches the language model with the request
(`session.ports.ResponseRequest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wire.beta_reading import asked_modalities, in_beta_names, read_event
from wire.beta_values import FORMATS
from wire.client_events import ClientEvent
from wire.errors import ProtocolError
from wire.event_record import ErrorBody, RateLimit, ServerEvent, SessionBody, WireEvent
from wire.media import Media
from wire.reading import parse_client_event
from wire.response_events import (
    OutputItemAdded,
    OutputItemDone,
    RateLimitsUpdated,
    ResponseCreated,
    ResponseDone,
)
from wire.session_events import (
    ErrorEvent,
    InputTranscriptionDelta,
    ItemAdded,
    ItemRetrieved,
    SessionCreated,
    SessionUpdated,
)
from wire.session_fields import SessionKind

DEFAULT_TEMPERATURE = 0.8
"""Echoed while the client has set none (§B.16)."""
_REQUEST_LIMIT = 20_000
_TOKEN_LIMIT = 15_000_000

_FORMAT_NAMES = {ga: beta for beta, ga in FORMATS.items()}
_PART_TYPES = {"output_text": "text", "output_audio": "audio"}
_TRANSCRIPTION_KEYS = ("model", "language", "prompt")
_WITH_ITEM = (ItemAdded, OutputItemAdded, OutputItemDone)
_WHOLE = "whisper-1"
"""When clients knew this model alone, transcripts had no deltas, and some fail at one (§F.7)."""


class BetaDialect:
    """The dialect of one beta client. It echoes modalities in the order that the client used."""

    def __init__(self, kind: SessionKind = "realtime", media: Media = Media.EVENTS) -> None:
        """Start with GA's order of modalities.

        Args:
            kind: The session's kind.
            media: How its audio travels.
        """
        self._kind = kind
        self._media = media
        self._spoken = ["audio", "text"]
        """The modalities of a session with audio output, in the client's last order."""
        self._asked: list[str] | None = None
        """The order in the event that was read last; it counts once the event is accepted."""
        self._by_response: dict[str, list[str]] = {}
        self._whole_transcripts = False
        """Whether the client asked for the model whose transcripts came whole (§B.16)."""

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame; raises `ProtocolError` with beta's names."""
        return parse_client_event(raw, self._read)

    def _read(self, message: dict[str, Any]) -> ClientEvent:
        self._asked = None
        event = read_event(message, self._kind, self._media)
        self._asked = asked_modalities(message)
        return event

    def render(self, event: ServerEvent) -> list[WireEvent]:
        """Write a server event.

        GA's `conversation.item.done` and `rate_limits.updated` have no counterpart. The events'
        records say which names and fields differ in beta.
        """
        if event.beta is None:
            return []
        if isinstance(event, _WITH_ITEM) and _is_ga_item(event.item):
            return []
        if isinstance(event, InputTranscriptionDelta) and self._whole_transcripts:
            return []
        written = {**event.wire(), "type": event.beta}
        for name in event.not_in_beta:
            written.pop(name, None)
        match event:
            case ErrorEvent(error):
                written["error"] = self._error(error)
            case SessionCreated(session) | SessionUpdated(session):
                if session["type"] == "transcription":
                    written["type"] = f"transcription_{event.beta}"
                written["session"] = self._session(session)
            case ItemAdded() | ItemRetrieved() | OutputItemAdded() | OutputItemDone():
                written["item"] = _item(event.item)
            case ResponseCreated(response):
                self._answered(response["id"])
                written["response"] = self._response(response)
                return [written, _rate_limits().wire()]
            case ResponseDone(response):
                written["response"] = self._response(response)
                self._by_response.pop(response["id"], None)
        return [written]

    def _error(self, given: ErrorBody) -> ErrorBody:
        self._asked = None
        error = ProtocolError(given["code"], given["message"], given["param"])
        # Unknown fields carry the client's names already, which may look like GA paths.
        if error.code != "unknown_parameter":
            error = in_beta_names(error)
        return {**given, "message": error.message, "param": error.param}

    def _session(self, session: SessionBody) -> SessionBody:
        if session["type"] == "transcription":
            return _transcription_session(session)
        if self._asked is not None and len(self._asked) > 1:
            self._spoken = self._asked
        self._asked = None
        transcription = session["audio"]["input"]["transcription"]
        self._whole_transcripts = transcription is not None and transcription.get("model") == _WHOLE
        return _realtime_session(session, self._spoken)

    def _answered(self, response_id: str) -> None:
        """Keep the order of modalities that the client asked for in this response."""
        if self._asked is not None and len(self._asked) > 1:
            self._by_response[response_id] = self._asked
        self._asked = None

    def _response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        output = response["audio"]["output"]
        spoken = self._by_response.get(response["id"], self._spoken)
        return {
            "object": response["object"],
            "id": response["id"],
            "status": response["status"],
            "status_details": response["status_details"],
            "output": [_item(item) for item in response["output"] if not _is_ga_item(item)],
            "conversation_id": response["conversation_id"],
            "modalities": _modalities(response["output_modalities"], spoken),
            "voice": output["voice"],
            "output_audio_format": _FORMAT_NAMES[output["format"]["type"]],
            "temperature": response.get("temperature", DEFAULT_TEMPERATURE),
            "max_output_tokens": response["max_output_tokens"],
            "usage": _without_images(response["usage"]),
            "metadata": response["metadata"],
        }


def _rate_limits() -> RateLimitsUpdated:
    """Return the event that beta clients expect here; this server has no rate limits."""
    requests: RateLimit = {
        "name": "requests",
        "limit": _REQUEST_LIMIT,
        "remaining": _REQUEST_LIMIT,
        "reset_seconds": 0.0,
    }
    tokens: RateLimit = {
        "name": "tokens",
        "limit": _TOKEN_LIMIT,
        "remaining": _TOKEN_LIMIT,
        "reset_seconds": 0.0,
    }
    return RateLimitsUpdated([requests, tokens])


def beta_sessions(config_wire: Mapping[str, Any], secret: Mapping[str, Any]) -> dict[str, Any]:
    """Write a GA session as the answer to a beta request for an ephemeral key (§D.5).

    Args:
        config_wire: The session, as `SessionConfig.wire` returns it, of either kind.
        secret: `{"value": "ek_…", "expires_at": unix seconds}`.
    """
    session = (
        _transcription_session(config_wire)
        if config_wire["type"] == "transcription"
        else _realtime_session(config_wire, ["audio", "text"])
    )
    return {**session, "client_secret": dict(secret)}


def _realtime_session(session: Mapping[str, Any], spoken: list[str]) -> dict[str, Any]:
    """Write a session in the key order of the last beta generation (§C.3)."""
    given, output = session["audio"]["input"], session["audio"]["output"]
    choice = session["tool_choice"]
    return {
        "object": session["object"],
        "id": session["id"],
        "model": session["model"],
        "modalities": _modalities(session["output_modalities"], spoken),
        "instructions": session["instructions"],
        "voice": output["voice"],
        "output_audio_format": _FORMAT_NAMES[output["format"]["type"]],
        # Of MCP servers, only a GA client of the same session can know (§B.16).
        "tools": [_tool(tool) for tool in session["tools"] if tool["type"] == "function"],
        # Always a string in beta: for a certain function, its name (§C.3).
        "tool_choice": _choice(choice),
        "temperature": session.get("temperature", DEFAULT_TEMPERATURE),
        "max_response_output_tokens": session["max_output_tokens"],
        "turn_detection": given["turn_detection"],
        "speed": output["speed"],
        "tracing": session["tracing"],
        "truncation": session["truncation"],
        "prompt": session["prompt"],
        "expires_at": session["expires_at"],
        **_input_fields(given),
        "client_secret": None,
        "include": session["include"],
    }


def _transcription_session(session: Mapping[str, Any]) -> dict[str, Any]:
    given = session["audio"]["input"]
    fields = _input_fields(given)
    return {
        "id": session["id"],
        "object": session["object"],
        "expires_at": session["expires_at"],
        "input_audio_noise_reduction": fields["input_audio_noise_reduction"],
        "turn_detection": given["turn_detection"],
        "input_audio_format": fields["input_audio_format"],
        "input_audio_transcription": fields["input_audio_transcription"],
        "client_secret": None,
        "include": session["include"],
    }


def _input_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    reduction, transcription = given["noise_reduction"], given["transcription"]
    return {
        "input_audio_noise_reduction": reduction and {"type": reduction["type"]},
        "input_audio_format": _FORMAT_NAMES[given["format"]["type"]],
        "input_audio_transcription": transcription
        and {key: transcription.get(key) for key in _TRANSCRIPTION_KEYS},
    }


def _modalities(ga: list[str], spoken: list[str]) -> list[str]:
    return list(spoken) if ga == ["audio"] else list(ga)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tool[key] for key in ("name", "description", "parameters", "type") if key in tool}


def _choice(choice: str | Mapping[str, Any]) -> str:
    if isinstance(choice, str):
        return choice
    return str(choice["name"]) if choice["type"] == "function" else "auto"


def _is_ga_item(item: Mapping[str, Any]) -> bool:
    """Return whether an item is about MCP tools, which beta does not have."""
    return str(item["type"]).startswith("mcp_")


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    written = {"id": item["id"], "object": "realtime.item", **item}
    if "content" in item:
        written["content"] = [
            {**part, "type": _PART_TYPES.get(part["type"], part["type"])}
            for part in item["content"]
        ]
    return written


def _without_images(usage: Any) -> Any:
    if not isinstance(usage, Mapping):
        return usage
    return {key: _without_images(value) for key, value in usage.items() if key != "image_tokens"}
