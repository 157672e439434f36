"""Who gets a session, and which: the one check for every way to open one (§D.7).

Every transport is admitted here: the server must be ready, the page's origin allowed, the key
valid (`enter`), and the requested session possible (`admit`). Limits on open sessions are checked
last (`OpenSessions.take_place`), before the client is connected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config import Settings
from providers.links.passing_on import passed_by
from serving.access.keys import Access, AccessDenied, Grant
from serving.handshake import Handshake, Service, check_handshake, check_translation
from serving.http_errors import not_ready, origin_refused
from serving.lifecycle import Lifecycle
from serving.refused import Refused
from serving.session_start import Patch, described, start_session, transcribing_by
from serving.stacks import Stack, Stacks
from serving.store.kept_sessions import KeptSession
from serving.translation_start import (
    choose_translation_model,
    read_request,
    start_translation,
)
from session.keeping import Resumption
from session.ports import CloseReason
from session.session_config import SessionConfig
from settings.stacks import in_stack
from translation.settings import TranslationSettings
from wire.beta_reading import read_minted
from wire.beta_writing import BetaDialect
from wire.dialect import Dialect, GADialect
from wire.errors import ProtocolError
from wire.media import Media
from wire.translation_events import TranslationDialect

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
    media: Media = Media.EVENTS
    """How its audio travels."""
    session: dict[str, Any] | None = None
    """The session that the request describes (§D.2), as in a `session.update`; None: it does
    not."""

    @property
    def beta(self) -> bool:
        """Whether the client is served in the beta dialect (§B.16)."""
        return self.service.speaks_beta(self.headers, self.subprotocols)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A client that may have a session."""

    config: SessionConfig | TranslationSettings
    stack: Stack
    """What hears, answers and speaks in it."""
    beta: bool
    """Whether it speaks the beta dialect (§B.16)."""
    observes: bool
    """Whether it is told what the turn detector hears (§D.9)."""
    notices: bool
    """Whether it is told that there is an echo (§D.9)."""
    holder: str | None
    """Identifies the key, for limits per key; see `Grant.holder`."""
    label: str
    """The model or the kind of session, for the log."""
    client: str
    """Its address, for the log."""
    resumed: Resumption | None = None
    """What the session goes on from (§D.10); None: it is a new one."""
    kept: KeptSession | None = None
    """What keeps it; None: nothing does."""
    passed: tuple[str, ...] = ()
    """The servers that have passed the session on to this one (`providers/links/passing_on.py`)."""

    def dialect(self) -> Dialect:
        """Return a dialect for the client."""
        return dialect_of(self.config, self.beta)


def dialect_of(config: SessionConfig | TranslationSettings, beta: bool) -> Dialect:
    """Return a dialect for a client of a session."""
    if isinstance(config, TranslationSettings):
        return TranslationDialect()
    return (BetaDialect if beta else GADialect)(config.kind, config.media)


class Admission:
    """Lets clients in."""

    def __init__(
        self,
        settings: Settings,
        stacks: Stacks,
        access: Access,
        lifecycle: Lifecycle,
    ) -> None:
        """Prepare.

        Args:
            settings: The configuration.
            stacks: Those that a session may have.
            access: Checks keys and origins.
            lifecycle: Tells whether sessions can be opened.
        """
        self._settings = settings
        self._stacks = stacks
        self._access = access
        self._lifecycle = lifecycle

    def enter(self, asked: Asked, *, may_resume: bool = False) -> Grant:
        """Let a client in that wants a session.

        Args:
            asked: The request.
            may_resume: Whether a client secret that has expired is let in, for the session that it
                has opened; `check_fresh` refuses it any other.

        Raises:
            Refused: The server is not ready, or the client may not use it.
        """
        if not self._lifecycle.ready:
            raise not_ready(self._lifecycle)
        return self.recognise(asked, may_resume=may_resume)

    def recognise(self, asked: Asked, *, may_resume: bool = False) -> Grant:
        """Let a client in that may use the server, whether or not that takes new sessions.

        It is for what concerns sessions that there are, which go on while the server drains.

        Raises:
            Refused: It may not.
        """
        if not self._access.admits_page(asked.headers):
            raise origin_refused()
        try:
            return self._access.admit(asked.headers, asked.subprotocols, expired_too=may_resume)
        except AccessDenied as denied:
            raise _denied(denied, asked) from None

    def check_fresh(self, asked: Asked, grant: Grant) -> None:
        """Check that a client may have a new session; raises `Refused`."""
        if grant.expired is not None:
            raise _denied(grant.expired, asked)

    def check_control(self, asked: Asked, grant: Grant, holder: str | None) -> None:
        """Check that a client may control a call: by an API key, or the secret that opened it.

        Args:
            asked: The request.
            grant: What `enter` or `recognise` returned.
            holder: The holder of the key that opened the call.

        Raises:
            Refused: It may not.
        """
        if not self._access.controls(grant, holder):
            message = "A client secret controls only the calls that it opened; use an API key here."
            raise _bad_key("invalid_api_key", message, asked)

    def admit(self, asked: Asked, grant: Grant) -> Admitted:
        """Return the session that a client may have.

        Args:
            asked: What it asks for.
            grant: What `enter` returned.

        Raises:
            Refused: There is no such session; the error says why.
        """
        _check_kind_of_secret(asked, grant)
        if asked.translates:
            return self._admit_translation(asked, grant)
        try:
            given = None if asked.session is None else described(asked.session, asked.beta)
        except ProtocolError as error:
            raise Refused(error.code, error.message, error.param) from None
        handshake = check_handshake(
            self._settings,
            asked.query,
            asked.headers,
            asked.subprotocols,
            grant.minted,
            asked.service,
            given,
        )
        stack = self._stacks.of(handshake.stack)
        passed = passed_by(asked.headers)
        if stack.pipelines.leads_back(passed):
            raise _loop(stack)
        return Admitted(
            config=_configure(stack, handshake, given, asked.media),
            stack=stack,
            beta=handshake.beta,
            observes=handshake.observes,
            notices=handshake.notices,
            holder=grant.holder,
            label=_label(handshake),
            client=asked.client,
            passed=passed,
        )

    def _admit_translation(self, asked: Asked, grant: Grant) -> Admitted:
        check_translation(asked.query)
        azure = asked.service.azure
        named = asked.query.get("model") or (azure and asked.query.get("deployment")) or None
        given = asked.session
        if grant.minted is not None:
            # The client secret's session holds; the request may only repeat it.
            given = {key: value for key, value in grant.minted.items() if key != "type"}
        try:
            request = None if given is None else read_request(given)
            wanted = request.model if request is not None else named
            model = choose_translation_model(self._settings, wanted, azure=azure)
            stack = self._stacks.of(wanted)
            config = start_translation(stack, model, request, asked.media)
        except ProtocolError as error:
            raise Refused(error.code, error.message, error.param) from None
        return Admitted(
            config=config,
            stack=stack,
            beta=False,
            observes=False,
            notices=False,
            holder=grant.holder,
            label=_printable(model),
            client=asked.client,
        )


def _configure(stack: Stack, asked: Handshake, given: Patch | None, media: Media) -> SessionConfig:
    try:
        config = start_session(
            stack.settings,
            stack.pipelines.capabilities,
            asked.kind,
            asked.model,
            _patch(asked),
            media,
        )
        if given is not None:
            # As an update would: it changes what was minted (§D.1).
            config.apply(given, voice_locked=False)
    except ProtocolError as error:
        # A client secret's session was checked, but perhaps for another stack, or by a replica with
        # other providers.
        raise Refused(error.code, error.message, error.param) from None
    return config


def _check_kind_of_secret(asked: Asked, grant: Grant) -> None:
    """Refuse a client secret that was made for a session of the other sort (§D.6)."""
    if grant.minted is None:
        return
    translates = grant.minted["type"] == "translation"
    if translates == asked.translates:
        return
    right = "/realtime/translations" if translates else "/realtime"
    kind = "translation" if translates else grant.minted["type"]
    raise Refused(
        "invalid_value", f"This client secret is for a {kind} session: connect to …{right}."
    )


def _denied(denied: AccessDenied, asked: Asked) -> Refused:
    error = denied.error
    hint = _WHERE_KEYS_GO if error.code is None and asked.service.azure else ""
    return _bad_key(error.code, error.message + hint, asked)


def _bad_key(code: str | None, message: str, asked: Asked) -> Refused:
    # Azure refuses a bad key at once, OpenAI in an event (§D.7).
    status = 401 if asked.service.azure else None
    return Refused(code, message, reason=CloseReason.BAD_KEY, http_status=status)


def _loop(stack: Stack) -> Refused:
    passing = "upstream.url" if "upstream" in stack.pipelines.stages() else "stt.api_base"
    setting = in_stack(passing, stack.name)
    return Refused(
        "upstream_loop",
        "This session was passed on by this server, or by too many, one to the next: "
        f"{setting} leads back here. Set it to the address of another server.",
        http_status=508,
    )


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
    return _printable(asked.model)


def _printable(name: str) -> str:
    """Return a model's name as it may stand in the log."""
    if len(name) > LONGEST_LABEL:
        name = f"{name[:LONGEST_LABEL]}…"
    # Any name opens a session: one with a line break must not look like another line of the log.
    return name if name.isprintable() else ascii(name)
