"""Which session a client asks for by the URL and the headers with which it connects (§D.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config import Settings
from protocol import ProtocolError
from serving.model_names import TRANSCRIPTION_MODELS, choose_model
from serving.refused import Refused
from wire.dialect import wants_beta
from wire.errors import invalid_value
from wire.session_fields import SessionKind

_GA_ONLY = re.compile(r"gpt-realtime-2(?!\d)")
"""The second generation of models; a snapshot such as gpt-realtime-2025-08-28 is of the first."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The session that a client asked for."""

    kind: SessionKind
    model: str
    """Name of the model; empty for a transcription session."""
    minted: dict[str, Any] | None = None
    """Configuration of a client secret, as in a `session.update`."""
    beta: bool = False
    """Whether the client speaks the beta dialect (§B.16)."""


def check_handshake(
    settings: Settings,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    subprotocols: Sequence[str],
    minted: dict[str, Any] | None,
    *,
    azure: bool = False,
) -> Handshake:
    """Return what the client asks for.

    OpenAI requires exactly one of `model`, `intent=transcription` and `call_id`. Here all three may
    be missing, so that the URL printed at start works in any WebSocket tool; the session then has
    the configured model.

    Args:
        settings: The server's configuration.
        query: Query parameters of the URL; unknown ones are ignored.
        headers: Request headers, by lower-case name.
        subprotocols: WebSocket subprotocols that the client offers.
        minted: Session configuration of the client's client secret, if it has one.
        azure: Whether the path is Azure's, where `model` is a deployment's name, which may be any.

    Raises:
        Refused: This server does not offer the requested session.
    """
    beta = wants_beta(headers, subprotocols)
    transcribing = _intends_transcription(query)
    model = query.get("model") or None
    if "call_id" in query:
        _check_call_alone(query)
        raise Refused(
            "call_id_not_found", "No session found for the provided call_id.", http_status=404
        )
    if minted is not None:
        if transcribing and minted["type"] != "transcription":
            raise Refused(
                "invalid_value",
                "This client secret is for a realtime session: connect without an intent.",
                "intent",
            )
        transcribing = minted["type"] == "transcription"
    if transcribing:
        if model is not None:
            raise Refused(
                None, "You must not provide a model parameter for transcription sessions.", "model"
            )
        return Handshake("transcription", "", minted, beta)
    asked = (minted or {}).get("model") or model
    if azure:
        asked = asked or query.get("deployment") or None
        if asked is not None and asked not in TRANSCRIPTION_MODELS:
            return Handshake("realtime", asked, minted, beta)
    try:
        model = choose_model(settings, asked)
    except ProtocolError as error:
        raise Refused(error.code, error.message) from None
    if beta and model != settings.llm.model and _GA_ONLY.match(model):
        raise Refused("invalid_model", f'Model "{model}" is only available on the GA API.')
    return Handshake("realtime", model, minted, beta)


def _intends_transcription(query: Mapping[str, str]) -> bool:
    intent = query.get("intent")
    if intent in (None, "transcription"):
        return intent is not None
    error = invalid_value(intent, ["transcription"], "intent")
    raise Refused(error.code, error.message, error.param)


def _check_call_alone(query: Mapping[str, str]) -> None:
    for other in ("model", "intent"):
        if query.get(other):
            raise Refused(
                None, f"You must not provide {other} together with call_id: a call has its own."
            )
