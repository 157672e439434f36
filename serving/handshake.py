"""Which session a client asks for by the URL and the headers with which it connects (§D.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from config import Settings
from protocol import ProtocolError
from serving.model_names import choose_model, names_are_free, own_names, transcribes
from serving.refused import Refused
from serving.session_start import transcription_model
from wire.dialect import wants_beta
from wire.errors import invalid_value
from wire.session_fields import SessionKind, SessionPatch, TranscriptionPatch

_GA_ONLY = re.compile(r"gpt-realtime-2(?!\d)")
"""The second generation of models; a snapshot such as gpt-realtime-2025-08-28 is of the first."""


class Service(Enum):
    """Whose path a client connects to: Azure's paths choose the dialect (§D.7)."""

    OPENAI = "OpenAI"
    """GA, or beta on request (§B.16)."""
    AZURE = "Azure"
    """GA."""
    AZURE_PREVIEW = "Azure's preview"
    """Beta."""

    @property
    def azure(self) -> bool:
        """Whether it is one of Azure's."""
        return self is not Service.OPENAI

    def speaks_beta(self, headers: Mapping[str, str], subprotocols: Sequence[str]) -> bool:
        """Return whether a client of this path is served in the beta dialect (§B.16).

        Args:
            headers: Request headers, by lower-case name.
            subprotocols: WebSocket subprotocols that the client offers.
        """
        if self is Service.OPENAI:
            return wants_beta(headers, subprotocols)
        return self is Service.AZURE_PREVIEW


@dataclass(frozen=True, slots=True)
class Handshake:
    """The session that a client asked for."""

    kind: SessionKind
    model: str
    """Name of the model. Of a transcription session it is the transcription's (§B.11), and empty if
    the URL names none."""
    minted: dict[str, Any] | None = None
    """Configuration of a client secret, as in a `session.update`."""
    beta: bool = False
    """Whether the client speaks the beta dialect (§B.16)."""
    observes: bool = False
    """Whether it is told what the turn detector hears (§D.9)."""
    notices: bool = False
    """Whether it is told what its user may want to know: that there is an echo (§D.9)."""
    stack: str | None = None
    """Name of its stack; None: the default one."""


def check_handshake(
    settings: Settings,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    subprotocols: Sequence[str],
    minted: dict[str, Any] | None,
    service: Service = Service.OPENAI,
    given: SessionPatch | TranscriptionPatch | None = None,
) -> Handshake:
    """Return what the client asks for.

    OpenAI requires exactly one of `model`, `intent=transcription` and `call_id`. Here all three may
    be missing, so that the URL printed at start works in any WebSocket tool; the session then has
    the configured model. And an intent may have a model, as recognisers' clients send it to every
    host but OpenAI's. With `call_id` no session is asked for (`check_call_alone`).

    Args:
        settings: The server's configuration.
        query: Query parameters of the URL; unknown ones are ignored.
        headers: Request headers, by lower-case name.
        subprotocols: WebSocket subprotocols that the client offers.
        minted: Session configuration of the client's client secret, if it has one.
        service: Whose path it is. On Azure's, `deployment` is another name of `model`.
        given: The session that the request describes, if it does (§D.2).

    Raises:
        Refused: This server does not offer the requested session.
    """
    beta = service.speaks_beta(headers, subprotocols)
    transcribing = _intends_transcription(query)
    observes, notices = _observes(settings, query), _wants_notices(query)
    model = query.get("model") or None
    if service.azure:
        model = model or query.get("deployment") or None
    kind = _given_kind(minted, given)
    if kind is not None:
        _check_kind(kind, query, transcribing, minted is not None)
        transcribing = kind == "transcription"
    elif transcribes(model) and names_are_free(settings, azure=service.azure):
        # The service refuses it. Whoever names such a model wants to have speech written down.
        transcribing = True
    if transcribing:
        stack = _stack(settings, _transcribing_model(minted, given) or model)
        return Handshake("transcription", model or "", minted, beta, observes, notices, stack)
    described = given.model if isinstance(given, SessionPatch) else None
    named = (minted or {}).get("model")
    param = "session.model" if described and not named else None
    asked = named or described or model
    answering = _answering(settings, service, asked, beta, param)
    stack = _stack(settings, asked)
    return Handshake("realtime", answering, minted, beta, observes, notices, stack)


def _stack(settings: Settings, asked: str | None) -> str | None:
    return asked if asked in settings.stacks else None


def _transcribing_model(
    minted: dict[str, Any] | None, given: SessionPatch | TranscriptionPatch | None
) -> str | None:
    """Return the transcription's model that a client secret or the request's session names."""
    described = None if given is None else given.model_dump(mode="json", exclude_unset=True)
    return transcription_model(minted) or transcription_model(described)


def _given_kind(
    minted: dict[str, Any] | None, given: SessionPatch | TranscriptionPatch | None
) -> SessionKind | None:
    """Return the kind that the client secret or the request's session has; None: there is none."""
    kind: SessionKind | None = None if minted is None else minted["type"]
    if given is None or given.type == kind:
        return kind
    if kind is not None:
        raise Refused(
            "invalid_value", f"This client secret is for a {kind} session.", "session.type"
        )
    return given.type


def _answering(
    settings: Settings, service: Service, asked: str | None, beta: bool, param: str | None
) -> str:
    """Return the model of a session that answers; `param` is where it was asked for."""
    try:
        model = choose_model(settings, asked, azure=service.azure)
    except ProtocolError as error:
        raise Refused(error.code, error.message, param) from None
    if names_are_free(settings, azure=service.azure):
        return model
    if beta and model not in own_names(settings) and _GA_ONLY.match(model):
        raise Refused("invalid_model", f'Model "{model}" is only available on the GA API.')
    return model


def _intends_transcription(query: Mapping[str, str]) -> bool:
    intent = query.get("intent") or None
    if intent in (None, "transcription"):
        return intent is not None
    error = invalid_value(intent, ["transcription"], "intent")
    raise Refused(error.code, error.message, error.param)


def _observes(settings: Settings, query: Mapping[str, str]) -> bool:
    """Return whether the client wants to watch turn detection, as the console does (§D.9)."""
    wanted = query.get("observe") or None
    if wanted in (None, "turn_detection"):
        if wanted is None or settings.server.console:
            return wanted is not None
        raise Refused(
            "unsupported_value",
            "Turn detection is shown to the console, which is switched off here "
            "(server.console): connect without observe.",
            "observe",
        )
    error = invalid_value(wanted, ["turn_detection"], "observe")
    raise Refused(error.code, error.message, error.param)


def _wants_notices(query: Mapping[str, str]) -> bool:
    """Return whether the client asks for notices (§D.9); names of others are ignored."""
    return "echo" in (query.get("notices") or "").split(",")


def _check_kind(
    kind: SessionKind, query: Mapping[str, str], transcribing: bool, minted: bool
) -> None:
    """Refuse a URL that asks for a session of another kind than is fixed already.

    Args:
        kind: The kind of session that the client secret or the request's session has.
        query: Query parameters of the URL.
        transcribing: Whether the URL has `intent=transcription`.
        minted: Whether a client secret fixes the kind.
    """
    if transcribing and kind != "transcription":
        fixed = "client secret is for" if minted else "request describes"
        raise Refused(
            "invalid_value",
            f"This {fixed} a realtime session: connect without an intent.",
            "intent",
        )
    model = query.get("model")
    if not transcribing and kind == "transcription" and model and not transcribes(model):
        raise Refused(
            None,
            "You must not provide a model parameter for transcription sessions without "
            "intent=transcription.",
            "model",
        )


def check_translation(query: Mapping[str, str]) -> None:
    """Refuse a URL that asks a translation session for what it has not (§D.6).

    Raises:
        Refused: It does.
    """
    for other in ("intent", "observe", "notices"):
        if query.get(other):
            raise Refused(
                "invalid_value",
                f"You must not provide {other} for a translation session: connect without it.",
                other,
            )


def check_call_alone(query: Mapping[str, str]) -> None:
    """Refuse a URL that asks for a running call and for a session at once (§D.4).

    Raises:
        Refused: It does.
    """
    for other in ("model", "intent", "observe", "notices"):
        if query.get(other):
            raise Refused(
                None, f"You must not provide {other} together with call_id: a call has its own."
            )
