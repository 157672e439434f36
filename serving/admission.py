"""Who gets a session, and which: the one check for every way to open one (§D.7).

Every transport is admitted here: the server must be ready, the page's origin allowed, the key
valid, and the requested session possible. Limits on open sessions are checked last, when the
session opens (`open_sessions.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config import Settings
from pipeline_manager import PipelineManager
from serving.access.keys import Access, AccessDenied, Grant
from serving.handshake import Handshake, Service, check_handshake
from serving.http_errors import not_ready, origin_refused
from serving.lifecycle import Lifecycle
from serving.refused import Refused
from serving.session_start import Patch, start_session, transcribing_by
from session.ports import CloseReason
from session.session_config import SessionConfig
from wire.beta_reading import read_minted
from wire.errors import ProtocolError

_WHERE_KEYS_GO = "; a key may also be in the header api-key, or in the URL as ?api-key="
LONGEST_LABEL = 100
"""Characters of a model's name that are logged."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The request with which a client asks for a session."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Request headers, by lower-case name."""
    subprotocols: Sequence[str] = ()
    """WebSocket subprotocols that the client offers."""
    client: str = "an unknown client"
    """Its address, for the log."""
    service: Service = Service.OPENAI
    """Whose path it is."""
    translates: bool = False
    """Whether the path is that of translation sessions (§B.14)."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that may have a session."""

    config: SessionConfig
    beta: bool
    """Whether it speaks the beta dialect (§B.16)."""
    observes: bool
    """Whether it is told what the turn detector hears (§D.9)."""
    holder: str | None
    """Identifies the key, for limits per key; see `Grant.holder`."""
    label: str
    """The model or the kind of session, for the log."""
    client: str
    """Its address, for the log."""


class Admission:
    """Lets clients in."""

    def __init__(
        self,
        settings: Settings,
        manager: PipelineManager,
        access: Access,
        lifecycle: Lifecycle,
    ) -> None:
        """Prepare.

        Args:
            settings: The configuration.
            manager: Tells what the providers can do.
            access: Checks keys and origins.
            lifecycle: Tells whether sessions can be opened.
        """
        self._settings = settings
        self._manager = manager
        self._access = access
        self._lifecycle = lifecycle

    def admit(self, asked: Asked) -> Admitted:
        """Return the session that a client may have.

        Raises:
            Refused: It may not; the error says why.
        """
        if not self._lifecycle.ready:
            raise not_ready(self._lifecycle)
        if not self._access.admits_page(asked.headers):
            raise origin_refused()
        grant = self._grant(asked)
        if asked.translates:
            raise Refused(
                "unsupported_endpoint",
                "Translation sessions are not supported by this server yet.",
            )
        handshake = check_handshake(
            self._settings,
            asked.query,
            asked.headers,
            asked.subprotocols,
            grant.minted,
            asked.service,
        )
        return Admitted(
            config=self._configure(handshake),
            beta=handshake.beta,
            observes=handshake.observes,
            holder=grant.holder,
            label=_label(handshake),
            client=asked.client,
        )

    def _grant(self, asked: Asked) -> Grant:
        try:
            return self._access.admit(asked.headers, asked.subprotocols)
        except AccessDenied as denied:
            error = denied.error
            hint = _WHERE_KEYS_GO if error.code is None and asked.service.azure else ""
            raise Refused(
                error.code,
                error.message + hint,
                reason=CloseReason.BAD_KEY,
                # Azure refuses a bad key at once, OpenAI in an event (§D.7).
                http_status=401 if asked.service.azure else None,
            ) from None

    def _configure(self, asked: Handshake) -> SessionConfig:
        try:
            return start_session(
                self._settings,
                self._manager.capabilities,
                asked.kind,
                asked.model,
                _patch(asked),
            )
        except ProtocolError as error:
            # The client secret was made by a replica with other providers.
            raise Refused(error.code, error.message, error.param) from None


def _patch(asked: Handshake) -> Patch | None:
    """Return what differs from the defaults: the client secret's, and the URL's model."""
    given = asked.minted
    if given is not None and not asked.beta:
        # A key of the beta endpoints may open a GA session, which has no temperature (§A.9).
        given = {key: value for key, value in given.items() if key != "temperature"}
    if asked.kind == "transcription" and asked.model:
        given = transcribing_by(asked.model, given)
    return None if given is None else read_minted(given, asked.kind).session


def _label(asked: Handshake) -> str:
    """Name the model, or the kind of session, in one line of the log."""
    if asked.kind == "transcription":
        return asked.kind
    name = asked.model
    if len(name) > LONGEST_LABEL:
        name = f"{name[:LONGEST_LABEL]}…"
    # Any name opens a session: one with a line break must not look like another line of the log.
    return name if name.isprintable() else ascii(name)
