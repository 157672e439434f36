"""The beta dialect: what clients spoke before GA, and some still do (§B.16).

A session knows nothing of it. `beta_reading.py` reads what a beta client writes as GA events; here
GA's events are written the way it expects them. The shapes are those of the last beta generation
(§C.3): older clients read them as well, for nothing that they look at was taken away.

`temperature` is the one setting that GA has lost. It travels to the language model with the
request (`generation.ResponseRequest`); the `embedded` and `scripted` models are deterministic, so
there it is accepted and echoed, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from protocol import ProtocolError
from wire.beta_reading import FORMATS, asked_modalities, in_beta_names, read_event
from wire.client_events import ClientEvent
from wire.envelope import ServerEvent, server_event
from wire.reading import parse_client_event
from wire.session_fields import SessionKind

DEFAULT_TEMPERATURE = 0.8
"""What is echoed while the client has set none (§B.16)."""
_REQUEST_LIMIT = 20_000
_TOKEN_LIMIT = 15_000_000

_FORMAT_NAMES = {ga: beta for beta, ga in FORMATS.items()}
_PART_TYPES = {"output_text": "text", "output_audio": "audio"}
_SAME = {
    "conversation.item.deleted",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.truncated",
    "input_audio_buffer.cleared",
    "input_audio_buffer.committed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    # No SDK type has it, but it only comes to clients that set `idle_timeout_ms` (§C.3).
    "input_audio_buffer.timeout_triggered",
    "output_audio_buffer.cleared",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "response.content_part.added",
    "response.content_part.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
}
_RENAMED = {
    **{name: name for name in _SAME},
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
# What GA puts into events and beta never had (§B.16).
_GA_ONLY: dict[str, set[str]] = {
    "response.function_call_arguments.done": {"name"},
    "conversation.item.input_audio_transcription.completed": {"languages"},
}
_TRANSCRIPTION_KEYS = ("model", "language", "prompt")


class BetaDialect:
    """The dialect of one beta client; the session and its transport share the same one."""

    def __init__(self, kind: SessionKind = "realtime") -> None:
        """Read for a session of this kind."""
        self._kind = kind
        self._spoken = ["audio", "text"]
        """How the client last ordered the modalities of a session that speaks."""
        self._asked: list[str] | None = None
        """The order in the event that is being answered; it counts once that is accepted."""
        self._by_response: dict[str, list[str]] = {}
        self._render: dict[str, Callable[[ServerEvent], list[ServerEvent]]] = {
            "error": self._error,
            "session.created": self._session,
            "session.updated": self._session,
            "conversation.item.added": self._item_added,
            "conversation.item.retrieved": self._with_item,
            "response.output_item.added": self._with_item,
            "response.output_item.done": self._with_item,
            "response.created": self._response_created,
            "response.done": self._response_done,
        }

    def parse(self, raw: str) -> ClientEvent:
        """Read a text frame; raises `ProtocolError` in the client's own terms."""
        return parse_client_event(raw, self._read)

    def _read(self, message: dict[str, Any]) -> ClientEvent:
        self._asked = None
        event = read_event(message, self._kind)
        self._asked = asked_modalities(message)
        return event

    def render(self, event: ServerEvent) -> list[ServerEvent]:
        """Write a server event.

        GA's `conversation.item.done` and `rate_limits.updated` have no counterpart of their own,
        nor has anything that beta did not know; the `Dialect` leaves them out.
        """
        type_ = event["type"]
        special = self._render.get(type_)
        if special is not None:
            return special(event)
        if type_ not in _RENAMED:
            return []
        gone = _GA_ONLY.get(type_, set()) | {"obfuscation"}
        kept = {key: value for key, value in event.items() if key not in gone}
        return [{**kept, "type": _RENAMED[type_]}]

    def _error(self, event: ServerEvent) -> list[ServerEvent]:
        self._asked = None
        given = event["error"]
        error = ProtocolError(given["code"], given["message"], given["param"])
        # The reader names unknown fields as the client does; here they may look like GA's.
        if error.code != "unknown_parameter":
            error = in_beta_names(error)
        return [{**event, "error": {**given, "message": error.message, "param": error.param}}]

    def _session(self, event: ServerEvent) -> list[ServerEvent]:
        session = event["session"]
        if session["type"] == "transcription":
            body = _transcription_session(session)
            return [{**event, "type": f"transcription_{event['type']}", "session": body}]
        if self._asked is not None and len(self._asked) > 1:
            self._spoken = self._asked
        self._asked = None
        return [{**event, "session": _realtime_session(session, self._spoken)}]

    def _item_added(self, event: ServerEvent) -> list[ServerEvent]:
        return [{**event, "type": "conversation.item.created", "item": _item(event["item"])}]

    def _with_item(self, event: ServerEvent) -> list[ServerEvent]:
        return [{**event, "item": _item(event["item"])}]

    def _response_created(self, event: ServerEvent) -> list[ServerEvent]:
        if self._asked is not None and len(self._asked) > 1:
            self._by_response[event["response"]["id"]] = self._asked
        self._asked = None
        limits = [("requests", _REQUEST_LIMIT), ("tokens", _TOKEN_LIMIT)]
        return [
            {**event, "response": self._response(event["response"])},
            # This server sets no limits; clients of the beta look for the event here (§B.16).
            server_event(
                "rate_limits.updated",
                rate_limits=[
                    {"name": name, "limit": limit, "remaining": limit, "reset_seconds": 0.0}
                    for name, limit in limits
                ],
            ),
        ]

    def _response_done(self, event: ServerEvent) -> list[ServerEvent]:
        response = self._response(event["response"])
        self._by_response.pop(response["id"], None)
        return [{**event, "response": response}]

    def _response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        output = response["audio"]["output"]
        spoken = self._by_response.get(response["id"], self._spoken)
        return {
            "object": response["object"],
            "id": response["id"],
            "status": response["status"],
            "status_details": response["status_details"],
            "output": [_item(item) for item in response["output"]],
            "conversation_id": response["conversation_id"],
            "modalities": _modalities(response["output_modalities"], spoken),
            "voice": output["voice"],
            "output_audio_format": _FORMAT_NAMES[output["format"]["type"]],
            "temperature": response.get("temperature", DEFAULT_TEMPERATURE),
            "max_output_tokens": response["max_output_tokens"],
            "usage": _without_images(response["usage"]),
            "metadata": response["metadata"],
        }


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
    heard, said = session["audio"]["input"], session["audio"]["output"]
    choice = session["tool_choice"]
    return {
        "object": session["object"],
        "id": session["id"],
        "model": session["model"],
        "modalities": _modalities(session["output_modalities"], spoken),
        "instructions": session["instructions"],
        "voice": said["voice"],
        "output_audio_format": _FORMAT_NAMES[said["format"]["type"]],
        "tools": [_tool(tool) for tool in session["tools"]],
        # Always a string in beta: for a certain function, its name (§C.3).
        "tool_choice": choice if isinstance(choice, str) else choice["name"],
        "temperature": session.get("temperature", DEFAULT_TEMPERATURE),
        "max_response_output_tokens": session["max_output_tokens"],
        "turn_detection": heard["turn_detection"],
        "speed": said["speed"],
        "tracing": session["tracing"],
        "truncation": session["truncation"],
        "prompt": session["prompt"],
        "expires_at": session["expires_at"],
        **_hearing(heard),
        "client_secret": None,
        "include": session["include"],
    }


def _transcription_session(session: Mapping[str, Any]) -> dict[str, Any]:
    heard = session["audio"]["input"]
    hearing = _hearing(heard)
    return {
        "id": session["id"],
        "object": session["object"],
        "expires_at": session["expires_at"],
        "input_audio_noise_reduction": hearing["input_audio_noise_reduction"],
        "turn_detection": heard["turn_detection"],
        "input_audio_format": hearing["input_audio_format"],
        "input_audio_transcription": hearing["input_audio_transcription"],
        "client_secret": None,
        "include": session["include"],
    }


def _hearing(heard: Mapping[str, Any]) -> dict[str, Any]:
    reduction, transcription = heard["noise_reduction"], heard["transcription"]
    return {
        "input_audio_noise_reduction": reduction and {"type": reduction["type"]},
        "input_audio_format": _FORMAT_NAMES[heard["format"]["type"]],
        "input_audio_transcription": transcription
        and {key: transcription.get(key) for key in _TRANSCRIPTION_KEYS},
    }


def _modalities(ga: list[str], spoken: list[str]) -> list[str]:
    return list(spoken) if ga == ["audio"] else list(ga)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tool[key] for key in ("name", "description", "parameters", "type") if key in tool}


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
