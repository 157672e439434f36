"""Configures a new session: the server's defaults, changed by a client secret's patch (§D.1)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from config import Settings
from session.ports import Capabilities
from session.session_config import SessionConfig
from tool_servers.servers import check_server
from wire.beta_reading import read_session
from wire.client_events import UpdateSession, UpdateTranscription
from wire.dates import unix_time
from wire.dialect import GADialect
from wire.envelope import new_id
from wire.errors import invalid_value
from wire.media import Media
from wire.session_fields import SessionKind, SessionPatch, TranscriptionPatch

Patch = SessionPatch | TranscriptionPatch
"""Changes to a session's defaults."""


def read_patch(given: dict[str, Any], kind: SessionKind) -> Patch:
    """Read the `session` of a request, with all the checks of a `session.update`.

    Raises:
        ProtocolError: It is not valid, in the words of `session.update` (§A.1).
    """
    update = json.dumps({"type": "session.update", "session": given}, ensure_ascii=False)
    event = GADialect(kind).parse(update)
    assert isinstance(event, UpdateSession | UpdateTranscription)
    return event.session


def described(given: dict[str, Any], beta: bool = False) -> Patch:
    """Read the session that a request describes, of the kind that it names itself (§D.1, D.2).

    Args:
        given: The session.
        beta: Whether its fields are beta's (§C.3), which name no kind.

    Raises:
        ProtocolError: It is not valid.
    """
    if beta:
        return read_session(given).session
    kind = given.get("type")
    if isinstance(kind, str) and kind not in ("realtime", "transcription"):
        raise invalid_value(kind, ["realtime", "transcription"], "session.type")
    return read_patch(given, "transcription" if kind == "transcription" else "realtime")


def transcription_model(session: dict[str, Any] | None) -> str | None:
    """Return the model by which a session's settings, in GA's form, want speech written down."""
    audio = (session or {}).get("audio") or {}
    asked = (audio.get("input") or {}).get("transcription") or {}
    return asked.get("model") or None


def transcribing_by(model: str, session: dict[str, Any] | None) -> dict[str, Any]:
    """Return a transcription session's settings with the model that the URL names (§B.11).

    So it has transcripts from the start, for clients that send no `session.update`.

    Args:
        model: The name in the URL.
        session: The client secret's settings, if there are any, in GA's form. What they say about
            transcription holds.
    """
    session = session or {"type": "transcription"}
    audio = session.get("audio") or {}
    given = audio.get("input") or {}
    asked = given.get("transcription", {})
    if asked is None or asked.get("model"):
        return session
    heard = {**given, "transcription": {**asked, "model": model}}
    return {**session, "audio": {**audio, "input": heard}}


def start_session(
    settings: Settings,
    capabilities: Capabilities,
    kind: SessionKind,
    model: str,
    patch: Patch | None = None,
    media: Media = Media.EVENTS,
) -> SessionConfig:
    """Configure a new session.

    Args:
        settings: The server's configuration.
        capabilities: What the configured providers can do.
        kind: Whether it answers, or only transcribes.
        model: Name of its model.
        patch: What differs from the defaults.
        media: How its audio travels.

    Raises:
        ProtocolError: The providers cannot do what is asked, or an MCP server may not be used.
    """
    config = SessionConfig(
        settings,
        capabilities,
        session_id=new_id("sess"),
        model=model,
        now=unix_time(),
        kind=kind,
        media=media,
        check_server=partial(check_server, settings.mcp),
    )
    if patch is not None:
        config.apply(patch, voice_locked=False)
    return config
